"""What goes over the wire, as values: a request, an answer, and a refusal.

Chosen against Flask's own objects: the same values are made by the HTTP server and by a checking
server in front of it, without a request context.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

DOCUMENTATION = "https://docs.github.com/rest"


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request; header names are in lower case, the path is still percent-encoded."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The decoded body, None when it is empty; raises Refused(400) when it is no JSON."""
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Refused(400, "Problems parsing JSON") from error

    @property
    def form(self) -> Mapping[str, str]:
        """The fields of an HTML form that was sent."""
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))


class HtmlPage(str):
    """A body that is HTML as it stands, not JSON: what a person sees in a browser."""

    __slots__ = ()


@dataclass(frozen=True)
class Answer:
    """One HTTP answer: status, a JSON value or Page (None: an empty body) and further headers."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """The body as bytes: UTF-8 JSON without needless spaces, as GitHub sends it."""
        if self.body is None:
            return b""
        if isinstance(self.body, HtmlPage):
            return self.body.encode()
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()

    @property
    def content_type(self) -> str:
        """What the body is."""
        kind = "text/html" if isinstance(self.body, HtmlPage) else "application/json"
        return f"{kind}; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the server sends: the answer, after how long, and whether the line is cut instead.

    `hang_up` is "" (the answer is sent), "close" (the connection ends without a byte), "reset" (TCP
    RST) or "half" (half of the body, then the end). `fault` is the name of what went wrong, if any.
    """

    answer: Answer
    delay_seconds: float = 0.0
    hang_up: str = ""
    fault: str = ""


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    """A request is answered with an error in GitHub's wording; nothing was changed."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: Sequence[Mapping[str, Any]] = (),
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        body: dict[str, Any] = {"message": message, "documentation_url": DOCUMENTATION}
        if errors:
            body["errors"] = [dict(error) for error in errors]
        # GitHub repeats the status, as text, in the body of an error.
        body["status"] = str(status)
        self.answer = Answer(status, body, headers or {})


def not_found() -> Refused:
    """The error for what is not there, or must not be seen."""
    return Refused(404, "Not Found")


def invalid(resource: str, field_name: str, code: str = "invalid", message: str = "") -> Refused:
    """The 422 for one field; code is one of GitHub's: missing, missing_field, invalid, custom..."""
    error = {"resource": resource, "field": field_name, "code": code}
    return Refused(422, "Validation Failed", [error | ({"message": message} if message else {})])
