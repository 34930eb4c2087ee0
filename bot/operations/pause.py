"""Pausing of all loops, on every machine; deliveries are stored meanwhile."""

from bot.store.board import SqlBoard
from luggage.jobs import Queue, State


def pause(queue: Queue, board: SqlBoard) -> str:
    """Pause the queue and return what to tell the operator; safe to repeat."""
    if not queue.pause():
        return "paused already; `resume` ends it"
    board.say("Paused")
    leased = sum(number for (_, state), number in queue.counts().items() if state is State.LEASED)
    lines = ["paused; deliveries are still stored, `resume` continues with them"]
    if leased:
        lines.append(f"in progress, and being finished: {leased}")
    return "\n".join(lines)


def resume(queue: Queue, board: SqlBoard) -> str:
    """Resume the queue, wake every loop, and return what to tell the operator; safe to repeat."""
    if not queue.resume():
        return "it was not paused"
    board.say("Back at work")
    return f"resumed; jobs waiting: {queue.standing().waiting}"
