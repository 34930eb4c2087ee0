"""Write throttle: the limit state of one installation and its reserved write slots, without I/O.

A write that comes too early gets a reserved slot. A hundred waiting jobs therefore do not all
return in the same second, and later jobs do not overtake them.

Every write counts as content, because GitHub does not say which ones do. Sources:
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api ("About secondary rate
limits": 80 content-generating requests a minute, 500 an hour), and
.../best-practices-for-using-the-rest-api ("wait at least one second between each request").
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Self

from luggage.github.answers import RateLimit

_MINUTE, _HOUR = 60.0, 3600.0
# Extra distance between slots, so that a slightly late job does not turn away the next one.
_SLACK_SECONDS = 0.1
# How long an unclaimed slot stays reserved, in seconds.
_KEPT_SECONDS = 5.0
# Maximum number of reserved slots; further waiters get a later time without a reservation.
_MAX_RESERVED = 200
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


@dataclass(frozen=True)
class ThrottleState:
    """Limit state of an installation; all times in epoch seconds.

    `closed` maps a resource to the end of its limit ("" means everything). `writes` holds the times
    of the last hour's writes. `promised` maps a waiter to its reserved slot. `line_at` is the last
    time given out without a reservation, `asked_at` the time of the last request. `seen` maps a
    resource to (limit, remaining, reset time, time of the report).
    """

    closed: Mapping[str, float] = field(default_factory=dict)
    writes: Sequence[float] = ()
    promised: Mapping[str, float] = field(default_factory=dict)
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
        promised = {} if back > _CLOCK_JUMP_SECONDS else self.promised
        return ThrottleState(
            closed={name: until for name, until in self.closed.items() if until > now},
            writes=[at for at in writes if at > now - _HOUR],
            promised={name: at for name, at in promised.items() if at > now - _KEPT_SECONDS},
            line_at=0.0 if back > _CLOCK_JUMP_SECONDS else self.line_at,
            asked_at=now,
            seen=self.seen,
        )

    def saw(self, limit: RateLimit, now: float) -> "ThrottleState":
        """Return the state with a primary limit that GitHub reported."""
        report = (limit.limit, limit.remaining, round(limit.reset_at), round(now))
        return replace(self, seen={**self.seen, limit.resource: report})

    def wrote(self, at: float, pace: Pace, waiter: str) -> "ThrottleState":
        """Return the state with a write at `at`, and without the waiter's reservation."""
        promised = {other: when for other, when in self.promised.items() if other != waiter}
        counted = max(1, pace.per_minute, pace.per_hour)
        return replace(self, writes=[*self.writes, at][-counted:], promised=promised)

    def slot(self, now: float, pace: Pace, waiter: str) -> float:
        """Return when `waiter` may write: now, its reserved slot, or after all reserved slots."""
        reserved = self.promised.get(waiter)
        if reserved is not None:
            return max(now, reserved, pace.next_at(self.writes))
        return max(now, pace.next_at(self._taken()))

    def reserve(self, soonest: float, pace: Pace, waiter: str) -> tuple["ThrottleState", float]:
        """Return the state and a slot for `waiter` from `soonest` on; "" reserves nothing."""
        if not waiter:
            return self, soonest
        apart = pace.pause_seconds + _SLACK_SECONDS
        others = {other: at for other, at in self.promised.items() if other != waiter}
        if waiter in self.promised:
            at = _gap(soonest, sorted(others.values()), apart)
        else:
            at = max(soonest, pace.next_at(self._taken(), slack=_SLACK_SECONDS if others else 0.0))
        if len(others) < _MAX_RESERVED:
            return replace(self, promised={**others, waiter: at}), at
        at = max(at, self.line_at + apart)
        return replace(self, line_at=at), at

    def _taken(self) -> Sequence[float]:
        return sorted([*self.writes, *self.promised.values()])


def _gap(soonest: float, taken: Sequence[float], apart: float) -> float:
    """Return the first time from `soonest` that is `apart` from all taken times (sorted)."""
    at = soonest
    for other in taken:
        if at - apart < other < at + apart:
            at = other + apart
    return at
