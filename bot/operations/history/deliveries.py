"""What became of the deliveries: for the operator's tools, the console and the status page.

Frozen values, made for people: texts from outside come redacted and visible (.redact), times in
seconds since the epoch. Looking changes nothing; `retry`, `again` and `bury` are what a person can
decide. A delivery and its actions are looked at as one: it is dead when one of its actions is.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    action_row,
    decoded,
    delivery_of,
    delivery_row,
    is_public,
)
from luggage.jobs import JobRow, Queue, State, UnknownJob
from luggage.telemetry.redact import one_line

# Deliveries are looked through in pages of so many.
_PAGE = 100
_HOUR_SECONDS = 3600
BURIED = "discarded by hand"


class UnknownDelivery(Exception):  # noqa: N818
    """There is no such delivery, or several begin so; the message says which it was."""


class DeliveryHistory:
    """Looks through the queue for people; threads may share it.

    Every method raises SQLAlchemyError when the database is away.
    """

    def __init__(self, queue: Queue, *, clock: Callable[[], float]) -> None:
        self._queue = queue
        self._clock = clock

    # Looking

    def deliveries(  # noqa: PLR0913  # each is one condition of a search
        self,
        *,
        state: State | None = None,
        event: str | None = None,
        repository: str | None = None,
        text: str | None = None,
        before: int | None = None,
        limit: int = 50,
        looked: Callable[[int], object] = lambda _number: None,
        most: int | None = None,
    ) -> Sequence[DeliveryRow]:
        """The deliveries that match, newest first, at most `limit`.

        `state` is that of the delivery or of one of its actions; `done` are those of which nothing
        is left to do. `repository` is `owner/name`. With the id of the last one as `before` the
        next page is had.

        `text` is looked for in the payloads, without regard to case. They lie compressed, so each
        is unpacked, newest first, until `limit` are found: a few seconds for ten thousand payloads,
        and without another condition it may be all of them. `looked` is told after every hundred
        how many more have been looked through; of more than `most` (in hundreds) none is. Expired
        payloads hold no text.
        """
        conditions: dict[str, Any] = {"state": state, "kind": event, "within": repository}
        if text is None:
            jobs = self._queue.search(DELIVERIES, **conditions, before=before, limit=limit)
            return self._rows(jobs)
        found: list[DeliveryRow] = []
        seen = 0
        for page in self._pages(conditions, before):
            found += self._rows(self._with_text(page, text))
            looked(len(page))
            seen += len(page)
            if len(found) >= limit or (most is not None and seen >= most):
                break
        return found[:limit]

    def every(self, **conditions: Any) -> Iterator[DeliveryRow]:
        """All deliveries that match the conditions of `deliveries`, newest first, page by page."""
        before: int | None = None
        while found := self.deliveries(**conditions, before=before, limit=_PAGE):
            yield from found
            before = found[-1].id

    def _pages(
        self, conditions: Mapping[str, Any], before: int | None
    ) -> Iterator[Sequence[JobRow]]:
        """The deliveries that match and have a payload."""
        while page := self._queue.search(
            DELIVERIES, **conditions, before=before, with_body=True, limit=_PAGE
        ):
            yield page
            before = page[-1].id

    def _with_text(self, page: Sequence[JobRow], text: str) -> Sequence[JobRow]:
        return [job for job in page if _holds(self._queue.body(job.id) or b"", text)]

    def _rows(self, jobs: Sequence[JobRow]) -> Sequence[DeliveryRow]:
        asked = self._queue.asked_for([job.id for job in jobs])
        return [delivery_row(job, asked[job.id]) for job in jobs]

    def find(self, guid: str) -> DeliveryRow:
        """The delivery with this X-GitHub-Delivery, or the only one whose begins so.

        Raises UnknownDelivery.
        """
        return self._rows([self._job(guid)])[0]

    def _job(self, guid: str) -> JobRow:
        if (exactly := self._queue.find(DELIVERIES, guid)) is not None:
            return exactly
        found = self._queue.beginning(DELIVERIES, guid) if guid else []
        if len(found) != 1:
            many = f"several deliveries begin with {guid}" if found else f"no delivery {guid}"
            raise UnknownDelivery(one_line(many))
        return found[0]

    def delivery(self, guid: str) -> DeliveryDetail:
        """All about one delivery, named as in `find`. Raises UnknownDelivery."""
        return self._whole(self._job(guid))

    def _whole(self, job: JobRow) -> DeliveryDetail:
        asked = self._family(job)
        actions = [self.action(each) for each in asked]
        return delivery_of(job, asked, self._queue.body(job.id), actions)

    def because_of(self, job: JobRow) -> DeliveryDetail:
        """The delivery behind an action, or behind a rule that was asked again."""
        while job.parent is not None:
            job = self._queue.get(job.parent) or replace(job, parent=None)
        return self._whole(job)

    def _family(self, job: JobRow) -> Sequence[JobRow]:
        """What a delivery led to; of a rule that is asked again, what that led to as well."""
        return [
            each
            for child in self._queue.children(job.id)
            for each in (child, *(self._family(child) if child.queue == DELIVERIES else ()))
        ]

    def action(self, job: JobRow) -> ActionRow:
        """An action, from its row in the queue."""
        return action_row(job, self._queue.body(job.id))

    # Deciding

    def retry(self, guid: str) -> Sequence[str]:
        """Have a dead delivery decided again, or its dead actions performed again.

        Returns what is tried again, in words; empty when nothing of it was dead. What waits for a
        dead action follows it. Safe to repeat. Raises UnknownDelivery; WrongState when its payload
        has expired, or a worker was faster.
        """
        job = self._job(guid)
        dead = [each for each in [job, *self._family(job)] if each.state is State.DEAD]
        for each in dead:
            self._queue.revive(each.id)
        return [self._words(each) for each in dead]

    def retry_action(self, action_id: int) -> str:
        """Have one dead, held or ignored action performed; returns it in words. Safe to repeat.

        Raises UnknownJob when there is no such action; WrongState when it runs, is done, or has
        expired.
        """
        job = self._one_action(action_id)
        self._queue.revive(job.id)
        return self._words(job)

    def bury(self, guid: str) -> Sequence[str]:
        """Give up what is left to do of a delivery: nobody is worried by it any more.

        Returns what is given up, in words; empty when nothing was left. Safe to repeat. It is
        ignored from then on; `retry_action` and `again` bring it back. Raises UnknownDelivery;
        WrongState when a worker has just taken it up.
        """
        job = self._job(guid)
        left = [job, *self._family(job)]
        left = [each for each in left if each.state in (State.DEAD, State.HELD, State.READY)]
        for each in left:
            self._queue.dismiss(each.id, BURIED)
        return [self._words(each) for each in left]

    def bury_action(self, action_id: int) -> str:
        """Give up one action, and those that wait for it; returns it in words. Safe to repeat.

        Raises UnknownJob when there is no such action; WrongState when it runs or is done.
        """
        job = self._one_action(action_id)
        self._queue.dismiss(job.id, BURIED)
        return self._words(job)

    def again(self, guid: str) -> None:
        """Have a delivery decided again, whatever became of it.

        Actions that were queued before are known by their keys and not queued twice. Safe to
        repeat. Raises UnknownDelivery; WrongState when it is being decided, or has expired.
        """
        self._queue.revive(self._job(guid).id, done_too=True)

    def _one_action(self, action_id: int) -> JobRow:
        job = self._queue.get(action_id)
        if job is None or job.queue != ACTIONS:
            raise UnknownJob(f"there is no action {action_id}")
        return job

    def _words(self, job: JobRow) -> str:
        return f"decide {job.kind}" if job.queue == DELIVERIES else self.action(job).words

    # For the public

    def lately(self, limit: int = 10) -> Sequence[Activity]:
        """What was done lately, newest first, in words for everybody: at most `limit` deeds.

        Names no person, and nothing at all of a private repository: a deed is told only when the
        newest delivery from its repository says that it is public. What is not known is private.
        Some 1 ms for each deed: a page should not ask anew for each visitor.
        """
        names: dict[str, str] = {}
        deeds: list[Activity] = []
        phrases = {kind: action.public for kind, action in kinds().items()}
        # Looks a bounded way back: a bot of private repositories has nothing to tell.
        for job in self._queue.recent(ACTIONS, state=State.DONE, limit=10 * limit):
            cause = None if job.parent is None else self._queue.get(job.parent)
            phrase = phrases.get(job.kind, "")
            if cause is None or not phrase or len(deeds) == limit:
                continue
            where = cause.subject.partition("#")[0]
            if where not in names:
                names[where] = self._public_name(where)
            if names[where]:
                words = _told(phrase, names[where], (job.subject, cause.subject))
                deeds.append(Activity(job.changed_at, one_line(words)))
        return deeds

    def _public_name(self, subject: str) -> str:
        """The repository that a delivery's subject begins with, if it is public by now; or ""."""
        newest = self._queue.search(DELIVERIES, within=subject, limit=1) if subject else []
        payload = decoded(self._queue.body(newest[0].id)) if newest else {}
        return str(payload["repository"].get("full_name", "")) if is_public(payload) else ""

    def per_hour(self, hours: int = 24) -> Sequence[Hour]:
        """How many deliveries and actions came in each of the last hours, oldest first.

        Hours of the clock, in UTC; the last one is not yet over.
        """
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


def _holds(body: bytes, text: str) -> bool:
    """Whether a payload holds a text, as JSON writes it, with or without escapes."""
    wanted = json.dumps(text, ensure_ascii=False)[1:-1].casefold()
    raw = body.decode(errors="replace")
    if "\\u" in raw:
        raw = json.dumps(decoded(body), ensure_ascii=False)
    return wanted in raw.casefold()


def _told(phrase: str, repository: str, subjects: Sequence[str]) -> str:
    """What the public reads of an action: the phrase of its kind, filled in."""
    numbered = (each for each in subjects if each.startswith(f"{repository}#"))
    return phrase.format(
        owner=repository.partition("/")[0],
        place=next(numbered, repository),
        repository=repository,
    )
