"""What is remembered of one installation's limits, and whose turn it is to write. Pure; no I/O.

Chosen: a line, as at a counter. Who may not write yet is given a time of its own and keeps it, so
that a hundred jobs which wait do not all come back in the same second, and none of them is pushed
aside by who came later. Against: everybody's coming back when the limit ends, and a random wait.

Source: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api ("About
secondary rate limits": 80 content-generating requests a minute, 500 an hour), and .../best-
practices-for-using-the-rest-api ("wait at least one second between each request"). Each write is
counted as content, because GitHub does not say which ones are.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Self

from luggage.github.answers import RateLimit

_MINUTE, _HOUR = 60.0, 3600.0
# Given times are a little further apart than they need be: who is a moment late shall not make the
# next one come in vain.
_SLACK_SECONDS = 0.1
# For so long after its time a turn is kept for who does not come.
_KEPT_SECONDS = 5.0
# So many have their place in the line; others are told to come when it has moved on.
_PLACES = 200
# A clock that was put back by more than this has made all that was promised worthless.
_JUMP_SECONDS = 60.0


@dataclass(frozen=True)
class Pace:
    """How fast one installation writes; a number that is 0 stands for no limit."""

    pause_seconds: float = 1.0
    per_minute: int = 80
    per_hour: int = 500

    def next_at(self, times: Sequence[float], *, slack: float = 0.0) -> float:
        """Return the soonest that may follow `times` (epoch seconds, sorted); 0 for at once."""
        soonest = times[-1] + self.pause_seconds + slack if times and self.pause_seconds else 0.0
        for most, window in ((self.per_minute, _MINUTE), (self.per_hour, _HOUR)):
            if 0 < most <= len(times):
                soonest = max(soonest, times[-most] + window + slack)
        return soonest


@dataclass(frozen=True)
class ThrottleState:
    """What is known of an installation; all times in epoch seconds.

    `closed`: resource -> until when nothing of it is sent ("" is everything). `writes`: when the
    writes of the last hour went. `promised`: who -> when it may write. `line_at`: the last time
    that was told to anybody for whom there was no place. `asked_at`: when somebody last asked.
    `seen`: resource -> what GitHub last said of its primary limit, as (limit, remaining, when it
    starts anew, when it was said).
    """

    closed: Mapping[str, float] = field(default_factory=dict)
    writes: Sequence[float] = ()
    promised: Mapping[str, float] = field(default_factory=dict)
    line_at: float = 0.0
    asked_at: float = 0.0
    seen: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return what `encode` made a text of; of "", and what another release wrote, nothing."""
        try:
            return cls(**json.loads(text)) if text else cls()
        except (TypeError, ValueError):
            return cls()

    def encode(self) -> str:
        """Return it as a text, for whoever keeps it."""
        told = asdict(replace(self, writes=[round(at, 3) for at in self.writes]))
        return json.dumps(told, separators=(",", ":"))

    def close(self, resource: str, until: float) -> "ThrottleState":
        """Return it with a limit that was met; a longer one that lasts already stays."""
        until = max(until, self.closed.get(resource, 0.0))
        return replace(self, closed={**self.closed, resource: until})

    def closed_until(self, *resources: str) -> float:
        """Return when the last of these limits ends, or ended."""
        return max(self.closed.get(resource, 0.0) for resource in resources)

    def at(self, now: float) -> "ThrottleState":
        """Return it without what is over at `now`; the clock may have been put back meanwhile."""
        back = self.asked_at - now
        writes = [min(at, now) for at in self.writes] if back > 0 else self.writes
        keeps = {} if back > _JUMP_SECONDS else self.promised
        return ThrottleState(
            closed={name: until for name, until in self.closed.items() if until > now},
            writes=[at for at in writes if at > now - _HOUR],
            promised={who: at for who, at in keeps.items() if at > now - _KEPT_SECONDS},
            line_at=0.0 if back > _JUMP_SECONDS else self.line_at,
            asked_at=now,
            seen=self.seen,
        )

    def saw(self, limit: RateLimit, now: float) -> "ThrottleState":
        """Return it with what GitHub said of a primary limit."""
        told = (limit.limit, limit.remaining, round(limit.reset_at), round(now))
        return replace(self, seen={**self.seen, limit.resource: told})

    def wrote(self, at: float, pace: Pace, who: str) -> "ThrottleState":
        """Return it with a write that goes at `at`, and with it the place of who writes."""
        promised = {other: when for other, when in self.promised.items() if other != who}
        counted = max(1, pace.per_minute, pace.per_hour)
        return replace(self, writes=[*self.writes, at][-counted:], promised=promised)

    def turn(self, now: float, pace: Pace, who: str) -> float:
        """Return when `who` may write: now, or later, behind those who were promised a time."""
        mine = self.promised.get(who)
        if mine is not None:
            return max(now, mine, pace.next_at(self.writes))
        return max(now, pace.next_at(self._line()))

    def promise(self, soonest: float, pace: Pace, who: str) -> tuple["ThrottleState", float]:
        """Return the time for `who` to come back, not before `soonest`, and keep it for it.

        Nobody ("") is told the soonest, and keeps no place.
        """
        if not who:
            return self, soonest
        apart = pace.pause_seconds + _SLACK_SECONDS
        others = {other: at for other, at in self.promised.items() if other != who}
        if who in self.promised:
            at = _gap(soonest, sorted(others.values()), apart)
        else:
            at = max(soonest, pace.next_at(self._line(), slack=_SLACK_SECONDS if others else 0.0))
        if len(others) < _PLACES:
            return replace(self, promised={**others, who: at}), at
        at = max(at, self.line_at + apart)
        return replace(self, line_at=at), at

    def _line(self) -> Sequence[float]:
        return sorted([*self.writes, *self.promised.values()])


def _gap(soonest: float, taken: Sequence[float], apart: float) -> float:
    """Return the first time from `soonest` on that is `apart` from those taken (sorted)."""
    at = soonest
    for other in taken:
        if at - apart < other < at + apart:
            at = other + apart
    return at
