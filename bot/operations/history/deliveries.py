"""History of deliveries, for subcommands, the console and the status page.

Records are frozen and made for people: outside text is redacted and made visible
(luggage.telemetry.redact), times are epoch seconds. Reading changes nothing; `retry`, `again` and
`bury` do. A delivery includes its actions: it is dead when one of them is.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.actions import ACTIONS, kinds
from bot.events import DELIVERIES
from bot.operations.history.records import (
    ActionRow,
    Activity,
    DeliveryDetail,
    DeliveryRow,
    Hour,
    Mention,
    Step,
    action_row,
    decoded,
    delivery_of,
    delivery_row,
    delivery_words,
    is_public,
    step_of,
)
from luggage.jobs import JobRow, Queue, State
from luggage.telemetry.redact import one_line

# Look-ups by subject and person have no index: a page searches this many jobs, about half a second.
MOST_SEARCHED = 200_000
# Searches read this many deliveries at a time.
_PAGE = 100
_LARGEST_PARSED = 1_000_000
_HOUR_SECONDS = 3600
# The names in the key of an action.
_WORDS = re.compile(r"[^\s/#:,]+")
BURIED = "discarded by hand"


class UnknownDelivery(Exception):  # noqa: N818
    """No delivery, or several, match; the message names what was given."""


class DeliveryHistory:
    """The history in the queue; raises SQLAlchemyError if the database is away. Thread-safe.

    With `tenants`, deliveries of other installations are unknown to it.
    """

    def __init__(
        self,
        queue: Queue,
        *,
        clock: Callable[[], float],
        tenants: Collection[str] | None = None,
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._tenants = tenants

    # Reading

    def deliveries(  # noqa: PLR0913  search filters
        self,
        *,
        state: State | None = None,
        event: str | None = None,
        repository: str | None = None,
        text: str | None = None,
        before: int | None = None,
        limit: int = 50,
        on_progress: Callable[[int], object] = lambda _number: None,
        most: int | None = None,
    ) -> Sequence[DeliveryRow]:
        """The deliveries that match, newest first, at most `limit`.

        `state` is that of the delivery or of one of its actions; `done` finds those with nothing
        left to do. `repository` is `owner/name`. Pass the last one's id as `before` for the next
        page.

        `text` is searched for in the payloads, ignoring case; expired ones never match. Payloads
        are compressed, so each is unpacked, newest first, until `limit` are found: a few seconds
        for ten thousand. `on_progress` receives the size of each page searched; the search stops
        after `most` deliveries (rounded up to a hundred).
        """
        conditions: dict[str, Any] = {
            "state": state,
            "kind": event,
            "within": repository,
            "tenants": self._tenants,
        }
        if text is None:
            jobs = self._queue.search(DELIVERIES, **conditions, before=before, limit=limit)
            return self._rows(jobs)
        matches: list[DeliveryRow] = []
        searched = 0
        for page in self._pages(conditions, before):
            matches += self._rows(self._with_text(page, text))
            on_progress(len(page))
            searched += len(page)
            if len(matches) >= limit or (most is not None and searched >= most):
                break
        return matches[:limit]

    def every(self, **conditions: Any) -> Iterator[DeliveryRow]:
        """All deliveries that match the filters of `deliveries`, newest first, page by page."""
        before: int | None = None
        while page := self.deliveries(**conditions, before=before, limit=_PAGE):
            yield from page
            before = page[-1].id

    def _pages(
        self, conditions: Mapping[str, Any], before: int | None
    ) -> Iterator[Sequence[JobRow]]:
        """The matching deliveries that have a payload."""
        while page := self._queue.search(
            DELIVERIES, **conditions, before=before, with_body=True, limit=_PAGE
        ):
            yield page
            before = page[-1].id

    def _with_text(self, page: Sequence[JobRow], text: str) -> Sequence[JobRow]:
        return [job for job in page if _contains(self._queue.body(job.id) or b"", text)]

    def _rows(self, jobs: Sequence[JobRow]) -> Sequence[DeliveryRow]:
        children = self._queue.asked_for([job.id for job in jobs])
        return [delivery_row(job, children[job.id]) for job in jobs]

    def find(self, guid: str) -> DeliveryRow:
        """The only delivery whose X-GitHub-Delivery starts with `guid`; raises UnknownDelivery."""
        return self._rows([self.find_job(guid)])[0]

    def find_job(self, delivery: JobRow | str) -> JobRow:
        """The job of a delivery, or the only one whose GUID starts so; raises UnknownDelivery."""
        if isinstance(delivery, JobRow):
            return delivery
        if (job := self._queue.find(DELIVERIES, delivery)) is not None and self.sees(job):
            return job
        found = self._queue.beginning(DELIVERIES, delivery, limit=_PAGE) if delivery else []
        # A rule that is evaluated again has the GUID of its delivery, too.
        jobs = [each for each in found if each.parent is None and self.sees(each)]
        if len(jobs) != 1:
            problem = "several deliveries start with" if jobs else "no delivery"
            raise UnknownDelivery(one_line(f"{problem} {delivery}"))
        return jobs[0]

    def sees(self, job: JobRow) -> bool:
        """Whether a job belongs to the installations of this history."""
        return self._tenants is None or job.tenant in self._tenants

    def delivery(self, delivery: JobRow | str) -> DeliveryDetail:
        """A delivery in full, from its job or its GUID as in `find`. Raises UnknownDelivery."""
        return self._detail(self.find_job(delivery))

    def _detail(self, job: JobRow) -> DeliveryDetail:
        descendants = self.descendants(job)
        actions = [self.action(each) for each in descendants]
        return delivery_of(job, descendants, self._queue.body(job.id), actions)

    def because_of(self, job: JobRow) -> DeliveryDetail:
        """The delivery behind an action, or behind a reevaluated rule."""
        return self._detail(self.root(job))

    def root(self, job: JobRow) -> JobRow:
        """The job of the delivery behind an action, or behind a reevaluated rule."""
        while job.parent is not None:
            job = self._queue.get(job.parent) or replace(job, parent=None)
        return job

    def timeline(
        self, subject: str, *, before: int | None = None, limit: int = 20
    ) -> tuple[Sequence[Step], int | None]:
        """The deliveries about an issue, or with actions on it, newest first, at most `limit`.

        `subject` is `owner/repo#number`. The second value is the `before` of the next page, None
        on the last one. A page looks at MOST_SEARCHED jobs, so it may be empty and not the last.
        """
        found, older = self._window(
            DELIVERIES, before, limit, {"within": subject, "with_children": True}
        )
        roots = {root.id: root for root in map(self.root, found)}
        return [self._step(each) for each in roots.values()], older

    def _window(
        self, queue: str, before: int | None, limit: int, conditions: Mapping[str, Any]
    ) -> tuple[Sequence[JobRow], int | None]:
        """One page of a search without an index, and the `before` of the next one."""
        end = self._queue.newest_id() + 1 if before is None else before
        since = end - MOST_SEARCHED
        found = self._queue.search(
            queue, **conditions, tenants=self._tenants, before=end, since=since, limit=limit + 1
        )
        if len(found) > limit:
            return found[:limit], found[limit - 1].id
        return found, since if since > 1 else None

    def _step(self, job: JobRow) -> Step:
        descendants = self.descendants(job)
        body = self._queue.body(job.id)
        # A page shows many: none may take long.
        small = body if len(body or b"") <= _LARGEST_PARSED else None
        return step_of(job, descendants, small, [self.action(each) for each in descendants])

    def caused_by(
        self, person: int, *, before: int | None = None, limit: int = 50
    ) -> tuple[Sequence[DeliveryRow], int | None]:
        """The deliveries that a person (a GitHub id) caused, newest first; pages as `timeline`."""
        conditions = {"concerns": (str(person), ())}
        found, older = self._window(DELIVERIES, before, limit, conditions)
        return self._rows(found), older

    def concerning(
        self, person: int | None, names: Collection[str], *, before: int | None = None
    ) -> tuple[Sequence[Mention], int | None]:
        """The actions about a person, or that the person caused, newest first; pages as `timeline`.

        `person` is a GitHub id, `names` are names that keys of actions may contain, in lower case.
        Looks at a hundred candidates a page.
        """
        identity = "" if person is None else str(person)
        found, older = self._window(ACTIONS, before, _PAGE, {"concerns": (identity, names)})
        # `ann` is a part of `anna`, but not that person.
        known = set(names)
        mentions = [
            Mention(self.action(job), self.root(job).id)
            for job in found
            if (identity and job.person == identity)
            or not known.isdisjoint(_WORDS.findall(job.key))
        ]
        return mentions, older

    def descendants(self, job: JobRow) -> Sequence[JobRow]:
        """The actions of a delivery, with reevaluated rules and their actions, as they are now."""
        return [
            each
            for child in self._queue.children(job.id)
            for each in (child, *(self.descendants(child) if child.queue == DELIVERIES else ()))
        ]

    def action(self, job: JobRow) -> ActionRow:
        """An action, from its job in the queue."""
        return action_row(job, self._queue.body(job.id))

    # Changing

    def retry(self, delivery: JobRow | str) -> Sequence[JobRow]:
        """Retry a dead delivery, or its dead actions; returns them, empty for none.

        Takes its job or its GUID. Jobs that wait for a dead action follow it. Safe to repeat.
        Raises UnknownDelivery; WrongState if the payload has expired, or a worker was faster.
        """
        job = self.find_job(delivery)
        dead = [each for each in [job, *self.descendants(job)] if each.state is State.DEAD]
        for each in dead:
            self._queue.revive(each)
        return dead

    def bury(self, delivery: JobRow | str) -> Sequence[JobRow]:
        """Discard what is left to do of a delivery; returns it, empty for none.

        Takes its job or its GUID. Discarded jobs are ignored from then on; `again` and
        `Queue.revive` bring them back. Safe to repeat. Raises UnknownDelivery; WrongState if a
        worker has just taken a job.
        """
        job = self.find_job(delivery)
        open_states = (State.DEAD, State.HELD, State.READY)
        left = [each for each in [job, *self.descendants(job)] if each.state in open_states]
        for each in left:
            self._queue.dismiss(each.id, BURIED)
        return left

    def again(self, delivery: JobRow | str) -> None:
        """Evaluate a delivery again, whatever its state. Takes its job or its GUID.

        Known actions are not queued again: their keys identify them. Safe to repeat. Raises
        UnknownDelivery; WrongState if it is being evaluated or has expired.
        """
        self._queue.revive(self.find_job(delivery), done_too=True)

    def words(self, job: JobRow) -> str:
        """A delivery or an action in words."""
        return one_line(delivery_words(job)) if job.queue == DELIVERIES else self.action(job).words

    # Public

    def lately(self, limit: int = 10) -> Sequence[Activity]:
        """Recent activity in words for the public, newest first, at most `limit` entries.

        Names no person and no private repository. A repository counts as public only if its newest
        delivery says so, and that has a megabyte at most. Takes about 1 ms an entry, so a page
        should not call it for each visitor.
        """
        names: dict[str, str] = {}
        activities: list[Activity] = []
        phrases = {kind: action.public for kind, action in kinds().items()}
        # Bounded, because a bot of private repositories has nothing to show.
        for job in self._queue.search(ACTIONS, state=State.DONE, limit=10 * limit):
            cause = None if job.parent is None else self._queue.get(job.parent)
            phrase = phrases.get(job.kind, "")
            if cause is None or not phrase or len(activities) == limit:
                continue
            where = cause.subject.partition("#")[0]
            if where not in names:
                names[where] = self._public_name(where)
            if names[where]:
                text = _public_text(phrase, names[where], (job.subject, cause.subject))
                activities.append(Activity(job.changed_at, one_line(text)))
        return activities

    def _public_name(self, subject: str) -> str:
        """The repository that a delivery's subject starts with if it is public now, else ""."""
        newest = self._queue.search(DELIVERIES, within=subject, limit=1) if subject else []
        body = self._queue.body(newest[0].id) if newest else None
        # The status page is public: nobody may make it parse for long.
        payload = decoded(body) if len(body or b"") <= _LARGEST_PARSED else {}
        return str(payload["repository"].get("full_name", "")) if is_public(payload) else ""

    def per_hour(self, hours: int = 24) -> Sequence[Hour]:
        """Counts for each of the last hours (UTC), oldest first, including the current one."""
        this = int(self._clock() // _HOUR_SECONDS)
        first = this - hours + 1
        counts = self._queue.per_hour(first * _HOUR_SECONDS)
        return [
            Hour(
                since=float(hour * _HOUR_SECONDS),
                deliveries=counts.get((DELIVERIES, hour), 0),
                actions=counts.get((ACTIONS, hour), 0),
            )
            for hour in range(first, this + 1)
        ]


def _contains(body: bytes, text: str) -> bool:
    """Whether a payload contains a text, as JSON writes it, with or without escapes."""
    needle = json.dumps(text, ensure_ascii=False)[1:-1].casefold()
    raw = body.decode(errors="replace")
    if "\\u" in raw:
        raw = json.dumps(decoded(body), ensure_ascii=False)
    return needle in raw.casefold()


def _public_text(phrase: str, repository: str, subjects: Sequence[str]) -> str:
    """The public text of an action: the phrase of its kind, filled in."""
    numbered = (each for each in subjects if each.startswith(f"{repository}#"))
    return phrase.format(
        owner=repository.partition("/")[0],
        place=next(numbered, repository),
        repository=repository,
    )
