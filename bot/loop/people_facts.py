"""People facts: memberships, merges, permissions and accounts; cached where possible."""

from collections.abc import Mapping
from typing import Any

from bot.actions.invite import membership
from bot.actions.work import ReadingClient
from bot.actions.write_once import look_first
from bot.events import Person, PullRequest, Repository
from bot.store.people import People


class Memberships:
    """Memberships of an organisation, and the pull requests that people merged in it."""

    def __init__(self, client: ReadingClient, people: People) -> None:
        self._client = client
        self._people = people

    def membership(self, organization: str, person: str) -> str | None:
        """See `bot.rule.Reader`."""
        known = self._people.membership(organization, person)
        return self._fetch(organization, person) if known is None else known

    def membership_now(self, organization: str, person: str) -> str | None:
        """See `bot.rule.Reader`."""
        state = self._fetch(organization, person)
        return self._people.gone(organization, person) if state is None else state

    def _fetch(self, organization: str, person: str) -> str | None:
        """Fetch the state from GitHub and store it; None for neither a member nor invited."""
        answer = membership(self._client, organization, person)
        if answer is None:
            return None
        state = str(answer["state"])
        self._people.remember(organization, person, state)
        return state

    def was_invited(self, organization: str, person: str) -> bool:
        """See `bot.rule.Reader`."""
        return self._people.was_invited(organization, person)

    def merged_pull_requests(
        self, organization: str, person: str, *, latest: tuple[Repository, PullRequest], enough: int
    ) -> int:
        """See `bot.rule.Reader`. GitHub: "Search issues and pull requests", 30 a minute."""
        if enough <= 1:
            return 1
        repository, pull_request = latest
        merged = self._people.merges(
            organization, person, latest=(repository.full_name, pull_request.number)
        )
        if len(merged) < enough:
            query = f"is:pr is:merged author:{person} org:{organization}"
            results = self._client.get("/search/issues", params={"q": query, "per_page": enough})
            merged |= {_identity(item) for item in results["items"]}
        return min(len(merged), enough)


class Accounts:
    """Accounts: their kind, their permissions, and their first contribution."""

    def __init__(self, client: ReadingClient, people: People) -> None:
        self._client = client
        self._people = people

    def is_owner(self, organization: str, person: str) -> bool:
        """See `bot.rule.Reader`. GitHub calls an owner's role "admin"."""
        answer = membership(self._client, organization, person)
        return answer is not None and (answer["state"], answer["role"]) == ("active", "admin")

    def permission(self, repository: str, person: str) -> str:
        """See `bot.rule.Reader`."""
        answer = self._permission(repository, person)
        return "none" if answer is None else str(answer["permission"])

    def may_write(self, repository: str, person: str) -> bool:
        """See `bot.rule.Reader`."""
        answer = self._permission(repository, person)
        if answer is None:
            return False
        # `permission` has no "triage", whose holders may label, assign and close.
        return answer["permission"] in {"admin", "write"} or answer.get("role_name") == "triage"

    def _permission(self, repository: str, person: str) -> Any | None:
        """GitHub: "Get repository permissions for a user"; None for an unknown user."""
        path = "/repos/{owner}/{name}/collaborators/{person}/permission"
        owner, name = repository.split("/")
        return look_first(self._client, path, owner=owner, name=name, person=person)

    def account(self, login: str) -> Person | None:
        """See `bot.rule.Reader`. GitHub: "Get a user"."""
        answer = look_first(self._client, "/users/{login}", login=login)
        return answer and Person(str(answer["login"]), is_bot=answer["type"] != "User")

    def is_first_step(self, repository: str, person: str, number: int) -> bool:
        """See `bot.rule.Reader`. GitHub: "List repository issues", which has pull requests too."""
        first = self._people.first_number(repository, person)
        if first is None:
            first = self._first_number(repository, person, number)
            self._people.came_first(repository, person, first)
        return first == number

    def _first_number(self, repository: str, person: str, number: int) -> int:
        owner, name = repository.split("/")
        params = {"creator": person, "state": "all", "sort": "created", "direction": "asc"}
        path = "/repos/{owner}/{name}/issues"
        oldest = self._client.get(path, params={**params, "per_page": 1}, owner=owner, name=name)
        # The list may lag behind the event.
        return min([number, *(int(each["number"]) for each in oldest)])


def _identity(item: Mapping[str, Any]) -> tuple[str, int]:
    owner_and_name = "/".join(str(item["repository_url"]).split("/")[-2:])
    return owner_and_name.lower(), int(item["number"])
