"""Rate limits and write slots of one installation.

No lock is held while waiting. Rate limits are raised to the caller, which can do other work
meanwhile; only short waits for a write slot block. A LimitMemory shares the state between
processes.

A write that comes too early gets a reserved slot. A hundred waiting jobs therefore do not all
return in the same second, and later jobs do not overtake them.

People share the writes of an installation (docs/decisions/0163). The last fifth is kept for urgent
writes, which also overtake reserved slots. While less than half is spent, everybody writes; after
that a person writes who has spent less than an equal part. An hour's writes, once spent, cannot be
taken back, so a person alone gets half.

Every write counts as content, because GitHub does not say which ones do. Sources:
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api ("About secondary rate
limits": 80 content-generating requests a minute, 500 an hour), and
.../best-practices-for-using-the-rest-api ("wait at least one second between each request").
"""

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol, Self, TypeVar

from luggage.github.answers import (
    ApiResponse,
    RateLimit,
    is_primary_limit,
    limited_until,
    rate_limit,
)
from luggage.github.errors import RateLimited

_T = TypeVar("_T")
_MINUTE, _HOUR = 60.0, 3600.0
# Extra distance between slots, so that a slightly late job does not turn away the next one.
_SLACK_SECONDS = 0.1
# How long an unclaimed slot stays reserved, in seconds.
_KEPT_SECONDS = 5.0
# Maximum number of reserved slots; further waiters get a later time without a reservation.
_MAX_RESERVED = 200
# Maximum number of reserved slots of one person.
_MAX_RESERVED_BY_ONE = 5
# The part of the limits that usual writes may spend; the rest is for urgent ones.
USUAL_PART = 0.8
# Reservations are dropped when the clock was set back by more than this.
_CLOCK_JUMP_SECONDS = 60.0


@dataclass(frozen=True)
class Pace:
    """Write rate of one installation; 0 disables a limit."""

    pause_seconds: float = 1.0
    per_minute: int = 80
    per_hour: int = 500

    def next_at(self, times: Sequence[float], *, slack: float = 0.0) -> float:
        """Return the earliest time after `times` (epoch seconds, sorted); 0 for immediately."""
        soonest = times[-1] + self.pause_seconds + slack if times and self.pause_seconds else 0.0
        for most, window in ((self.per_minute, _MINUTE), (self.per_hour, _HOUR)):
            if 0 < most <= len(times):
                soonest = max(soonest, times[-most] + window + slack)
        return soonest

    def usual(self) -> "Pace":
        """Return the pace without the part that is kept for urgent writes."""
        minute, hour = (_part(most) for most in (self.per_minute, self.per_hour))
        return replace(self, per_minute=minute, per_hour=hour)


def _part(most: int) -> int:
    return max(1, int(most * USUAL_PART)) if most else 0


@dataclass(frozen=True)
class Share:
    """Who causes a request: a person, and whether it is urgent. Without a person it is not shared.

    `person` is a text that identifies them, such as an id.
    """

    person: str = ""
    urgent: bool = False

    @property
    def is_usual(self) -> bool:
        """Whether the part for urgent requests is closed to it."""
        return bool(self.person) and not self.urgent


NOBODY = Share()


