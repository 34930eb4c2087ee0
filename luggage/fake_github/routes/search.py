"""GET /search/issues with its common qualifiers and words of the title."""

from collections.abc import Callable

from luggage.fake_github.messages import Answer, invalid
from luggage.fake_github.records import Issue
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes.issues import issue

routes = RouteTable()
_STATES: dict[str, Callable[[Issue], bool]] = {
    "pr": lambda one: one.pull is not None,
    "issue": lambda one: one.pull is None,
    "open": lambda one: one.state == "open",
    "closed": lambda one: one.state == "closed",
    "merged": lambda one: one.pull is not None and one.pull.merged_at is not None,
    "unmerged": lambda one: one.pull is not None and one.pull.merged_at is None,
    "public": lambda one: not one.repository.private,
    "private": lambda one: one.repository.private,
}
_QUALIFIERS: dict[str, Callable[[Issue, str], bool]] = {
    "is": lambda one, value: value in _STATES and _STATES[value](one),
    "type": lambda one, value: value in _STATES and _STATES[value](one),
    "state": lambda one, value: one.state == value,
    "author": lambda one, value: one.author.login.lower() == value,
    "org": lambda one, value: one.repository.owner.login.lower() == value,
    "user": lambda one, value: one.repository.owner.login.lower() == value,
    "repo": lambda one, value: one.repository.full_name.lower() == value,
    "label": lambda one, value: any(each.name.lower() == value for each in one.labels),
}


@routes("GET", "/search/issues")
def search_issues(call: RouteCall) -> Answer:
    """Return the issues that match all terms, newest first, after the read lag."""
    query = call.request.query.get("q", "").lower()
    if not query.strip():
        raise invalid("Search", "q", "missing")
    _require_known(call, query.split())
    matches = [one for one in _indexed(call) if all(_matches(one, term) for term in query.split())]
    matches.sort(key=lambda one: (one.created_at, one.id), reverse=True)
    page, headers = call.slice(matches)
    items = [{**issue(call.world, one), "score": 1.0} for one in page]
    body = {"total_count": len(matches), "incomplete_results": False, "items": items}
    return Answer(200, {**body, "search_type": "lexical"}, headers)


def _require_known(call: RouteCall, terms: list[str]) -> None:
    accounts = call.world.accounts
    shown = {name for name, account in accounts.items() if not account.is_hidden}
    known = {"author": shown, "org": accounts.keys(), "user": accounts.keys()}
    for term in terms:
        name, _, value = term.lstrip("-").partition(":")
        is_known = value.strip('"') in known.get(name, {value.strip('"')})
        if name == "repo":
            is_known = value in call.world.repositories
        if not is_known:
            message = (
                "The listed users and repositories cannot be searched either because the resources "
                "do not exist or you do not have permission to view them."
            )
            raise invalid("Search", "q", message=message)


def _indexed(call: RouteCall) -> list[Issue]:
    horizon = call.world.clock() - call.world.read_lag_seconds
    visible = [
        each
        for each in call.world.repositories.values()
        if not each.private or call.has_access(each.owner)
    ]
    return [one for each in visible for one in each.issues.values() if one.updated_at <= horizon]


def _matches(one: Issue, term: str) -> bool:
    expected = not term.startswith("-")
    name, colon, value = term.lstrip("-").partition(":")
    if colon and name in _QUALIFIERS:
        return _QUALIFIERS[name](one, value.strip('"')) is expected
    return (term.strip('"') in one.title.lower()) is expected
