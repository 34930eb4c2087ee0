"""What lists of issues and of pull requests have in common: the state, and the order."""

from collections.abc import Iterable, Mapping

from luggage.fake_github.records import Issue


def in_state(one: Issue, asked: Mapping[str, str]) -> bool:
    """Whether it is in the state that was asked for; without one, the open ones are meant."""
    return asked.get("state", "open") in {one.state, "all"}


def in_order(found: Iterable[Issue], asked: Mapping[str, str]) -> list[Issue]:
    """In the order that was asked for: by creation or change, the newest first or the oldest."""
    by_change = asked.get("sort") == "updated"
    return sorted(
        found,
        key=lambda one: (one.updated_at if by_change else one.created_at, one.number),
        reverse=asked.get("direction", "desc") == "desc",
    )
