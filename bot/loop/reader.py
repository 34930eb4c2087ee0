"""Reader: the facts of `bot.rule.Reader`, from a client that refuses every write.

Each list is bounded, so a large repository cannot make a rule ask forever. GraphQL returns the
mergeability of a hundred pull requests in one request; REST needs a hundred. An unchanged page
does not count against the rate limit (ETags). People's facts are cached where possible.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from bot.actions import ACTIONS, Action, React, Result, kinds, planned_of
from bot.actions.invite import membership
from bot.actions.work import ReadingClient
from bot.actions.write_once import look_first
from bot.events import Person, PullRequest, Repository, person
from bot.facts import (
    MOST_FILES,
    Earlier,
    Effect,
    Merging,
    Moment,
    NotYet,
    PartialList,
    Pull,
    Waiting,
)
from bot.loop.changed_paths import ChangedPaths
from bot.options.globs import LARGEST_PATHS
from bot.store.identities import Names
from bot.store.people import People
from luggage.github.errors import Invalid, NotFound, Transient
from luggage.jobs import JobRow, Queue, State
from luggage.telemetry.redact import one_line

_MOST_LABELS = 1000
_MOST_MOMENTS = 1000
_MOST_WAITING = 300
_MOST_CLAIMED = 500
_MOST_MERGING_PAGES = 5
# How many repositories are asked for merged pull requests where GitHub's search refuses.
_MOST_LISTED = 30
_PAGE = 100
_SEARCH = "/search/issues"
_Merged = set[tuple[str, int]]

_MERGING = """\
query($owner: String!, $name: String!, $base: String, $cursor: String) {
  repository(owner: $owner, name: $name) {
    pullRequests(states: OPEN, first: 100, baseRefName: $base, after: $cursor) {
      pageInfo { hasNextPage endCursor }
      nodes {
        number mergeable isDraft locked baseRefName
        author { login __typename }
        labels(first: 100) { nodes { name } }
      }
    }
  }
}"""
_PULL = frozenset({"pull"})
_TRIAGE = _PULL | {"triage"}
_PUSH = _TRIAGE | {"push"}
_MAINTAIN = _PUSH | {"maintain"}
# The rights of GitHub's own roles, and of the values of `permission`, for answers without rights.
_RIGHTS: Mapping[Any, AbstractSet[str]] = {
    "read": _PULL,
    "triage": _TRIAGE,
    "write": _PUSH,
    "maintain": _MAINTAIN,
    "admin": _MAINTAIN | {"admin"},
}
# The levels of access that rules know, by the right that each needs.
_PERMISSIONS = {"admin": "admin", "write": "push", "read": "pull"}
_MERGES = {"MERGEABLE": True, "CONFLICTING": False}


class IssueFacts:
    """Facts about the issues, pull requests and labels of a repository, from GitHub."""

    def __init__(
        self,
        client: ReadingClient,
        paths: ChangedPaths | None = None,
        people: People | None = None,
    ) -> None:
        self._client = client
        self._people = people
        self._paths = ChangedPaths() if paths is None else paths
        self._commits: dict[tuple[str, int], tuple[str, str]] = {}
        self._files: dict[tuple[str, int], int] = {}

    def labels(self, repository: str, *, named: Collection[str] = ()) -> frozenset[str]:
        """See `bot.rule.Reader`. GitHub: "List labels for a repository", "Get a label"."""
        labels = self._client.pages(f"/repos/{repository}/labels")
        listed = [str(label["name"]) for label in islice(labels, _MOST_LABELS)]
        if len(listed) == _MOST_LABELS:
            known = {name.lower() for name in listed}
            path = f"/repos/{repository}/labels/{{name}}"
            asked = (name for name in named if name.lower() not in known)
            found = (look_first(self._client, path, name=name) for name in asked)
            listed += [str(label["name"]) for label in found if label]
        return frozenset(listed)

    def is_assignable(self, repository: str, number: int, person: str) -> bool:
        """See `bot.rule.Reader`. GitHub: "Check if a user can be assigned to a issue"."""
        try:
            self._client.get(
                f"/repos/{repository}/issues/{number}/assignees/{{person}}", person=person
            )
        except NotFound:
            # GitHub also says so of an issue that it does not show yet: this raises NotFound.
            self._client.get(f"/repos/{repository}/issues/{number}")
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
        self._commits[repository, number] = (pull["head"]["sha"], pull["base"]["ref"])
        self._files[repository, number] = pull.get("changed_files") or 0
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
            files=pull.get("changed_files") or 0,
            is_locked=bool(pull.get("locked")),
        )

    def changed_paths(self, repository: str, number: int) -> Sequence[str]:
        """See `bot.rule.Reader`. GitHub: "List pull requests files"."""
        commits = self._commits.get((repository, number))
        if commits is None:
            return self._changed_paths(repository, number)
        fetch = partial(self._changed_paths, repository, number)
        return self._paths.get((repository, number, *commits), fetch)

    def _changed_paths(self, repository: str, number: int) -> Sequence[str]:
        files = self._client.pages(f"/repos/{repository}/pulls/{number}/files")
        paths: list[str] = []
        size = listed = 0
        for listed, file in enumerate(files, start=1):
            if listed > MOST_FILES or size > LARGEST_PATHS:
                return PartialList(paths)
            before = file.get("previous_filename")
            names = [file["filename"], *([before] if before else [])]
            paths += names
            size += sum(len(name) + 1 for name in names)
        # GitHub lists 3,000 files, and its list may lag behind its count.
        is_short = listed < self._files.get((repository, number), 0)
        return PartialList(paths) if is_short else paths

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
            merging += [_merging(node) for node in page["nodes"] or () if node]
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
        return [self._claimed(issue) for issue in islice(issues, _MOST_CLAIMED)]

    def _claimed(self, issue: Mapping[str, Any]) -> Waiting:
        assignees = issue.get("assignees") or ()
        waiting = _waiting(issue, [one["login"] for one in assignees])
        if self._people is None:
            return waiting
        for one in assignees:
            if one.get("id"):
                self._people.saw(one["login"], one["id"])
        keys = map(self._people.names.account, waiting.people)
        return replace(waiting, keys=tuple(keys))

    def timeline(self, repository: str, number: int) -> Sequence[Moment]:
        """See `bot.rule.Reader`. GitHub: "List timeline events for an issue"."""
        events = self._client.pages(f"/repos/{repository}/issues/{number}/timeline")
        read = list(islice(events, _MOST_MOMENTS + 1))
        moments = [moment for event in read[:_MOST_MOMENTS] if (moment := _moment(event))]
        return PartialList(moments) if len(read) > _MOST_MOMENTS else moments


def _merging(node: Mapping[str, Any]) -> Merging:
    author = node.get("author")
    return Merging(
        number=node["number"],
        author=person(author and {**author, "type": author.get("__typename")}),
        base=node["baseRefName"],
        merges=_MERGES.get(node["mergeable"]),
        is_draft=node["isDraft"],
        labels=_label_names({"labels": (node["labels"] or {}).get("nodes")}),
        is_locked=bool(node.get("locked")),
    )


def _waiting(item: Mapping[str, Any], people: Sequence[str]) -> Waiting:
    return Waiting(
        number=item["number"],
        author=person(item.get("user")),
        labels=_label_names(item),
        people=tuple(people),
        is_draft=bool(item.get("draft")),
        updated_at=_seconds(item["updated_at"]),
        is_locked=bool(item.get("locked")),
    )


def _reviewers(item: Mapping[str, Any], owner: str) -> Sequence[str]:
    reviewers = map(person, item.get("requested_reviewers") or ())
    people = [each.login for each in reviewers if each and not each.is_bot]
    return people + [f"{owner}/{one['slug']}" for one in item.get("requested_teams") or ()]


def _label_names(item: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(one["name"] for one in item.get("labels") or () if one)


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


def _is_another(user: Any, login: str, people: People) -> bool:
    """Whether GitHub answered about an account that has taken over a login of this delivery."""
    known = people.account_id(login)
    return known is not None and bool(user) and user.get("id", known) != known


def _repository_of(item: Mapping[str, Any]) -> str:
    return "/".join(str(item["repository_url"]).split("/")[-2:])


def _is_merged(issue: Mapping[str, Any]) -> bool:
    return bool((issue.get("pull_request") or {}).get("merged_at"))


class Uncounted(Invalid):
    """A person's merged pull requests cannot be counted."""

    usual_remedy = "invite the person with `/invite`, or wait for their next merged pull request"


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
        if answer is None or _is_another(answer.get("user"), person, self._people):
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
            try:
                merged |= self._found(organization, person, merged, enough)
            except Invalid as error:  # It does not find people with a private profile.
                self._add_listed(merged, repository.full_name, person, enough, error)
        return min(len(merged), enough)

    def _found(
        self, organization: str, person: str, merged: _Merged, enough: int
    ) -> AbstractSet[tuple[str, int]]:
        """The merged pull requests that GitHub's search finds; raises Transient if it is cut."""
        query, path = f"is:pr is:merged author:{person} org:{organization}", _SEARCH
        results = self._client.get(path, params={"q": query, "per_page": enough})
        found = {self._identity(_repository_of(item), item) for item in results["items"]}
        if results.get("incomplete_results") and len(merged | found) < enough:
            words = "GitHub's search ran out of time, so its results are incomplete"
            raise Transient(words, method="GET", path=path)
        return found

    def _add_listed(
        self, merged: _Merged, first: str, person: str, enough: int, error: Invalid
    ) -> None:
        """Add the merged pull requests that the repositories list, where the search refuses.

        Stops at `enough`. Raises Uncounted for fewer, unless all repositories of the organisation
        listed theirs. GitHub: "List repository issues", which has pull requests too.
        """
        page = self._client.get("/installation/repositories", params={"per_page": _MOST_LISTED})
        names = [str(each["full_name"]) for each in page["repositories"]]
        is_whole = page.get("repository_selection") == "all" and page["total_count"] == len(names)
        for name in sorted(names, key=lambda each: each.lower() != first.lower()):
            params = {"creator": person, "state": "closed", "per_page": _PAGE}
            try:
                closed = self._client.get(f"/repos/{name}/issues", params=params)
            except (Invalid, NotFound):  # It has no issues, or GitHub does not list this person's.
                is_whole = False
                continue
            merged |= {self._identity(name, each) for each in closed if _is_merged(each)}
            if len(merged) >= enough:
                return
            is_whole = is_whole and len(closed) < _PAGE
        if not is_whole:
            raise Uncounted(
                f"GitHub's search does not show the pull requests of {person}, and of {enough} "
                f"merged ones only {len(merged)} can be seen: {error.message}",
                method=error.method,
                path=error.path,
            ) from error

    def _identity(self, full_name: str, item: Mapping[str, Any]) -> tuple[str, int]:
        return self._people.names.repository(full_name), int(item["number"])


