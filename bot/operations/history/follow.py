"""Life of one delivery as it happens: received, evaluated, and each of its actions to its end.

Pure but for reading the queue: nothing is claimed, and the loop is not woken.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bot.operations.history.deliveries import DeliveryHistory
from bot.operations.history.records import ActionRow, DeliveryDetail
from bot.operations.history.report import INDENT
from bot.store.enqueue import NOTHING_TO_DO
from luggage.jobs import JobRow, State
from luggage.telemetry.redact import iso, moment

# Only a person, or another delivery, moves a job from there.
_ENDED = frozenset({State.DONE, State.DEAD, State.IGNORED, State.HELD})
_WIDEST_WORD = 9

#: Returns the names of the rules for an event and its action.
RuleNames = Callable[[str, str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Change:
    """A change in a delivery's life. `at` is in epoch seconds.

    `what` is received, evaluated, judged, queued, tried, waits, done, ignored, held or dead.
    `about` is the delivery or the action in words, or what a rule decided; `detail` is a reason, or
    GitHub's answer.
    """

    at: float
    what: str
    about: str
    rule: str = ""
    attempt: int = 0
    detail: str = ""

    def as_json(self) -> dict[str, str | int]:
        """The change as plain JSON."""
        return {
            "at": iso(self.at),
            "what": self.what,
            "about": self.about,
            "rule": self.rule,
            "attempt": self.attempt,
            "detail": self.detail,
        }

    def as_text(self) -> str:
        """The change in one line."""
        rule = f"{self.rule}: " if self.rule else ""
        attempt = f", attempt {self.attempt}" if self.what == "tried" else ""
        detail = f"\n{INDENT}{self.detail}" if self.detail else ""
        return (
            f"{moment(self.at)}  {self.what:<{_WIDEST_WORD}}  {rule}{self.about}{attempt}{detail}"
        )


class Follower:
    """Follows one delivery: each call of `changes` reads the queue once."""

    def __init__(self, history: DeliveryHistory, guid: str, rules: RuleNames) -> None:
        self._history = history
        self._rules = rules
        self._job = history.find_job(guid)
        self._known: dict[int, tuple[State, int]] = {}
        self.state: State | None = None  # that of the whole, once nothing moves by itself

    def changes(self) -> Sequence[Change]:
        """The changes since the last call, oldest first; at first, all that is known.

        Raises UnknownDelivery if the delivery is gone, and SQLAlchemyError.
        """
        # The delivery before its actions: they are queued in the transaction that finishes it.
        job = self._history.find_job(self._job.key)
        detail = self._history.delivery(job)
        descendants = self._history.descendants(job)
        is_new = not self._known
        found = [self._received(detail)] if is_new else []
        found += self._of_delivery(job, detail, descendants)
        for each in descendants:
            found += self._of_action(each)
        states = {each.state for each in (job, *descendants)}
        self.state = detail.row.state if states <= _ENDED else None
        return sorted(found, key=lambda change: change.at)

    @staticmethod
    def _received(detail: DeliveryDetail) -> Change:
        row = detail.row
        by = f"by {detail.sender}" if detail.sender else ""
        words = " ".join(filter(None, (row.event, detail.action, by)))
        return Change(row.received_at, "received", f"{words}, {row.source}", detail=row.subject)

    def _of_delivery(
        self, job: JobRow, detail: DeliveryDetail, descendants: Sequence[JobRow]
    ) -> Iterator[Change]:
        if self._is_known(job):
            return
        is_evaluated = job.state is State.DONE or job.reason.startswith(NOTHING_TO_DO)
        if not is_evaluated:
            yield _moved(job, "the delivery", detail.row.reason)
            return
        yield Change(job.changed_at, "evaluated", "the delivery", attempt=job.attempt)
        actions = [self._history.action(each) for each in descendants if each.parent == job.id]
        names = [*self._rules(detail.row.event, detail.action), *(each.rule for each in actions)]
        for name in dict.fromkeys(filter(None, names)):
            yield Change(job.changed_at, "judged", _verdict(name, actions), name)

    def _of_action(self, job: JobRow) -> Iterator[Change]:
        was = self._known.get(job.id)
        if self._is_known(job):
            return
        action = self._history.action(job)
        if was is None:
            yield Change(job.created_at, "queued", action.words, action.rule)
        is_untouched = job.state is State.READY and not job.attempt
        if not is_untouched:
            detail = action.reason or action.address or ""
            yield _moved(job, action.words, detail, rule=action.rule)

    def _is_known(self, job: JobRow) -> bool:
        """Remember a job's state; returns whether it is as it was."""
        now = job.state, job.attempt
        was = self._known.get(job.id)
        self._known[job.id] = now
        return was == now


def _verdict(rule: str, actions: Sequence[ActionRow]) -> str:
    """What a rule decided, in words; an action that another delivery queued before is none."""
    own = [each for each in actions if each.rule == rule]
    return "; ".join(each.words for each in own) or "nothing new to do"


def _moved(job: JobRow, words: str, reason: str, rule: str = "") -> Change:
    """The state that a job is in, as a change."""
    at, what = job.changed_at, str(job.state)
    if job.state is State.LEASED:
        what = "tried"
    elif job.state is State.READY:
        what, until = "waits", f"until {moment(job.run_at)}"
        reason = f"{until}: {reason}" if reason else until
    return Change(at, what, words, rule, job.attempt, reason)
