"""Past deliveries and past facts: what a preview is made from.

A fact comes from what is remembered, where that says how things stood at the delivery. GitHub is
asked for the rest: a bounded number of questions, and none of them twice. A fact that cannot be
known is an error of its own, so that a preview says how much is missing.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from bot.actions import Action, Invite
from bot.actions.work import ReadingClient
from bot.events import DELIVERIES, SCHEDULE, Event, PullRequest, Repository, view
from bot.facts import Effect
from bot.loop.deeds import QueuedDeeds
from bot.loop.people_facts import Memberships
from bot.loop.reader import GithubReader
from bot.store.people import People
from luggage.jobs import JobRow, Queue

# What lies between the newest delivery and the last that is looked at, of other repositories.
_MOST_SCANNED = 5000
_PAGE = 200
_MOST_ITEMS = 1000


class Unasked(Exception):  # noqa: N818  it says what became of a question
    """A question that is not asked, because the limit is reached or GitHub cannot be asked."""


@dataclass(frozen=True, slots=True)
class Past:
    """A stored delivery: its X-GitHub-Delivery, when it came (epoch seconds), its event."""

    guid: str
    received_at: float
    subject: str
    event: Event


def stored(queue: Queue, scope: str, *, most: int) -> list[Past]:
    """The last `most` deliveries of a scope that still have their payload, the oldest first.

    `scope` is `owner/name` for a repository, `owner` for all of an organisation, "" for all. Looks
    through 5,000 deliveries at most; safe to repeat.
    """
    found: list[Past] = []
    for row in _newest(queue):
        if len(found) == most:
            break
        if row.kind == SCHEDULE or not _within(row.subject, scope):
            continue
        body = queue.body(row.id)
        if body is not None:
            event = view(row.kind, json.loads(body))
            found.append(Past(row.key, row.created_at, row.subject, event))
    return found[::-1]


def _newest(queue: Queue) -> Iterator[JobRow]:
    before: int | None = None
    for _ in range(_MOST_SCANNED // _PAGE):
        page = queue.recent(DELIVERIES, before=before, limit=_PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        before = page[-1].id


def _within(subject: str, scope: str) -> bool:
    place = subject.partition("#")[0].lower()
    return scope.lower() in {"", place, place.partition("/")[0]}


class Questions:
    """A client that asks GitHub `most` questions, each once; raises Unasked for any more.

    Without a client it asks nothing. Errors are answers too, and are remembered as well. A list is
    one question, however many pages it has.
    """

    def __init__(self, client: ReadingClient | None, most: int) -> None:
        self.asked = 0
        self._client = client
        self._most = most
        self._answers: dict[str, Any] = {}

    def get(
        self, path: str, /, *, params: Mapping[str, object] | None = None, **names: str | int
    ) -> Any:
        """The decoded JSON of GitHub's answer."""
        return self._ask("get", path, params=params, **names)

    def pages(
        self, path: str, /, *, params: Mapping[str, object] | None = None, **names: str | int
    ) -> Iterator[Any]:
        """The items of all pages, a thousand at most."""
        return iter(self._ask("pages", path, params=params, **names))

    def graphql(self, query: str, /, **variables: object) -> Any:
        """The data of a GraphQL query."""
        return self._ask("graphql", query, **variables)

    def _ask(self, method: str, what: str, **named: Any) -> Any:
        question = json.dumps([method, what, named], sort_keys=True, default=str)
        if question not in self._answers:
            if self._client is None or self.asked >= self._most:
                raise Unasked(f"{what} is not asked for")
            self.asked += 1
            self._answers[question] = self._answer(getattr(self._client, method), what, named)
        answer = self._answers[question]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @staticmethod
    def _answer(ask: Callable[..., Any], what: str, named: Mapping[str, Any]) -> Any:
        try:
            found = ask(what, **named)
            return list(islice(found, _MOST_ITEMS)) if isinstance(found, Iterator) else found
        except Exception as error:  # noqa: BLE001  it is raised for each who asks
            return error


@dataclass(frozen=True, slots=True)
class Merge:
    """A pull request that was merged: where, which, and when (epoch seconds)."""

    repository: str
    number: int
    merged_at: float