class Accounts:
    """Accounts: their kind, their permissions, and their first contribution."""

    def __init__(self, client: ReadingClient, people: People) -> None:
        self._client = client
        self._people = people

    def is_owner(self, organization: str, person: str) -> bool:
        """See `bot.rule.Reader`. GitHub calls an owner's role "admin"."""
        answer = membership(self._client, organization, person)
        if answer is None or _is_another(answer.get("user"), person, self._people):
            return False
        return (answer["state"], answer["role"]) == ("active", "admin")

    def permission(self, repository: str, person: str) -> str:
        """See `bot.rule.Reader`."""
        rights = self._rights(repository, person)
        return next((name for name, right in _PERMISSIONS.items() if right in rights), "none")

    def may_write(self, repository: str, person: str) -> bool:
        """See `bot.rule.Reader`."""
        # Holders of triage may label, assign and close.
        return "triage" in self._rights(repository, person)

    def may_maintain(self, repository: str, person: str) -> bool:
        """See `bot.rule.Reader`."""
        return "maintain" in self._rights(repository, person)

    def _rights(self, repository: str, person: str) -> AbstractSet[str]:
        """What a user may do in a repository: some of pull, triage, push, maintain and admin.

        GitHub: "Get repository permissions for a user". A custom role has a name of its own, and
        the rights of the role that it inherits. None for an unknown user, and for another account
        than the one that had this login.
        """
        path = "/repos/{owner}/{name}/collaborators/{person}/permission"
        owner, name = repository.split("/")
        answer = look_first(self._client, path, owner=owner, name=name, person=person)
        if answer is None:
            return frozenset()
        user = answer.get("user")
        if _is_another(user, person, self._people):
            return frozenset()
        said = (user or {}).get("permissions")
        if isinstance(said, Mapping):
            return {right for right, has in said.items() if has is True}
        return _RIGHTS.get(answer.get("role_name")) or _RIGHTS.get(
            answer["permission"], frozenset()
        )

    def account(self, login: str) -> Person | None:
        """See `bot.rule.Reader`. GitHub: "Get a user"."""
        answer = look_first(self._client, "/users/{login}", login=login)
        if answer is None:
            return None
        found = person({**answer, "login": answer["login"], "type": answer["type"]})
        if found is not None and answer.get("id"):
            self._people.saw(found.login, answer["id"])
        return found

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


