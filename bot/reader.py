"""The facts of `bot.rule.Reader`, asked of GitHub through a client that refuses every write.

What is remembered costs no request.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from bot.events import PullRequest, Repository
from bot.memory import Memory
from luggage.github.errors import NotFound


class ReadingClient(Protocol):
    """The one thing that is asked of a client here: `GET`, with the names put into the path."""

    def get(
        self, path: str, /, *, params: Mapping[str, object] | None = None, **names: str | int
    ) -> Any:
        """The decoded JSON of GitHub's answer; raises luggage.github's RequestFailed."""


class GithubReader:
    """Answers the questions of rules for one installation."""

    def __init__(self, client: ReadingClient, memory: Memory) -> None:
        self._client = client
        self._memory = memory

    def membership(self, organization: str, person: str) -> str | None:
        """See `bot.rule.Reader`. GitHub: "Get organization membership for a user"."""
        known = self._memory.membership(organization, person)
        if known is not None:
            return known
        state = membership_at_github(self._client, organization, person)
        if state is not None:
            self._memory.remember(organization, person, state)
        return state

    def merged_pull_requests(
        self, organization: str, person: str, *, latest: tuple[Repository, PullRequest], enough: int
    ) -> int:
        """See `bot.rule.Reader`. GitHub: "Search issues and pull requests", 30 a minute."""
        if enough <= 1:
            return 1
        query = f"is:pr is:merged author:{person} org:{organization}"
        found = self._client.get("/search/issues", params={"q": query, "per_page": enough})
        repository, pull_request = latest
        merged = {_identity(item) for item in found["items"]}
        merged.add((repository.full_name.lower(), pull_request.number))
        return min(len(merged), enough)


def membership_at_github(client: ReadingClient, organization: str, person: str) -> str | None:
    """`active`, `pending` or None, as GitHub has it now; 404 means neither."""
    try:
        answer = client.get(
            "/orgs/{organization}/memberships/{person}", organization=organization, person=person
        )
    except NotFound:
        return None
    return str(answer["state"])


def _identity(item: Mapping[str, Any]) -> tuple[str, int]:
    owner_and_name = "/".join(str(item["repository_url"]).split("/")[-2:])
    return owner_and_name.lower(), int(item["number"])