class Merges:
    """Merged pull requests: from the stored deliveries, then from GitHub's search.

    One question for each person, whatever the deliveries.
    """

    def __init__(self, pasts: Sequence[Past], questions: Questions) -> None:
        self._stored = _stored_merges(pasts)
        self._questions = questions

    def until(
        self, organization: str, person: str, when: float, *, enough: int
    ) -> set[tuple[str, int]]:
        """The pull requests of a person that were merged by then; at most a hundred are found.

        Raises Unasked where the stored ones are not enough and GitHub is not asked.
        """
        found = _by(self._stored.get((organization.lower(), person.lower()), ()), when)
        return found if len(found) >= enough else found | _by(self._ask(organization, person), when)

    def _ask(self, organization: str, person: str) -> list[Merge]:
        query = f"is:pr is:merged author:{person} org:{organization}"
        answer = self._questions.get("/search/issues", params={"q": query, "per_page": 100})
        return [_merge(item) for item in answer["items"]]


def _stored_merges(pasts: Sequence[Past]) -> Mapping[tuple[str, str], Sequence[Merge]]:
    found: dict[tuple[str, str], list[Merge]] = {}
    for past in pasts:
        event, pull = past.event, past.event.pull_request
        if pull and pull.merged and pull.author and event.organization and event.repository:
            whose = (event.organization.lower(), pull.author.login.lower())
            name = event.repository.full_name.lower()
            found.setdefault(whose, []).append(Merge(name, pull.number, past.received_at))
    return found


def _by(merges: Iterable[Merge], when: float) -> set[tuple[str, int]]:
    return {(each.repository, each.number) for each in merges if each.merged_at <= when}


def _merge(item: Mapping[str, Any]) -> Merge:
    repository = "/".join(str(item["repository_url"]).split("/")[-2:]).lower()
    merged_at = datetime.fromisoformat(str(item["pull_request"]["merged_at"]))
    return Merge(repository, int(item["number"]), merged_at.timestamp())


class PastDeeds:
    """What the bot wanted done before `since`: when the first of all deliveries came (epoch)."""

    def __init__(self, queue: Queue, since: float) -> None:
        self._deeds = QueuedDeeds(queue)
        self._since = since

    def wanted_at(self, action: Action) -> float | None:
        """When an action was first wanted, if that was before."""
        at = self._deeds.wanted_at(action)
        return None if at is None or at >= self._since else at

    def done(self, repository: str, number: int, *, most: int) -> Sequence[Effect]:
        """What was wanted before."""
        found = self._deeds.done(repository, number, most=most)
        return [each for each in found if each.at < self._since]

    def has_invited_since(self, organization: str, person: str) -> bool:
        """Whether the bot wanted to invite the person since then."""
        invite = Invite(organization=organization, person=person)
        return self._deeds.wanted_at(invite) is not None and self.wanted_at(invite) is None


class PastMemberships:
    """Who belonged to an organisation at `received_at` (epoch seconds), as far as it is known."""

    def __init__(
        self, now: Memberships, deeds: PastDeeds, merges: Merges, received_at: float
    ) -> None:
        self._now = now
        self._deeds = deeds
        self._merges = merges
        self._received_at = received_at

    def membership(self, organization: str, person: str) -> str | None:
        """None for somebody whom the bot invited since the first delivery of the preview.

        With other settings it might not have done so. With these it wants that once more, which
        counts once. The same holds for all that the bot itself did since then.
        """
        if self._deeds.has_invited_since(organization, person):
            return None
        return self._now.membership(organization, person)

    def membership_now(self, organization: str, person: str) -> str | None:
        """As `membership`; nothing else is known of that time."""
        return self.membership(organization, person)

    def was_invited(self, organization: str, person: str) -> bool:
        """Whether the bot invited the person before."""
        invited = self._now.was_invited(organization, person)
        return invited and not self._deeds.has_invited_since(organization, person)

    def merged_pull_requests(
        self, organization: str, person: str, *, latest: tuple[Repository, PullRequest], enough: int
    ) -> int:
        """As many as were merged then."""
        repository, pull = latest
        merged = {(repository.full_name.lower(), pull.number)}
        if len(merged) < enough:
            merged |= self._merges.until(organization, person, self._received_at, enough=enough)
        return min(len(merged), enough)


def past_reader(  # noqa: PLR0913  # where facts come from, and their time
    questions: Questions,
    people: People,
    queue: Queue,
    merges: Merges,
    *,
    received_at: float,
    since: float,
) -> GithubReader:
    """The reader of the facts at `received_at`, as far as the queue and the people know them.

    `since` is when the first delivery of the preview came. Both are epoch seconds.
    """
    deeds = PastDeeds(queue, since)
    belonging = PastMemberships(Memberships(questions, people), deeds, merges, received_at)
    return GithubReader(questions, people, belonging, deeds, clock=lambda: received_at)