@dataclass(frozen=True)
class ThrottleState:
    """Limit state of an installation; all times in epoch seconds.

    `closed` maps a resource to the end of its limit ("" means everything). `writes` holds the times
    of the last hour's writes, `writers` the people behind them. `promised` maps a waiter to its
    reserved slot, `overtaking` an urgent one, `holders` each to its person. `line_at` is the last
    time given out without a reservation, `asked_at` the time of the last request. `seen` maps a
    resource to (limit, remaining, reset time, time of the report).
    """

    closed: Mapping[str, float] = field(default_factory=dict)
    writes: Sequence[float] = ()
    writers: Sequence[str] = ()
    promised: Mapping[str, float] = field(default_factory=dict)
    overtaking: Mapping[str, float] = field(default_factory=dict)
    holders: Mapping[str, str] = field(default_factory=dict)
    line_at: float = 0.0
    asked_at: float = 0.0
    seen: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the state from the text of `encode`; an empty one for "" or an unknown format."""
        try:
            return cls(**json.loads(text)) if text else cls()
        except (TypeError, ValueError):
            return cls()

    def encode(self) -> str:
        """Return the state as JSON text."""
        fields = asdict(replace(self, writes=[round(at, 3) for at in self.writes]))
        return json.dumps(fields, separators=(",", ":"))

    def close(self, resource: str, until: float) -> "ThrottleState":
        """Return the state with a limit added; an existing longer one stays."""
        until = max(until, self.closed.get(resource, 0.0))
        return replace(self, closed={**self.closed, resource: until})

    def closed_until(self, *resources: str) -> float:
        """Return the end of the last of these limits, which may be in the past."""
        return max(self.closed.get(resource, 0.0) for resource in resources)

    def at(self, now: float) -> "ThrottleState":
        """Return the state at `now`, without expired entries; handles a clock that was set back."""
        back = self.asked_at - now
        writes = [min(at, now) for at in self.writes] if back > 0 else self.writes
        recent = [
            (at, who) for at, who in zip(writes, self._writers(), strict=True) if at > now - _HOUR
        ]
        kept = [
            {} if back > _CLOCK_JUMP_SECONDS else _since(now - _KEPT_SECONDS, slots)
            for slots in (self.promised, self.overtaking)
        ]
        return ThrottleState(
            closed={name: until for name, until in self.closed.items() if until > now},
            writes=[at for at, _ in recent],
            writers=[who for _, who in recent],
            promised=kept[0],
            overtaking=kept[1],
            holders={
                name: who
                for name, who in self.holders.items()
                if any(name in each for each in kept)
            },
            line_at=0.0 if back > _CLOCK_JUMP_SECONDS else self.line_at,
            asked_at=now,
            seen=self.seen,
        )

    def saw(self, limit: RateLimit, now: float) -> "ThrottleState":
        """Return the state with a primary limit that GitHub reported."""
        report = (limit.limit, limit.remaining, round(limit.reset_at), round(now))
        return replace(self, seen={**self.seen, limit.resource: report})

    def wrote(self, at: float, pace: Pace, waiter: str, share: Share = NOBODY) -> "ThrottleState":
        """Return the state with a write at `at`, and without the waiter's reservation."""
        counted = max(1, pace.per_minute, pace.per_hour)
        return replace(
            self,
            writes=[*self.writes, at][-counted:],
            writers=[*self._writers(), share.person][-counted:],
            promised=_without(waiter, self.promised),
            overtaking=_without(waiter, self.overtaking),
            holders=_without(waiter, self.holders),
        )

    def slot(self, now: float, pace: Pace, waiter: str, share: Share = NOBODY) -> float:
        """Return when `waiter` may write: now, its reserved slot, or after all reserved slots."""
        pace, reserved = self._pace_of(pace, share), self._slots(share).get(waiter)
        at = max(now, self._share_at(pace, share))
        if reserved is not None:
            return max(at, reserved, pace.next_at(self.writes))
        return max(at, pace.next_at(self._taken(share)))

    def reserve(
        self, soonest: float, pace: Pace, waiter: str, share: Share = NOBODY
    ) -> tuple["ThrottleState", float]:
        """Return the state and a slot for `waiter` from `soonest` on; "" reserves nothing."""
        if not waiter:
            return self, soonest
        pace = self._pace_of(pace, share)
        apart = pace.pause_seconds + _SLACK_SECONDS
        slots = self._slots(share)
        others = _without(waiter, slots)
        if waiter in slots:
            at = _gap(soonest, sorted(others.values()), apart)
        else:
            slack = _SLACK_SECONDS if others else 0.0
            at = max(soonest, pace.next_at(self._taken(share), slack=slack))
        if len(others) < _MAX_RESERVED and self._may_hold(waiter, share):
            reserved = replace(self, holders={**self.holders, waiter: share.person})
            slots = {**others, waiter: at}
            if share.urgent:
                return replace(reserved, overtaking=slots), at
            return replace(reserved, promised=slots), at
        at = max(at, self.line_at + apart)
        return replace(self, line_at=at), at

    def _pace_of(self, pace: Pace, share: Share) -> Pace:
        return pace.usual() if share.is_usual else pace

    def _slots(self, share: Share) -> Mapping[str, float]:
        return self.overtaking if share.urgent else self.promised

    def _taken(self, share: Share) -> Sequence[float]:
        usual = () if share.urgent else self.promised.values()
        return sorted([*self.writes, *usual, *self.overtaking.values()])

    def _may_hold(self, waiter: str, share: Share) -> bool:
        held = [
            name for name, who in self.holders.items() if who == share.person and name != waiter
        ]
        return not share.person or len(held) < _MAX_RESERVED_BY_ONE

    def _share_at(self, pace: Pace, share: Share) -> float:
        """Return when the person's part of the hour allows a write (epoch seconds)."""
        half = pace.per_hour // 2
        if not share.person or not half or len(self.writes) < half:
            return 0.0
        by_person = list(zip(self.writes, self._writers(), strict=True))
        own = [at for at, who in by_person if who == share.person]
        people = {who for _, who in by_person} | {share.person}
        part = max(1, pace.per_hour // (len(people) + 1))
        if len(own) < part:
            return 0.0
        return min(own[-part], self.writes[-half]) + _HOUR

    def _writers(self) -> Sequence[str]:
        """Return the people behind `writes`; "" for those of an older release."""
        missing = len(self.writes) - len(self.writers)
        return [*[""] * missing, *self.writers[max(0, -missing) :]]


def _since(at: float, slots: Mapping[str, float]) -> dict[str, float]:
    return {name: slot for name, slot in slots.items() if slot > at}


def _without(waiter: str, entries: Mapping[str, _T]) -> dict[str, _T]:
    return {name: value for name, value in entries.items() if name != waiter}


def _gap(soonest: float, taken: Sequence[float], apart: float) -> float:
    """Return the first time from `soonest` that is `apart` from all taken times (sorted)."""
    at = soonest
    for other in taken:
        if at - apart < other < at + apart:
            at = other + apart
    return at


# Minimum interval between saves of the remaining quota; each save is a write.
SAVE_INTERVAL_SECONDS = 60.0
# A write slot further away than this raises RateLimited instead of waiting.
LONGEST_WAIT_SECONDS = 60.0

_log = logging.getLogger("luggage.github")
_ALL = ""
_NOT_MODIFIED = 304
# GitHub's time of reset may differ by a second between answers.
_NEW_HOUR_SECONDS = 60.0


def resource_of(path: str) -> str:
    """Return the name of the primary limit that counts `path` (without the host).

    Rarer resources count as core here; GitHub itself refuses requests beyond their limits. Source:
    https://docs.github.com/rest/rate-limit/rate-limit
    """
    if path.startswith("/search/"):
        return "code_search" if path.startswith("/search/code") else "search"
    return "graphql" if path == "/graphql" else "core"


class LimitMemory(Protocol):
    """Storage of one text per name, such as "installation 7"; "" for a new name."""

    def read(self, name: str) -> str:
        """Return the text of `name`."""

    def change(self, name: str, change: Callable[[str], tuple[str, _T]]) -> _T:
        """Replace the text by the first value that `change(text)` returns; return the second.

        Runs in a transaction that locks the name. `change` is quick and may be called again.
        """


class LocalLimitMemory:
    """LimitMemory of this process alone; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: dict[str, str] = {}

    def read(self, name: str) -> str:
        """Return the text of `name`."""
        return self._texts.get(name, "")

    def change(self, name: str, change: Callable[[str], tuple[str, _T]]) -> _T:
        """Replace the text as in LimitMemory.change."""
        with self._lock:
            self._texts[name], result = change(self.read(name))
        return result


class Gate:
    """Admits requests of one installation; shared by its clients in all threads."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        wait: Callable[[float], None] | None,
        name: str = "",
        memory: LimitMemory | None = None,
        pace: Pace | None = None,
    ) -> None:
        """`wait` waits for a write slot, None raises RateLimited; `name` is the key in `memory`."""
        self._clock = clock
        self._wait = wait
        self._name = name
        self._memory = LocalLimitMemory() if memory is None else memory
        self._pace = pace or Pace()
        self._seen: RateLimit | None = None
        # The requests of each person, in the hour of GitHub's that ends at `_core.reset_at`.
        self._core: RateLimit | None = None
        self._spent: Counter[str] = Counter()
        self._saved_at: dict[str, float] = {}

    @property
    def rate_limit(self) -> RateLimit | None:
        """Return the primary limit last seen by this process; None before the first response."""
        return self._seen

    def enter(
        self, method: str, path: str, *, write: bool, waiter: str = "", share: Share = NOBODY
    ) -> None:
        """Block until the request may be sent, or raise RateLimited.

        The slot at `retry_at` stays reserved for a named `waiter`, such as a job's id. People share
        the writes, and the requests that GitHub allows: the last fifth is for urgent ones, and a
        person gets half.
        """
        self._check_share(method, path, share)
        if write:
            seconds = self._reserve_write(method, path, waiter, share)
            if seconds <= 0.0 or self._wait is None:
                return
            self._wait(seconds)  # another request may have met a limit meanwhile, so check below
        now = self._clock()
        until = ThrottleState.decode(self._memory.read(self._name)).closed_until(*_resources(path))
        if until > now:
            until = self._reserve(until, waiter, share)
            raise RateLimited(_CLOSED, retry_at=until, method=method, path=path)

    def _check_share(self, method: str, path: str, share: Share) -> None:
        """Raise RateLimited if the person may not spend more of GitHub's hour."""
        core = self._core
        if not share.person or core is None or resource_of(path) != "core":
            return
        is_kept = share.is_usual and core.remaining <= core.limit - int(core.limit * USUAL_PART)
        is_spent = self._spent[share.person] >= core.limit // 2
        if core.reset_at > self._clock() and (is_kept or is_spent):
            raise RateLimited(_SHARED, retry_at=core.reset_at, method=method, path=path)

    def _count(self, seen: RateLimit, answer: ApiResponse, share: Share) -> None:
        """Count a request for its person; an unchanged resource costs nothing."""
        if seen.resource != "core":
            return
        if self._core is None or seen.reset_at > self._core.reset_at + _NEW_HOUR_SECONDS:
            self._spent.clear()
        self._core = seen
        if share.person and answer.status != _NOT_MODIFIED:
            self._spent[share.person] += 1

    def learn(
        self,
        answer: ApiResponse,
        *,
        skew_seconds: float,
        waiter: str = "",
        share: Share = NOBODY,
    ) -> float | None:
        """Record a response's limits; return the time to retry if it met one, else None."""
        retry_at = limited_until(answer, skew_seconds=skew_seconds)
        seen = rate_limit(answer, skew_seconds=skew_seconds)
        self._seen = seen or self._seen
        if seen is not None:
            self._count(seen, answer, share)
            self._save(seen, answer.received_at)
        if retry_at is not None and (seen is None or not is_primary_limit(answer)):
            self._close(_ALL, retry_at)
        elif seen is not None and seen.remaining == 0:
            self._close(seen.resource, retry_at or seen.reset_at)
        return retry_at if retry_at is None else self._reserve(retry_at, waiter, share)

    def _save(self, seen: RateLimit, now: float) -> None:
        """Save the remaining quota for other processes, at most once per interval."""
        if 0.0 <= now - self._saved_at.get(seen.resource, float("-inf")) < SAVE_INTERVAL_SECONDS:
            return
        self._saved_at[seen.resource] = now
        try:
            self._update(lambda state: (state.saw(seen, now), None))
        except Exception:  # noqa: BLE001 -- display only; the request succeeded
            _log.debug("could not save the remaining quota of %s", self._name)

    def close_until(self, path: str, retry_at: float) -> None:
        """Refuse requests to the resource of `path` until `retry_at` (epoch seconds, our clock)."""
        self._close(resource_of(path), retry_at)

    def _close(self, resource: str, until: float) -> None:
        self._update(lambda state: (state.close(resource, until), None))

    def _reserve(self, soonest: float, waiter: str, share: Share) -> float:
        if not waiter:
            return soonest
        return self._update(
            lambda state: state.at(self._clock()).reserve(soonest, self._pace, waiter, share)
        )

    def _reserve_write(self, method: str, path: str, waiter: str, share: Share) -> float:
        """Reserve a write slot; return the seconds until it. Raises RateLimited."""

        def take(state: ThrottleState) -> tuple[ThrottleState, tuple[float, float, str]]:
            now = self._clock()
            state, at, refusal = self._next_write(state.at(now), now, path, waiter, share)
            return state, (now, at, refusal)

        now, at, refusal = self._update(take)
        if refusal:
            raise RateLimited(refusal, retry_at=at, method=method, path=path)
        return at - now

    def _update(self, change: Callable[[ThrottleState], tuple[ThrottleState, _T]]) -> _T:
        def on_text(text: str) -> tuple[str, _T]:
            state, result = change(ThrottleState.decode(text))
            return state.encode(), result

        return self._memory.change(self._name, on_text)

    def _next_write(
        self, state: ThrottleState, now: float, path: str, waiter: str, share: Share
    ) -> tuple[ThrottleState, float, str]:
        """Return the new state, the time of the write, and why it cannot go now (or "")."""
        until = state.closed_until(*_resources(path))
        if until > now:
            return *state.reserve(until, self._pace, waiter, share), _CLOSED
        at = state.slot(now, self._pace, waiter, share)
        if at - now > (0.0 if self._wait is None else LONGEST_WAIT_SECONDS):
            return *state.reserve(at, self._pace, waiter, share), _TOO_SOON
        return state.wrote(at, self._pace, waiter, share), at, ""


_CLOSED = "this installation has reached a rate limit"
_SHARED = "this person's part of the installation's requests is spent"
_TOO_SOON = "this installation's next write slot is later"


def _resources(path: str) -> tuple[str, str]:
    return _ALL, resource_of(path)
