"""Filters and order that lists of issues and of pull requests share."""

from collections.abc import Iterable, Mapping

from luggage.fake_github.records import Issue


def in_state(one: Issue, query: Mapping[str, str]) -> bool:
    """Return whether the issue has the requested state; the default is open."""
    return query.get("state", "open") in {one.state, "all"}


def in_order(issues: Iterable[Issue], query: Mapping[str, str]) -> list[Issue]:
    """Return the issues in the requested order; the default is newest first."""
    by_update = query.get("sort") == "updated"
    return sorted(
        issues,
        key=lambda one: (one.updated_at if by_update else one.created_at, one.number),
        reverse=query.get("direction", "desc") == "desc",
    )
