"""Past deliveries and past facts: the input of a preview.

A fact comes from the bot's database if that knows the state at the delivery. GitHub is asked for
the rest: a bounded number of questions, each once. An unknown fact raises a separate error, so
the preview can count what is missing.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from bot.actions import Action, Invite
from bot.actions.work import ReadingClient
from bot.events import DELIVERIES, SCHEDULE, Event, PullRequest, Repository, view
from bot.facts import Earlier, Effect
from bot.loop.reader import GithubReader, Memberships, QueuedActions
from bot.store.enqueue import DeliveryNote
from bot.store.identities import Names
from bot.store.people import People
from luggage.jobs import JobRow, Queue

# How many deliveries, also of other repositories, are scanned at most.
_MOST_SCANNED = 5000
_PAGE = 200
_MOST_ITEMS = 1000


class Unasked(Exception):  # noqa: N818  says what happened
    """A question was not asked: the limit is reached, or GitHub cannot be asked."""


@dataclass(frozen=True, slots=True)
class Past:
    """A stored delivery: its GUID, its time (epoch seconds), its subject and event."""

    guid: str
    received_at: float
    subject: str
    event: Event


def stored(
    queue: Queue, scope: str, *, most: int, is_over: Callable[[], bool] = lambda: False
) -> list[Past]:
    """The last `most` deliveries of a scope that still have a payload, oldest first.

    `scope` is `owner/name` for a repository, `owner` for an organisation, "" for all. Scans 5,000
    deliveries at most, until the time is over; safe to repeat.
    """
    pasts: list[Past] = []
    for row in _newest(queue):
        if len(pasts) == most or is_over():
            break
        if row.kind == SCHEDULE or _is_again(row) or not _within(row.subject, scope):
            continue
        body = queue.body(row.id)
        if body is not None:
            with suppress(ValueError, RecursionError):  # the loop has reported it
                event = view(row.kind, json.loads(body))
                pasts.append(Past(row.key, row.created_at, row.subject, event))
    return pasts[::-1]


def _newest(queue: Queue) -> Iterator[JobRow]:
    before: int | None = None
    for _ in range(_MOST_SCANNED // _PAGE):
        page = queue.search(DELIVERIES, before=before, limit=_PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        before = page[-1].id


def _is_again(row: JobRow) -> bool:
    """Whether the job only runs one rule of an earlier delivery again."""
    return bool(DeliveryNote.decode(row.note).only)


def _within(subject: str, scope: str) -> bool:
    place = subject.partition("#")[0].lower()
    return scope.lower() in {"", place, place.partition("/")[0]}


class Questions:
    """A client that asks GitHub at most `most` questions, each once; then raises Unasked.

    Without a client it asks none. It remembers errors, too. A list is one question, however many
    pages it has.
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
        """The items of all pages; raises Unasked for more than a thousand."""
        return iter(self._ask("pages", path, params=params, **names))

    def graphql(self, query: str, /, **variables: object) -> Any:
        """The data of a GraphQL query."""
        return self._ask("graphql", query, **variables)

    def _ask(self, method: str, what: str, **named: Any) -> Any:
        question = json.dumps([method, what, named], sort_keys=True, default=str)
        if question not in self._answers:
            if self._client is None or self.asked >= self._most:
                raise Unasked(f"{what} was not requested")
            self.asked += 1
            self._answers[question] = self._answer(getattr(self._client, method), what, named)
        answer = self._answers[question]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @staticmethod
    def _answer(ask: Callable[..., Any], what: str, named: Mapping[str, Any]) -> Any:
        try:
            answer = ask(what, **named)
            return _whole(answer) if isinstance(answer, Iterator) else answer
        except Exception as error:  # noqa: BLE001  raised again for each caller
            return error


def _whole(items: Iterator[Any]) -> list[Any]:
    """All items of a list; raises Unasked for a list that is too long, as a part would mislead."""
    found = list(islice(items, _MOST_ITEMS + 1))
    if len(found) > _MOST_ITEMS:
        raise Unasked(f"a list has more than {_MOST_ITEMS} items")
    return found


@dataclass(frozen=True, slots=True)
class Merge:
    """A merged pull request; `merged_at` in epoch seconds."""

    repository: str
    number: int
    merged_at: float


