"""Faults between a bot and GitHub.

A fault is a value; a plan decides for each request whether to apply one. `fake.faults` is a list of
plans, and the first fault wins. Faults act on the server's side, so that the bot's own HTTP stack
meets them.
"""

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from luggage.fake_github.messages import Answer, HtmlPage, Refused, Request


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault; `name` appears in the recorded calls.

    `done` is whether the request takes effect, `answer` replaces the response, `delay_seconds`
    delays it, `hang_up` is as in Outcome.
    """

    name: str
    done: bool = False
    answer: Answer | None = None
    delay_seconds: float = 0.0
    hang_up: str = ""


Plan = Callable[[Request], Fault | None]


def dropped() -> Fault:
    """Close the connection without a response; the request has no effect."""
    return Fault(name="dropped", hang_up="close")


def reset(*, done: bool) -> Fault:
    """Reset the connection (TCP RST), before or after the request takes effect."""
    return Fault(name="reset", done=done, hang_up="reset")


def cut_short() -> Fault:
    """Process the request, but truncate the response body."""
    return Fault(name="cut short", done=True, hang_up="half")


def slow(delay_seconds: float) -> Fault:
    """Process the request and respond late; beyond the client's timeout it is a read timeout."""
    return Fault(name="slow", done=True, delay_seconds=delay_seconds)


def failed(status: int = 502, *, done: bool) -> Fault:
    """Respond with a 5xx; with `done=True` the request takes effect first."""
    page = Answer(status, {"message": "Server Error"})
    return Fault(name=f"{'done, then ' if done else ''}{status}", done=done, answer=page)


def too_many_requests(retry_after_seconds: int) -> Fault:
    """Respond with 429 and Retry-After; the request has no effect."""
    return _refusal(429, "too many requests", {"retry-after": str(retry_after_seconds)})


def secondary_limit(retry_after_seconds: int | None = None) -> Fault:
    """Respond with GitHub's 403 for a secondary limit; the request has no effect."""
    headers = {} if retry_after_seconds is None else {"retry-after": str(retry_after_seconds)}
    return _refusal(403, "secondary limit", headers)


def submitted_too_quickly(status: int = 422) -> Fault:
    """Respond as GitHub does to fast writers, with 403 or 422; the request has no effect.

    It is a secondary limit, which GitHub words as a validation error.
    """
    error = {"resource": "Issue", "code": "custom", "message": "was submitted too quickly"}
    answer = Refused(status, "Validation Failed", [error]).answer
    return Fault(name="submitted too quickly", answer=answer)


def limit_as_html(status: int = 403) -> Fault:
    """Respond with a secondary limit as a page of HTML; the request has no effect."""
    page = HtmlPage(
        "<!DOCTYPE html><html><body><p>You have exceeded a secondary rate limit. Please wait a few "
        "minutes before you try again.</p></body></html>"
    )
    return Fault(name="limit as HTML", answer=Answer(status, page))


def refused(status: int, message: str, *errors: Mapping[str, str]) -> Fault:
    """Respond with any error in GitHub's format; the request has no effect.

    `errors` is its list of fields: `{"resource": "Issue", "field": "title", "code": "invalid"}`.
    """
    return Fault(name=str(status), answer=Refused(status, message, errors).answer)


def answered(body: object, *, status: int = 200) -> Fault:
    """Respond with this JSON; the request has no effect. For answers that lack or cut something."""
    return Fault(name=f"answered {status}", answer=Answer(status, body))


def _refusal(status: int, name: str, headers: dict[str, str]) -> Fault:
    message = (
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    )
    return Fault(name=name, answer=Refused(status, message, headers=headers).answer)


def plan(  # noqa: PLR0913 - keyword-only options
    fault: Fault,
    *,
    method: str = "*",
    path: str = "*",
    times: int | None = 1,
    share: float = 1.0,
    rng: random.Random | None = None,
) -> Plan:
    """Return a plan that applies the fault to matching requests (shell patterns), `times` times.

    `times=None` means always. `share` is the fraction of matching requests to hit; it requires
    `rng`, so that a run can be repeated from its seed. Raises ValueError without it.
    """
    if share < 1.0 and rng is None:
        raise ValueError("share needs rng=random.Random(SEED), so that the run can be repeated.")
    lock = threading.Lock()
    hits = 0

    def decide(request: Request) -> Fault | None:
        nonlocal hits
        if not (fnmatchcase(request.method, method) and fnmatchcase(request.path, path)):
            return None
        with lock:
            if (times is not None and hits >= times) or (rng is not None and rng.random() >= share):
                return None
            hits += 1
            return fault

    return decide
