"""The facts of `bot.rule.Reader` about issues and pull requests, and what the bot did about them.

Each list is bounded, so that no repository, however large, makes a rule ask without end; which
pull requests merge is asked for by GraphQL, a hundred in one request, where REST would take a
hundred requests. A page that has not changed costs none of GitHub's budget (ETags).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

from bot.actions import ACTIONS, Action, React, planned_of
from bot.actions.issue import Assign, SetState
from bot.events import person
from bot.facts import Effect, Merging, Moment, NotYet, Pull, Waiting
from bot.store.people import Memory
from luggage.github import NotFound
from luggage.jobs import JobRow, Queue, State
from luggage.telemetry.redact import one_line

_MOST_LABELS = 1000
_MOST_MOMENTS = 1000
_MOST_FILES = 3000
_MOST_WAITING = 300
_MOST_CLAIMED = 500
_MOST_MERGING_PAGES = 5

_MERGING = """\
query($owner: String!, $name: String!, $base: String, $cursor: String) {
  repository(owner: $owner, name: $name) {
    pullRequests(states: OPEN, first: 100, baseRefName: $base, after: $cursor) {
      pageInfo { hasNextPage endCursor }
      nodes {
        number mergeable isDraft baseRefName
        author { login __typename }
        labels(first: 100) { nodes { name } }
      }
    }
  }
}"""
_MERGES = {"MERGEABLE": True, "CONFLICTING": False}


class ThreadClient(Protocol):
    """What is asked of a client here; each raises luggage.github's RequestFailed."""

    def get(
        self, path: str, /, *, params: Mapping[str, object] | None = None, **names: str | int
    ) -> Any:
        """The decoded JSON of GitHub's answer."""

    def pages(
        self, path: str, /, *, params: Mapping[str, object] | None = None, **names: str | int
    ) -> Iterator[Any]:
        """The items of all pages, each page asked for when it is reached."""

    def graphql(self, query: str, /, **variables: object) -> Any:
        """The data of a GraphQL query."""


