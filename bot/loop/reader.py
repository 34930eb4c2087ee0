"""The facts of `bot.rule.Reader`, asked of GitHub through a client that refuses every write.

What is remembered costs no request.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bot.actions.membership import membership_at_github, place_at_github
from bot.events import Person, PullRequest, Repository
from bot.loop.issue_facts import ThreadClient, ThreadFacts
from bot.store.people import Memory
from luggage.github.errors import NotFound
from luggage.jobs import Queue


class GithubReader(ThreadFacts):
    """Answers the questions of rules for one installation."""

    def __init__(
        self, client: ThreadClient, memory: Memory, queue: Queue, *, clock: Callable[[], float]
    ) -> None:
        super().__init__(client, memory, queue, clock)
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
        repository, pull_request = latest
        merged = self._memory.merges(
            organization, person, latest=(repository.full_name, pull_request.number)
        )
        if len(merged) < enough:
            query = f"is:pr is:merged author:{person} org:{organization}"
            found = self._client.get("/search/issues", params={"q": query, "per_page": enough})
            merged |= {_identity(item) for item in found["items"]}
        return min(len(merged), enough)

    def membership_now(self, organization: str, person: str) -> str | None:
        """See `bot.rule.Reader`."""
        state = membership_at_github(self._client, organization, person)
        if state is None:
            return self._memory.gone(organization, person)
        self._memory.remember(organization, person, state)
        return state

    def is_owner(self, organization: str, person: str) -> bool:
        """See `bot.rule.Reader`. GitHub calls an owner's role "admin"."""
        place = place_at_github(self._client, organization, person)
        return place is not None and (place["state"], place["role"]) == ("active", "admin")

    def permission(self, repository: str, person: str) -> str:
        """See `bot.rule.Reader`. GitHub: "Get repository permissions for a user"."""
        owner, name = repository.split("/")
        try:
            answer = self._client.get(
                "/repos/{owner}/{name}/collaborators/{person}/permission",
                owner=owner,
                name=name,
                person=person,
            )
        except NotFound:
            return "none"
        return str(answer["permission"])

    def account(self, login: str) -> Person | None:
        """See `bot.rule.Reader`. GitHub: "Get a user"."""
        try:
            found = self._client.get("/users/{login}", login=login)
        except NotFound:
            return None
        return Person(str(found["login"]), is_bot=found["type"] != "User")

    def is_first_step(self, repository: str, person: str, number: int) -> bool:
        """See `bot.rule.Reader`. GitHub: "List repository issues", which has pull requests too."""
        first = self._memory.first_number(repository, person)
        if first is None:
            first = self._first_at_github(repository, person, number)
            self._memory.came_first(repository, person, first)
        return first == number

    def _first_at_github(self, repository: str, person: str, number: int) -> int:
        owner, name = repository.split("/")
        oldest = {
            "creator": person,
            "state": "all",
            "sort": "created",
            "direction": "asc",
            "per_page": 1,
        }
        path = "/repos/{owner}/{name}/issues"
        found = self._client.get(path, params=oldest, owner=owner, name=name)
        # The list may lag behind the event that brought us here.
        return min([number, *(int(each["number"]) for each in found)])

    def was_invited(self, organization: str, person: str) -> bool:
        """See `bot.rule.Reader`."""
        return self._memory.was_invited(organization, person)

    def asked_about(self, place: str) -> tuple[str, str] | None:
        """See `bot.rule.Reader`."""
        return self._memory.asked_about(place)


def _identity(item: Mapping[str, Any]) -> tuple[str, int]:
    owner_and_name = "/".join(str(item["repository_url"]).split("/")[-2:])
    return owner_and_name.lower(), int(item["number"])
