"""Table of answers: what GitHub, or a proxy before it, may say to a request.

An answer is given once, as a disturbance that passes, or always, as a refusal that stays.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import requests

from luggage.fake_github.messages import Answer, HtmlPage, Refused, Request

_Ask = Callable[[], Answer]
_RESET_SECONDS = 600


@dataclass(frozen=True)
class Reply:
    """One row of the table: what is done with a request; `passes` if it is done only once.

    `absent` says that the answer means "it is not there".
    """

    name: str
    does: Callable[[Request, _Ask], Answer]
    passes: bool = True
    absent: bool = False


def _refused(status: int, message: str, **headers: str) -> Callable[[Request, _Ask], Answer]:
    answer = Refused(
        status, message, headers={name.replace("_", "-"): text for name, text in headers.items()}
    ).answer
    return lambda _request, _ask: answer


def _primary(_request: Request, _ask: _Ask) -> Answer:
    now = 1_795_000_000 + _RESET_SECONDS
    headers = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "0"}
    headers["x-ratelimit-reset"] = str(now)
    return Refused(403, "API rate limit exceeded for installation.", headers=headers).answer


def _done_then(status: int) -> Callable[[Request, _Ask], Answer]:
    def answer(_request: Request, ask: _Ask) -> Answer:
        ask()
        return Refused(status, "Server Error").answer

    return answer


def _page(_request: Request, _ask: _Ask) -> Answer:
    return Answer(200, HtmlPage("<html><body>Please sign in to continue.</body></html>"))


def _empty(_request: Request, ask: _Ask) -> Answer:
    return replace(ask(), body=None)


def _cut(_request: Request, ask: _Ask) -> Answer:
    ask()
    raise requests.exceptions.ChunkedEncodingError("IncompleteRead(100 bytes read)")


def _slow(_request: Request, ask: _Ask) -> Answer:
    ask()
    raise requests.ReadTimeout("Read timed out.")


def _bare(_request: Request, ask: _Ask) -> Answer:
    answer = ask()
    return replace(answer, body=_without_fields(answer.body))


def _without_fields(body: Any) -> Any:
    """The same kind of JSON, whose objects have no fields; the list of a page keeps its length."""
    if isinstance(body, list):
        return [_without_fields(each) for each in body]
    if not isinstance(body, dict):
        return body
    lists = {name: value for name, value in body.items() if isinstance(value, list)}
    is_page = "total_count" in body and len(lists) == 1
    return {name: _without_fields(value) for name, value in lists.items()} if is_page else {}


def _proxy(status: int, **headers: str) -> Callable[[Request, _Ask], Answer]:
    return lambda _request, _ask: Answer(status, HtmlPage("404 page not found"), headers)


_ALLOW_LIST = (
    "Although you appear to have the correct authorization credentials, the `snakes` organization "
    "has an IP allow list enabled, and 192.0.2.1 is not permitted to access this resource."
)
_SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)

REPLIES: Mapping[str, Reply] = {
    reply.name: reply
    for reply in (
        Reply("401", _refused(401, "Bad credentials")),
        Reply("403 refusal", _refused(403, "Resource not accessible by integration"), passes=False),
        Reply("403 secondary limit", _refused(403, _SECONDARY)),
        Reply("403 primary limit", _primary),
        # A proxy has dropped the headers.
        Reply("403 limit in words", _refused(403, "API rate limit exceeded for installation.")),
        Reply("403 allow list", _refused(403, _ALLOW_LIST), passes=False),
        Reply("403 suspended", _refused(403, "This installation has been suspended"), passes=False),
        Reply("404", _refused(404, "Not Found"), passes=False, absent=True),
        Reply("409", _refused(409, "Conflict")),
        Reply("410", _refused(410, "This issue was deleted"), passes=False, absent=True),
        Reply("422", _refused(422, "Validation Failed"), passes=False),
        Reply("429", _refused(429, "Too many requests", retry_after="30")),
        Reply("451", _refused(451, "Repository access blocked"), passes=False),
        Reply("500", _refused(500, "Server Error")),
        Reply("502 before", _refused(502, "Server Error")),
        Reply("502 after", _done_then(502)),
        Reply("503", _refused(503, "No server is currently available")),
        Reply("HTML page", _page),
        Reply("proxy's 404", _proxy(404)),
        Reply("proxy's redirect", _proxy(302, location="https://proxy.test/sign-in")),
        Reply("empty body", _empty),
        Reply("cut body", _cut),
        Reply("slow", _slow),
        Reply("fields missing", _bare, passes=False),
    )
}
