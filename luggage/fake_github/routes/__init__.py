"""What the simulated GitHub answers, one file for each area; ROUTES is all of them."""

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
    registering,
    repositories,
    search,
    teams,
)
from luggage.fake_github.routing import RouteTable

ROUTES = RouteTable()
for _area in (
    apps,
    registering,
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
):
    ROUTES.include(_area.routes)

__all__ = ["ROUTES"]