class QueuedActions:
    """The actions in the queue, as `bot.rule.Reader` presents them to rules."""

    def __init__(self, queue: Queue, names: Names) -> None:
        self._queue = queue
        self._names = names

    def wanted_at(self, action: Action) -> float | None:
        """See `bot.rule.Reader`."""
        row = self._queue.find(ACTIONS, self._names.stable(action.key))
        return None if row is None else row.created_at

    def earlier(self, action: Action) -> Earlier | None:
        """See `bot.rule.Reader`."""
        row = self._queue.find(ACTIONS, self._names.stable(action.key))
        planned = None if row is None else planned_of(self._queue.body(row.id))
        if row is None or planned is None:
            return None
        return Earlier(planned.action, has_failed=row.state is State.DEAD)

    def done(self, repository: str, number: int, *, most: int) -> Sequence[Effect]:
        """See `bot.rule.Reader`."""
        # A reaction is only a sign, and each command gets one.
        here = f"{repository}#{number}"
        jobs = {
            row.id: row
            for place in dict.fromkeys([here.lower(), self._names.stable(here.lower())])
            for row in self._queue.search(ACTIONS, within=place, limit=3 * most)
        }
        newest = sorted(jobs.values(), key=lambda row: row.id, reverse=True)
        rows = [row for row in newest if row.kind != React.kind][:most]
        return [self._effect(row) for row in reversed(rows)]

    def _effect(self, row: JobRow) -> Effect:
        planned = planned_of(self._queue.body(row.id))
        text = one_line(planned.action.describe() if planned else row.key)
        if _has_declined(row):
            text = f"said why not: {text}"
        rule = planned.rule if planned else ""
        return Effect(row.created_at, text, rule, row.state is State.DONE)


