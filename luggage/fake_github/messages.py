"""Requests, responses and errors as plain values."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl

Item = TypeVar("Item")
DOCUMENTATION = "https://docs.github.com/rest"


@dataclass(frozen=True, kw_only=True)
class Request:
    """An HTTP request; header names are lower case, the path is percent-encoded."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        """Return the decoded body, None if empty; raises Refused(400) if it is not JSON."""
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Refused(400, "Problems parsing JSON") from error

    @property
    def form(self) -> Mapping[str, str]:
        """Return the fields of a submitted HTML form."""
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))


class HtmlPage(str):
    """An HTML body, for a browser."""

    __slots__ = ()


@dataclass(frozen=True)
class Answer:
    """An HTTP response: status, a JSON value or HtmlPage (None for no body), extra headers."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """Return the body as bytes: compact UTF-8 JSON, as GitHub sends it."""
        if self.body is None:
            return b""
        if isinstance(self.body, HtmlPage):
            return self.body.encode()
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()

    @property
    def content_type(self) -> str:
        """Return the body's content type."""
        kind = "text/html" if isinstance(self.body, HtmlPage) else "application/json"
        return f"{kind}; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the server does: send the response after a delay, or break the connection.

    `hang_up` is "" (send the response), "close" (end without a byte), "reset" (TCP RST) or "half"
    (send half of the body, then end). `fault` is the fault's name, if any.
    """

    answer: Answer
    delay_seconds: float = 0.0
    hang_up: str = ""
    fault: str = ""


class Refused(Exception):  # noqa: N818 - a response, not a bug
    """An error response in GitHub's wording; nothing was changed."""

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
        # GitHub repeats the status as text in an error's body.
        body["status"] = str(status)
        self.answer = Answer(status, body, headers or {})


def not_found() -> Refused:
    """Return the error for what does not exist or is not visible."""
    return Refused(404, "Not Found")


def existing(value: Item | None) -> Item:
    """Return the value; raises Refused(404) for None."""
    if value is None:
        raise not_found()
    return value


def invalid(resource: str, field_name: str, code: str = "invalid", message: str = "") -> Refused:
    """Return the 422 for one field; `code` is GitHub's, such as missing_field or custom."""
    error = {"resource": resource, "field": field_name, "code": code}
    return Refused(422, "Validation Failed", [error | ({"message": message} if message else {})])