class ThreadFacts:
    """Answers what rules ask about threads, for one installation; see `bot.rule.Reader`."""

    def __init__(
        self, client: ThreadClient, memory: Memory, queue: Queue, clock: Callable[[], float]
    ) -> None:
        self._asked = client
        self._known = memory
        self._queue = queue
        self._clock = clock

    def now(self) -> float:
        """See `bot.rule.Reader`."""
        return self._clock()

    # People and labels

    def may_write(self, repository: str, person: str) -> bool:
        """See `bot.rule.Reader`. GitHub: "Get repository permissions for a user"."""
        path = f"/repos/{repository}/collaborators/{{person}}/permission"
        try:
            answer = self._asked.get(path, person=person)
        except NotFound:
            return False
        # The old field knows no role "triage", which may label, assign and close.
        return answer["permission"] in {"admin", "write"} or answer.get("role_name") == "triage"

    def labels(self, repository: str) -> frozenset[str]:
        """See `bot.rule.Reader`. GitHub: "List labels for a repository"."""
        found = self._asked.pages(f"/repos/{repository}/labels")
        return frozenset(str(one["name"]) for one in islice(found, _MOST_LABELS))

    def is_assignable(self, repository: str, number: int, person: str) -> bool:
        """See `bot.rule.Reader`. GitHub: "Check if a user can be assigned to a issue"."""
        try:
            self._asked.get(
                f"/repos/{repository}/issues/{number}/assignees/{{person}}", person=person
            )
        except NotFound:
            return False
        return True

    def assigned(self, repository: str, person: str, *, enough: int) -> Sequence[int]:
        """See `bot.rule.Reader`. GitHub: "List repository issues"."""
        params = {"assignee": person, "state": "open", "per_page": enough}
        found = self._asked.get(f"/repos/{repository}/issues", params=params)
        return [int(one["number"]) for one in found]

    # Pull requests

    def pull(self, repository: str, number: int, *, settled: bool = False) -> Pull:
        """See `bot.rule.Reader`. GitHub: "Get a pull request"."""
        found = self._asked.get(f"/repos/{repository}/pulls/{number}")
        is_open = found["state"] == "open"
        if settled and is_open and found.get("mergeable") is None:
            raise NotYet(f"GitHub is working out whether {repository}#{number} merges")
        return Pull(
            number=number,
            author=person(found.get("user")),
            title=found["title"],
            head=found["head"]["sha"],
            labels=_label_names(found),
            base=found["base"]["ref"],
            lines=found["additions"] + found["deletions"],
            is_open=is_open,
            is_draft=bool(found.get("draft")),
            merges=found.get("mergeable"),
            updated_at=_seconds(found["updated_at"]),
        )

    def changed_paths(self, repository: str, number: int) -> Sequence[str]:
        """See `bot.rule.Reader`. GitHub: "List pull requests files", 3,000 at most."""
        found = islice(self._asked.pages(f"/repos/{repository}/pulls/{number}/files"), _MOST_FILES)
        paths: list[str] = []
        for one in found:
            paths += [one[name] for name in ("filename", "previous_filename") if one.get(name)]
        return paths

    def merging(self, repository: str, *, base: str | None = None) -> Sequence[Merging]:
        """See `bot.rule.Reader`. GraphQL: `PullRequest.mergeable`."""
        owner, _, name = repository.partition("/")
        found: list[Merging] = []
        cursor = None
        for _page in range(_MOST_MERGING_PAGES):
            data = self._asked.graphql(_MERGING, owner=owner, name=name, base=base, cursor=cursor)
            page = ((data or {}).get("repository") or {}).get("pullRequests")
            if page is None:
                break
            found += [_merging(node) for node in page["nodes"]]
            if not page["pageInfo"]["hasNextPage"]:
                break
            cursor = page["pageInfo"]["endCursor"]
        return found

    def waiting(self, repository: str) -> Sequence[Waiting]:
        """See `bot.rule.Reader`. GitHub: "List pull requests"."""
        params = {"state": "open", "sort": "updated", "direction": "asc"}
        found = self._asked.pages(f"/repos/{repository}/pulls", params=params)
        owner = repository.partition("/")[0]
        return [_waiting(one, _reviewers(one, owner)) for one in islice(found, _MOST_WAITING)]

    def claimed(self, repository: str) -> Sequence[Waiting]:
        """See `bot.rule.Reader`. GitHub: "List repository issues"."""
        params = {"state": "open", "assignee": "*", "sort": "updated", "direction": "asc"}
        found = self._asked.pages(f"/repos/{repository}/issues", params=params)
        return [_waiting(one, _assignees(one)) for one in islice(found, _MOST_CLAIMED)]

    def timeline(self, repository: str, number: int) -> Sequence[Moment]:
        """See `bot.rule.Reader`. GitHub: "List timeline events for an issue"."""
        found = self._asked.pages(f"/repos/{repository}/issues/{number}/timeline")
        return [moment for one in islice(found, _MOST_MOMENTS) if (moment := _moment(one))]

    # What is remembered

    def claims(self, repository: str) -> Sequence[tuple[int, str, float]]:
        """See `bot.rule.Reader`."""
        return self._known.claims(repository)

    def wanted_at(self, action: Action) -> float | None:
        """See `bot.rule.Reader`."""
        row = self._queue.find(ACTIONS, action.key)
        return None if row is None else row.created_at

    def done(self, repository: str, number: int, *, most: int) -> Sequence[Effect]:
        """See `bot.rule.Reader`."""
        # Reactions are signs, not deeds; there is one with each command.
        found = self._queue.search(ACTIONS, within=f"{repository}#{number}", limit=3 * most)
        rows = [row for row in found if row.kind != React.kind][:most]
        return [self._effect(row) for row in reversed(rows)]

    def _effect(self, row: JobRow) -> Effect:
        planned = planned_of(self._queue.body(row.id))
        # What could not be is answered with a comment in its place (bot.actions.perform).
        refused = row.kind in {Assign.kind, SetState.kind} and '"comment"' in row.result
        words = one_line(planned.action.describe() if planned else row.key)
        if refused:
            words = f"said why not: {words}"
        return Effect(
            row.created_at, words, planned.rule if planned else "", row.state is State.DONE
        )


def _merging(node: Mapping[str, Any]) -> Merging:
    author = node.get("author")
    return Merging(
        number=node["number"],
        author=person(author and {**author, "type": author.get("__typename")}),
        base=node["baseRefName"],
        merges=_MERGES.get(node["mergeable"]),
        is_draft=node["isDraft"],
        labels=frozenset(one["name"] for one in node["labels"]["nodes"]),
    )


def _waiting(found: Mapping[str, Any], people: Sequence[str]) -> Waiting:
    return Waiting(
        number=found["number"],
        author=person(found.get("user")),
        labels=_label_names(found),
        people=tuple(people),
        is_draft=bool(found.get("draft")),
        updated_at=_seconds(found["updated_at"]),
    )


def _reviewers(found: Mapping[str, Any], owner: str) -> Sequence[str]:
    people = [one["login"] for one in found.get("requested_reviewers") or ()]
    return people + [f"{owner}/{one['slug']}" for one in found.get("requested_teams") or ()]


def _assignees(found: Mapping[str, Any]) -> Sequence[str]:
    return [one["login"] for one in found.get("assignees") or ()]


def _label_names(found: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(one["name"] for one in found.get("labels") or ())


def _moment(found: Mapping[str, Any]) -> Moment | None:
    """An event of the timeline; None for the kinds that have no time of their own."""
    committed = (found.get("committer") or {}).get("date")
    at = found.get("submitted_at") or found.get("created_at") or committed
    if not at:
        return None
    by = person(found.get("user") or found.get("actor"))
    return Moment(found.get("event", ""), by, _seconds(at), (found.get("state") or "").lower())


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
