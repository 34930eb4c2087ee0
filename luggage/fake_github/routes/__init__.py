"""Routes of the simulated GitHub, one module per area; ROUTES holds all."""

from luggage.fake_github.routes import (
    apps,
    checks,
    contents,
    graphql,
    hooks,
    issues,
    organizations,
    people,
    pulls,
    reactions,
    registration,
    repositories,
    search,
    teams,
    threads,
)
from luggage.fake_github.routing import RouteTable

ROUTES = RouteTable()
for _area in (
    apps,
    registration,
    hooks,
    organizations,
    teams,
    people,
    repositories,
    contents,
    checks,
    issues,
    pulls,
    reactions,
    search,
    graphql,
    threads,
):
    ROUTES.include(_area.routes)

__all__ = ["ROUTES"]
