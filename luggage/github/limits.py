"""When the next request of an installation may go: GitHub's limits, and our own pace of writing.

Nothing here sleeps while it holds a lock, and a limit is never waited for: it is told to the
caller, who can do other work, so that one installation's limit does not hold up another's. What is
known is kept where all processes that write for an installation can see it (LimitMemory).
"""

import logging
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from luggage.github.answers import (
    ApiResponse,
    RateLimit,
    is_primary_limit,
    limited_until,
    rate_limit,
)
from luggage.github.errors import RateLimited
from luggage.github.write_throttle import Pace, ThrottleState

# So often what is left of a primary limit is noted for others to see; each note is a write.
NOTED_SECONDS = 60.0
# A turn to write that is further away than this is not waited for, but told as a limit.
LONGEST_WAIT_SECONDS = 60.0

_log = logging.getLogger("luggage.github")
_T = TypeVar("_T")
_EVERYTHING = ""


def resource_of(path: str) -> str:
    """Return the primary limit that GitHub counts `path` (without the host) under.

    Source: https://docs.github.com/rest/rate-limit/rate-limit; the rarer ones are counted as core
    here, and after they were met once are refused by GitHub rather than by us.
    """
    if path.startswith("/search/"):
        return "code_search" if path.startswith("/search/code") else "search"
    return "graphql" if path == "/graphql" else "core"


class LimitMemory(Protocol):
    """Keeps a text for each name, such as "installation 7"; of a name that is new: ""."""

    def read(self, name: str) -> str:
        """Return the text of `name`."""

    def change(self, name: str, change: Callable[[str], tuple[str, _T]]) -> _T:
        """Put the first of what `change` makes of the text in its place; return the second.

        In one transaction, during which nobody else changes the text of this name. `change` is
        quick, and may be called again.
        """


class OwnMemory:
    """What this process alone has learned; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: dict[str, str] = {}

    def read(self, name: str) -> str:
        """Return the text of `name`."""
        return self._texts.get(name, "")

    def change(self, name: str, change: Callable[[str], tuple[str, _T]]) -> _T:
        """Put the first of what `change` makes of the text in its place; return the second."""
        with self._lock:
            self._texts[name], result = change(self.read(name))
        return result


class Gate:
    """What one installation may send, and when; shared by all its clients in all threads."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        wait: Callable[[float], None] | None,
        name: str = "",
        memory: LimitMemory | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Take the clock, and how to wait for a turn to write; None: raise RateLimited instead.

        `name` is what the memory knows the installation by.
        """
        self._clock = clock
        self._wait = wait
        self._name = name
        self._memory = OwnMemory() if memory is None else memory
        self._pace = pace or Pace()
        self._seen: RateLimit | None = None
        self._noted_at: dict[str, float] = {}

    @property
    def rate_limit(self) -> RateLimit | None:
        """Return the primary limit last seen by this process, None before the first answer."""
        return self._seen

    def enter(self, method: str, path: str, *, write: bool, turn: str = "") -> None:
        """Return when the request may go; raises RateLimited when it may not, at once.

        A `turn`, such as the id of a job, is given a time of its own in the line, and keeps it.
        """
        if write:
            seconds = self._turn(method, path, turn)
            if seconds <= 0.0 or self._wait is None:
                return
            self._wait(seconds)  # and look again: another may have met a limit meanwhile
        now = self._clock()
        until = ThrottleState.decode(self._memory.read(self._name)).closed_until(*_kinds(path))
        if until > now:
            until = self._promise(until, turn)
            raise RateLimited(_CLOSED, retry_at=until, method=method, path=path)

    def learn(self, answer: ApiResponse, *, skew_seconds: float, turn: str = "") -> float | None:
        """Note what an answer says of limits; return when to come back if it met one, else None."""
        retry_at = limited_until(answer, skew_seconds=skew_seconds)
        seen = rate_limit(answer, skew_seconds=skew_seconds)
        self._seen = seen or self._seen
        if seen is not None:
            self._note(seen, answer.received_at)
        if retry_at is not None and (seen is None or not is_primary_limit(answer)):
            self._close(_EVERYTHING, retry_at)
        elif seen is not None and seen.remaining == 0:
            self._close(seen.resource, retry_at or seen.reset_at)
        return retry_at if retry_at is None else self._promise(retry_at, turn)

    def _note(self, seen: RateLimit, now: float) -> None:
        """Let others see what is left, now and then."""
        if 0.0 <= now - self._noted_at.get(seen.resource, float("-inf")) < NOTED_SECONDS:
            return
        self._noted_at[seen.resource] = now

        def noted(text: str) -> tuple[str, None]:
            return ThrottleState.decode(text).saw(seen, now).encode(), None

        try:
            self._memory.change(self._name, noted)
        except Exception:  # noqa: BLE001 -- it is for people to see, and the answer is there
            _log.debug("what is left to %s could not be noted", self._name)

    def close_until(self, path: str, retry_at: float) -> None:
        """Send nothing more of the kind of `path` before `retry_at` (epoch seconds, our clock)."""
        self._close(resource_of(path), retry_at)

    def _close(self, resource: str, until: float) -> None:
        def closed(text: str) -> tuple[str, None]:
            return ThrottleState.decode(text).close(resource, until).encode(), None

        self._memory.change(self._name, closed)

    def _promise(self, soonest: float, turn: str) -> float:
        if not turn:
            return soonest

        def promised(text: str) -> tuple[str, float]:
            standing = ThrottleState.decode(text).at(self._clock())
            standing, at = standing.promise(soonest, self._pace, turn)
            return standing.encode(), at

        return self._memory.change(self._name, promised)

    def _turn(self, method: str, path: str, turn: str) -> float:
        """Take a turn to write; return in how many seconds it comes. Raises RateLimited."""

        def taken(text: str) -> tuple[str, tuple[float, float, str]]:
            now = self._clock()
            standing, at, refusal = self._decide(
                ThrottleState.decode(text).at(now), now, path, turn
            )
            return standing.encode(), (now, at, refusal)

        now, at, refusal = self._memory.change(self._name, taken)
        if refusal:
            raise RateLimited(refusal, retry_at=at, method=method, path=path)
        return at - now

    def _decide(
        self, standing: ThrottleState, now: float, path: str, turn: str
    ) -> tuple[ThrottleState, float, str]:
        """Return what is known then, when the write may go, and why it may not go now."""
        until = standing.closed_until(*_kinds(path))
        if until > now:
            return *standing.promise(until, self._pace, turn), _CLOSED
        at = standing.turn(now, self._pace, turn)
        if at - now > (0.0 if self._wait is None else LONGEST_WAIT_SECONDS):
            return *standing.promise(at, self._pace, turn), _TOO_SOON
        return standing.wrote(at, self._pace, turn), at, ""


_CLOSED = "a rate limit of this installation lasts"
_TOO_SOON = "it is not yet this installation's turn to write: others have written"


def _kinds(path: str) -> tuple[str, str]:
    return _EVERYTHING, resource_of(path)
