"""Issue facts: what rules ask GitHub about issues, pull requests and labels.

Each list is bounded, so a large repository cannot make a rule ask forever. GraphQL returns the
mergeability of a hundred pull requests in one request; REST needs a hundred. An unchanged page
does not count against the rate limit (ETags).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from bot.actions.work import ReadingClient
from bot.events import person
from bot.facts import Merging, Moment, NotYet, Pull, Waiting
from luggage.github.errors import NotFound

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


class IssueFacts:
    """Facts about the issues, pull requests and labels of a repository, from GitHub."""

    def __init__(self, client: ReadingClient) -> None:
        self._client = client

    def labels(self, repository: str) -> frozenset[str]:
        """See `bot.rule.Reader`. GitHub: "List labels for a repository"."""
        labels = self._client.pages(f"/repos/{repository}/labels")
        return frozenset(str(label["name"]) for label in islice(labels, _MOST_LABELS))

    def is_assignable(self, repository: str, number: int, person: str) -> bool:
        """See `bot.rule.Reader`. GitHub: "Check if a user can be assigned to a issue"."""
        try:
            self._client.get(
                f"/repos/{repository}/issues/{number}/assignees/{{person}}", person=person
            )
        except NotFound:
            return False
        return True

    def assigned(self, repository: str, person: str, *, enough: int) -> Sequence[int]:
        """See `bot.rule.Reader`. GitHub: "List repository issues"."""
        params = {"assignee": person, "state": "open", "per_page": enough}
        issues = self._client.get(f"/repos/{repository}/issues", params=params)
        return [int(issue["number"]) for issue in issues]

    def pull(self, repository: str, number: int, *, settled: bool = False) -> Pull:
        """See `bot.rule.Reader`. GitHub: "Get a pull request"."""
        pull = self._client.get(f"/repos/{repository}/pulls/{number}")
        is_open = pull["state"] == "open"
        if settled and is_open and pull.get("mergeable") is None:
            raise NotYet(f"GitHub is still computing whether {repository}#{number} can be merged")
        return Pull(
            number=number,
            author=person(pull.get("user")),
            title=pull["title"],
            head=pull["head"]["sha"],
            labels=_label_names(pull),
            base=pull["base"]["ref"],
            lines=pull["additions"] + pull["deletions"],
            is_open=is_open,
            is_draft=bool(pull.get("draft")),
            merges=pull.get("mergeable"),
            updated_at=_seconds(pull["updated_at"]),
        )

    def changed_paths(self, repository: str, number: int) -> Sequence[str]:
        """See `bot.rule.Reader`. GitHub: "List pull requests files", 3,000 at most."""
        files = islice(self._client.pages(f"/repos/{repository}/pulls/{number}/files"), _MOST_FILES)
        paths: list[str] = []
        for file in files:
            paths += [file[name] for name in ("filename", "previous_filename") if file.get(name)]
        return paths

    def merging(self, repository: str, *, base: str | None = None) -> Sequence[Merging]:
        """See `bot.rule.Reader`. GraphQL: `PullRequest.mergeable`."""
        owner, _, name = repository.partition("/")
        merging: list[Merging] = []
        cursor = None
        for _page in range(_MOST_MERGING_PAGES):
            data = self._client.graphql(_MERGING, owner=owner, name=name, base=base, cursor=cursor)
            page = ((data or {}).get("repository") or {}).get("pullRequests")
            if page is None:
                break
            merging += [_merging(node) for node in page["nodes"]]
            if not page["pageInfo"]["hasNextPage"]:
                break
            cursor = page["pageInfo"]["endCursor"]
        return merging

    def waiting(self, repository: str) -> Sequence[Waiting]:
        """See `bot.rule.Reader`. GitHub: "List pull requests"."""
        params = {"state": "open", "sort": "updated", "direction": "asc"}
        pulls = self._client.pages(f"/repos/{repository}/pulls", params=params)
        owner = repository.partition("/")[0]
        return [_waiting(pull, _reviewers(pull, owner)) for pull in islice(pulls, _MOST_WAITING)]

    def claimed(self, repository: str) -> Sequence[Waiting]:
        """See `bot.rule.Reader`. GitHub: "List repository issues"."""
        params = {"state": "open", "assignee": "*", "sort": "updated", "direction": "asc"}
        issues = self._client.pages(f"/repos/{repository}/issues", params=params)
        return [_waiting(issue, _assignees(issue)) for issue in islice(issues, _MOST_CLAIMED)]

    def timeline(self, repository: str, number: int) -> Sequence[Moment]:
        """See `bot.rule.Reader`. GitHub: "List timeline events for an issue"."""
        events = self._client.pages(f"/repos/{repository}/issues/{number}/timeline")
        return [moment for event in islice(events, _MOST_MOMENTS) if (moment := _moment(event))]


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


def _waiting(item: Mapping[str, Any], people: Sequence[str]) -> Waiting:
    return Waiting(
        number=item["number"],
        author=person(item.get("user")),
        labels=_label_names(item),
        people=tuple(people),
        is_draft=bool(item.get("draft")),
        updated_at=_seconds(item["updated_at"]),
    )


def _reviewers(item: Mapping[str, Any], owner: str) -> Sequence[str]:
    people = [one["login"] for one in item.get("requested_reviewers") or ()]
    return people + [f"{owner}/{one['slug']}" for one in item.get("requested_teams") or ()]


def _assignees(item: Mapping[str, Any]) -> Sequence[str]:
    return [one["login"] for one in item.get("assignees") or ()]


def _label_names(item: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(one["name"] for one in item.get("labels") or ())


def _moment(event: Mapping[str, Any]) -> Moment | None:
    """An event of the timeline; None for kinds without a time."""
    committed = (event.get("committer") or {}).get("date")
    at = event.get("submitted_at") or event.get("created_at") or committed
    if not at:
        return None
    by = person(event.get("user") or event.get("actor"))
    return Moment(event.get("event", ""), by, _seconds(at), (event.get("state") or "").lower())


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