def _has_declined(row: JobRow) -> bool:
    """Whether the action commented instead."""
    action = kinds().get(row.kind)
    declines = action is not None and action.declines
    return declines and Result.decode(row.result).comment is not None


class GithubReader:
    """Answers the questions of rules for one installation; `clock` is the decision's time."""

    def __init__(  # noqa: PLR0913  the last two are passed by name
        self,
        client: ReadingClient,
        people: People,
        memberships: Memberships,
        past_actions: QueuedActions,
        *,
        clock: Callable[[], float],
        paths: ChangedPaths | None = None,
    ) -> None:
        accounts, issues = Accounts(client, people), IssueFacts(client, paths, people)
        self.now = clock
        self.membership = memberships.membership
        self.membership_now = memberships.membership_now
        self.was_invited = memberships.was_invited
        self.merged_pull_requests = memberships.merged_pull_requests
        self.asked_about = people.asked_about
        self.claims = people.claims
        self.wanted_at = past_actions.wanted_at
        self.earlier = past_actions.earlier
        self.done = past_actions.done
        self.is_owner = accounts.is_owner
        self.permission = accounts.permission
        self.may_write = accounts.may_write
        self.may_maintain = accounts.may_maintain
        self.account = accounts.account
        self.is_first_step = accounts.is_first_step
        self.labels = issues.labels
        self.is_assignable = issues.is_assignable
        self.assigned = issues.assigned
        self.pull = issues.pull
        self.changed_paths = issues.changed_paths
        self.merging = issues.merging
        self.waiting = issues.waiting
        self.claimed = issues.claimed
        self.timeline = issues.timeline


def github_reader(
    client: ReadingClient,
    people: People,
    queue: Queue,
    *,
    clock: Callable[[], float],
    paths: ChangedPaths | None = None,
) -> GithubReader:
    """The reader of the current facts."""
    memberships, past_actions = Memberships(client, people), QueuedActions(queue, people.names)
    return GithubReader(client, people, memberships, past_actions, clock=clock, paths=paths)
