"""Past actions: what the bot has already decided to do, read from its queue."""

from collections.abc import Sequence

from bot.actions import ACTIONS, Action, React, Result, kinds, planned_of
from bot.facts import Effect
from luggage.jobs import JobRow, Queue, State
from luggage.telemetry.redact import one_line


class QueuedActions:
    """The actions in the queue, as `bot.rule.Reader` presents them to rules."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def wanted_at(self, action: Action) -> float | None:
        """See `bot.rule.Reader`."""
        row = self._queue.find(ACTIONS, action.key)
        return None if row is None else row.created_at

    def done(self, repository: str, number: int, *, most: int) -> Sequence[Effect]:
        """See `bot.rule.Reader`."""
        # A reaction is only a sign, and each command gets one.
        jobs = self._queue.search(ACTIONS, within=f"{repository}#{number}", limit=3 * most)
        rows = [row for row in jobs if row.kind != React.kind][:most]
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