class Merges:
    """Merged pull requests, from stored deliveries and one search a person."""

    def __init__(self, pasts: Sequence[Past], questions: Questions) -> None:
        self._stored = _stored_merges(pasts)
        self._questions = questions

    def until(
        self, organization: str, person: str, when: float, *, enough: int
    ) -> set[tuple[str, int]]:
        """A person's pull requests merged until `when`, a hundred at most; raises Unasked."""
        merged = _until(self._stored.get((organization.lower(), person.lower()), ()), when)
        if len(merged) >= enough:
            return merged
        found, is_whole = self._search(organization, person)
        merged |= _until(found, when)
        if not is_whole and len(merged) < enough:
            raise Unasked("GitHub's search did not list all pull requests")
        return merged

    def _search(self, organization: str, person: str) -> tuple[list[Merge], bool]:
        """The pull requests that the search lists, and whether these are all."""
        query = f"is:pr is:merged author:{person} org:{organization}"
        answer = self._questions.get("/search/issues", params={"q": query, "per_page": 100})
        items = answer["items"]
        is_cut = answer.get("incomplete_results") or answer.get("total_count", 0) > len(items)
        return [_merge(item) for item in items], not is_cut


def _stored_merges(pasts: Sequence[Past]) -> Mapping[tuple[str, str], Sequence[Merge]]:
    merges: dict[tuple[str, str], list[Merge]] = {}
    for past in pasts:
        event, pull = past.event, past.event.pull_request
        if pull and pull.merged and pull.author and event.organization and event.repository:
            key = (event.organization.lower(), pull.author.login.lower())
            name = event.repository.full_name.lower()
            merges.setdefault(key, []).append(Merge(name, pull.number, past.received_at))
    return merges


def _until(merges: Iterable[Merge], when: float) -> set[tuple[str, int]]:
    return {(each.repository, each.number) for each in merges if each.merged_at <= when}


def _merge(item: Mapping[str, Any]) -> Merge:
    repository = "/".join(str(item["repository_url"]).split("/")[-2:]).lower()
    merged_at = datetime.fromisoformat(str(item["pull_request"]["merged_at"]))
    return Merge(repository, int(item["number"]), merged_at.timestamp())


class EarlierActions(QueuedActions):
    """The bot's actions before `since`, the time of the first delivery (epoch seconds)."""

    def __init__(self, queue: Queue, names: Names, since: float) -> None:
        super().__init__(queue, names)
        self._since = since

    def wanted_at(self, action: Action) -> float | None:
        """When an action was first queued, if before `since`."""
        at = super().wanted_at(action)
        return None if at is None or at >= self._since else at

    def earlier(self, action: Action) -> Earlier | None:
        """The action, if it was first queued before `since`."""
        return None if self.wanted_at(action) is None else super().earlier(action)

    def done(self, repository: str, number: int, *, most: int) -> Sequence[Effect]:
        """The actions queued before `since`."""
        effects = super().done(repository, number, most=most)
        return [each for each in effects if each.at < self._since]

    def has_invited_since(self, organization: str, person: str) -> bool:
        """Whether the bot decided to invite the person since then."""
        invite = Invite(organization=organization, person=person)
        return super().wanted_at(invite) is not None and self.wanted_at(invite) is None


class PastMemberships(Memberships):
    """Memberships at `received_at` (epoch seconds), as far as they are known."""

    def __init__(
        self,
        client: ReadingClient,
        people: People,
        actions: EarlierActions,
        merges: Merges,
        received_at: float,
    ) -> None:
        super().__init__(client, people)
        self._actions = actions
        self._merges = merges
        self._received_at = received_at

    def membership(self, organization: str, person: str) -> str | None:
        """The membership; None if the bot invited the person since the first delivery.

        Other settings might not have invited, and these invite once more, which counts once. The
        same holds for everything else that the bot did since then.
        """
        if self._actions.has_invited_since(organization, person):
            return None
        return super().membership(organization, person)

    def membership_now(self, organization: str, person: str) -> str | None:
        """As `membership`: nothing else is known of that time."""
        return self.membership(organization, person)

    def was_invited(self, organization: str, person: str) -> bool:
        """Whether the bot invited the person before."""
        invited = super().was_invited(organization, person)
        return invited and not self._actions.has_invited_since(organization, person)

    def merged_pull_requests(
        self, organization: str, person: str, *, latest: tuple[Repository, PullRequest], enough: int
    ) -> int:
        """The number merged by then, `enough` at most."""
        repository, pull = latest
        merged = {(repository.full_name.lower(), pull.number)}
        if len(merged) < enough:
            merged |= self._merges.until(organization, person, self._received_at, enough=enough)
        return min(len(merged), enough)


def past_reader(  # noqa: PLR0913  sources of facts, and times
    questions: Questions,
    people: People,
    queue: Queue,
    merges: Merges,
    *,
    received_at: float,
    since: float,
) -> GithubReader:
    """The reader of the facts at `received_at`, as far as the database knows them.

    `since` is the time of the preview's first delivery. Both are epoch seconds.
    """
    actions = EarlierActions(queue, people.names, since)
    memberships = PastMemberships(questions, people, actions, merges, received_at)
    return GithubReader(questions, people, memberships, actions, clock=lambda: received_at)
