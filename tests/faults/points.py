"""Points where a process may die: before, inside and after each step, wrapped from outside."""

import functools
import inspect
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from bot.actions import ACTIONS
from bot.events import DELIVERIES
from bot.loop.run import Updater
from luggage.github.transport import Transport
from luggage.jobs import Queue, State

# claim, decide, queue, send, record: the order of a delivery's steps. "inside" is within an
# uncommitted transaction; "under way" is while GitHub has the request.
STEPS = (
    "claim:before", "claim:after",
    "decide:before", "decide:after",
    "queue:before", "queue:inside", "queue:after",
    "note:before", "note:after",
    "send:before", "send:under way", "send:after",
    "record:before", "record:inside", "record:after",
    "postpone:before", "postpone:after",
    "extend:before", "extend:after",
    "reclaim:before", "reclaim:after",
)  # fmt: skip
# These are passed occasionally, not for each job; the number limits the wait.
_RARE = {"extend": 1, "reclaim": 2, "postpone": 10}
_UNDER_WAY_SECONDS = 0.004
_UNDER_WAY = "send:under way"
# Held by a sending thread.
_sending = threading.Lock()

Pass = Callable[[str], None]


class Strike:
    """Acts at one of the named points after some passes; both are drawn from `rng`."""

    def __init__(
        self, rng: random.Random, names: Sequence[str], mean: int, act: Callable[[str], None]
    ) -> None:
        self.name = rng.choice(list(names))
        most = _RARE.get(self.name.split(":")[0], max(1, 2 * mean - 1))
        self._wanted = rng.randint(1, most)
        self._delay_seconds = rng.uniform(0.0, _UNDER_WAY_SECONDS)
        self._passes = itertools.count(1)
        # A point that is never reached is skipped.
        self._claims = itertools.count(1)
        self._most_claims = 3 * mean if mean > 2 else None
        self._act = act

    def __call__(self, name: str) -> None:
        """Record a pass of a point; any thread may call it."""
        if name == "claim:after" and next(self._claims) == self._most_claims:
            self._act(name)
        if name == self.name and next(self._passes) == self._wanted:
            if name == _UNDER_WAY:
                threading.Thread(target=self._later, daemon=True).start()
            else:
                self._act(name)

    def _later(self) -> None:
        time.sleep(self._delay_seconds)
        self._act(self.name)


@contextmanager
def nobody_sends(name: str) -> Iterator[None]:
    """Wait until no other thread is sending, unless `name` is that point: that may repeat."""
    with nullcontext() if name == _UNDER_WAY else _sending:
        yield


def install(strike: Pass) -> None:
    """Wrap the steps of this process."""
    _around(Updater, "decide", strike, lambda *_, **__: "decide")
    _around(Queue, "note", strike, lambda *_, **__: "note")
    _around(Queue, "extend", strike, lambda *_, **__: "extend")
    _around(Queue, "reclaim", strike, lambda *_, **__: "reclaim")
    _claim(strike)
    _end(strike)
    _inside(strike)
    _send(strike)


_STEP_OF = {DELIVERIES: "queue", ACTIONS: "record"}


def _step_of(ending: Any) -> str:
    return "postpone" if ending.state is State.READY else _STEP_OF[ending.job.queue]


def _around(owner: Any, name: str, strike: Pass, step: Callable[..., str]) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        here = step(*args, **kwargs)
        strike(f"{here}:before")
        result = original(*args, **kwargs)
        strike(f"{here}:after")
        return result

    setattr(owner, name, wrapped)


def _claim(strike: Pass) -> None:
    original = Queue.claim

    @functools.wraps(original)
    def claim(*args: Any, **kwargs: Any) -> Any:
        strike("claim:before")
        claimed = original(*args, **kwargs)
        if claimed:
            strike("claim:after")
        return claimed

    Queue.claim = claim


def _end(strike: Pass) -> None:
    """Outcomes are recorded in batches; each is a pass of its step."""
    original = Queue.end

    @functools.wraps(original)
    def end(queue: Any, ended: Any) -> Any:
        steps = [_step_of(ending) for ending in ended]
        for step in steps:
            strike(f"{step}:before")
        lost = original(queue, ended)
        for step in steps:
            strike(f"{step}:after")
        return lost

    Queue.end = end


def _inside(strike: Pass) -> None:
    """Pass between the last statement and the commit of a transaction that records outcomes."""
    original = Queue._end

    @functools.wraps(original)
    def end(queue: Any, connection: Any, ended: Any) -> Any:
        result = original(queue, connection, ended)
        for ending in ended:
            strike(f"{_step_of(ending)}:inside")
        return result

    Queue._end = end


def _send(strike: Pass) -> None:
    """Wrap writes only: an interrupted read is simply repeated."""
    original = Transport.send
    signature = inspect.signature(original)

    @functools.wraps(original)
    def send(*args: Any, **kwargs: Any) -> Any:
        asked = signature.bind(*args, **kwargs).arguments
        is_write = asked["method"] != "GET" and "access_tokens" not in asked["path"]
        if not is_write:
            return original(*args, **kwargs)
        strike("send:before")
        with _sending:
            strike(_UNDER_WAY)
            answer = original(*args, **kwargs)
        strike("send:after")
        return answer

    Transport.send = send
