"""POST /graphql: its first field may be viewer, rateLimit, or open pull requests."""

import re
from typing import Any

from luggage.fake_github.messages import Answer
from luggage.fake_github.records import Issue, Pull
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes.pulls import base_ref

routes = RouteTable()
_PER_PAGE = 100


@routes("POST", "/graphql")
def query(call: RouteCall) -> Answer:
    """Return data, or errors with status 200."""
    text = call.text("Query", "query")
    match = re.search(r"\{\s*(\w+)", text)
    name = match[1] if match else ""
    if name == "viewer":
        return Answer(200, {"data": {"viewer": {"login": call.actor.login}}})
    if name == "rateLimit":
        return Answer(200, {"data": {"rateLimit": {"limit": 5000, "cost": 1, "remaining": 4999}}})
    if name == "repository" and "pullRequests" in text:
        return _pull_requests(call)
    error = {
        "path": ["query", name],
        "extensions": {"code": "undefinedField", "typeName": "Query", "fieldName": name},
        "locations": [{"line": 1, "column": 3}],
        "message": f"Field '{name}' doesn't exist on type 'Query'",
    }
    return Answer(200, {"errors": [error]})


def _pull_requests(call: RouteCall) -> Answer:
    """Return open pull requests of `$owner/$name`, after `$cursor`, optionally for `$base`."""
    variables: dict[str, Any] = call.body().get("variables") or {}
    full_name = f"{variables.get('owner')}/{variables.get('name')}".lower()
    repository = call.world.repositories.get(full_name)
    if repository is None or not call.has_access(repository.owner):
        return Answer(200, {"data": {"repository": None}})
    base, first = variables.get("base"), int(variables.get("cursor") or 0)
    pulls = [
        one
        for one in repository.issues.values()
        if one.pull and one.state == "open" and base in {None, base_ref(one)}
    ]
    last = first + _PER_PAGE
    page = {"hasNextPage": len(pulls) > last, "endCursor": str(last)}
    nodes = [_node(one, one.pull) for one in pulls[first:last] if one.pull]
    return Answer(
        200, {"data": {"repository": {"pullRequests": {"nodes": nodes, "pageInfo": page}}}}
    )


def _node(one: Issue, pull: Pull) -> dict[str, Any]:
    mergeable = (
        "UNKNOWN" if pull.mergeable_pending else "CONFLICTING" if pull.conflicts else "MERGEABLE"
    )
    pull.mergeable_pending = max(0, pull.mergeable_pending - 1)
    return {
        "number": one.number,
        "mergeable": mergeable,
        "isDraft": pull.draft,
        "locked": one.locked,
        "baseRefName": base_ref(one),
        "author": {"login": one.author.login, "__typename": one.author.kind},
        "labels": {"nodes": [{"name": each.name} for each in one.labels]},
    }
