"""What can go wrong between a bot and GitHub, on order.

A fault is a value; a plan decides for each request whether one strikes. `fake.faults` is a list of
plans, asked in order, the first fault wins. Chosen against patching the client: the bot's own HTTP
stack has to meet the broken line.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from luggage.fake_github.messages import Answer, Refused, Request


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that goes wrong; `name` appears in the list of calls.

    `done`: whether the request takes effect nevertheless. `answer`: sent in place of the true one.
    `delay_seconds`: waited before answering. `hang_up`: as in Outcome.
    """

    name: str
    done: bool = False
    answer: Answer | None = None
    delay_seconds: float = 0.0
    hang_up: str = ""


Plan = Callable[[Request], Fault | None]


def dropped() -> Fault:
    """The connection ends without an answer, and nothing was done."""
    return Fault(name="dropped", hang_up="close")


def reset(*, done: bool) -> Fault:
    """The connection is reset (TCP RST), before or after the request was done."""
    return Fault(name="reset", done=done, hang_up="reset")


def cut_short() -> Fault:
    """Done, but the answer ends in the middle of its body."""
    return Fault(name="cut short", done=True, hang_up="half")


def slow(delay_seconds: float) -> Fault:
    """Done, and answered late; later than the client waits, it is a time-out."""
    return Fault(name="slow", done=True, delay_seconds=delay_seconds)


def failed(status: int = 502, *, done: bool) -> Fault:
    """A 5xx; with `done=True` the worst of all faults: done, then 502."""
    page = Answer(status, {"message": "Server Error"})
    return Fault(name=f"{'done, then ' if done else ''}{status}", done=done, answer=page)


def too_many_requests(retry_after_seconds: int) -> Fault:
    """429 with Retry-After; nothing is done."""
    return _refusal(429, "too many requests", {"retry-after": str(retry_after_seconds)})


def secondary_limit(retry_after_seconds: int | None = None) -> Fault:
    """403 in the words of the secondary limit, with or without Retry-After; nothing is done."""
    headers = {} if retry_after_seconds is None else {"retry-after": str(retry_after_seconds)}
    return _refusal(403, "secondary limit", headers)


def refused(status: int, message: str) -> Fault:
    """An error in GitHub's form, with any status and message; nothing is done."""
    return Fault(name=str(status), answer=Refused(status, message).answer)


def _refusal(status: int, name: str, headers: dict[str, str]) -> Fault:
    message = (
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    )
    return Fault(name=name, answer=Refused(status, message, headers=headers).answer)


def plan(  # noqa: PLR0913 - where and how often, by name
    fault: Fault,
    *,
    method: str = "*",
    path: str = "*",
    times: int | None = 1,
    share: float = 1.0,
    rng: random.Random | None = None,
) -> Plan:
    """A plan: the fault strikes requests of that method and path (shell patterns), so many times.

    `times=None`: for ever. `share`: the part of the matching requests that is struck, by `rng`,
    which must be given then: a campaign prints its seed. Raises ValueError without it.
    """
    if share < 1.0 and rng is None:
        raise ValueError("A share of the requests needs rng=random.Random(SEED), to be repeatable.")
    lock = threading.Lock()
    struck = 0

    def decide(request: Request) -> Fault | None:
        nonlocal struck
        if not (fnmatchcase(request.method, method) and fnmatchcase(request.path, path)):
            return None
        with lock:
            if (times is not None and struck >= times) or (
                rng is not None and rng.random() >= share
            ):
                return None
            struck += 1
            return fault

    return decide
