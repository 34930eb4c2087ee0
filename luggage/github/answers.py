"""API responses: converts status, headers and body to values or errors, without I/O.

Sources: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api ("Exceeding
the rate limit"), .../troubleshooting-the-rest-api, .../best-practices-for-using-the-rest-api.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from luggage.github.errors import (
    AddressRefused,
    Ambiguous,
    Blocked,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    NoToken,
    RateLimited,
    RepositoryBlocked,
    RequestFailed,
    Suspended,
    Transient,
    Unauthorized,
    Uninstalled,
)

# GitHub's Date has whole seconds, so the skew is accurate to half a second; err on the late side.
SKEW_ERROR_SECONDS = 0.5
# "Otherwise, wait for at least one minute before retrying."
SECONDARY_LIMIT_SECONDS = 60.0

_DIGITS = re.compile(r"[0-9]{1,12}")  # bounded: int() raises on very long digit strings
# GitHub's words for a secondary limit. It sends them with 403, 422 or 429, at times as HTML.
_SECONDARY = re.compile(
    r"secondary[- ]rate[- ]limit|abuse[- ](?:detection|rate[- ]limit)|submitted too quickly"
    r"|temporarily blocked from content creation",
    re.IGNORECASE,
)
# The words for a primary limit count where a proxy has dropped the headers.
_PRIMARY = re.compile(r"^API rate limit (?:already )?exceeded", re.IGNORECASE)
_LIMIT_MESSAGE = re.compile(rf"{_PRIMARY.pattern}|{_SECONDARY.pattern}", re.IGNORECASE)
# A limit of GitHub ends within an hour; a longer wait is a mistake somewhere.
_LONGEST_RETRY_AFTER = 24 * 3600.0
# How much of an answer that is not JSON may hold those words, in bytes.
_LONGEST_PAGE = 100_000
_LONGEST_MESSAGE = 500
# Accepted, No Content, Reset Content.
_NO_CONTENT = frozenset({202, 204, 205})

# Refusals of all requests, by GitHub's words; other 403s are about a permission.
_BLOCKS: tuple[tuple[type[Blocked], re.Pattern[str]], ...] = (
    (
        Suspended,
        re.compile(r"\b(?:installation|account)\b.{1,20}\bsuspended\b", re.IGNORECASE),
    ),
    (
        AddressRefused,
        re.compile(r"\bIP allow list\b|\bIP address\b.*\bnot permitted\b", re.IGNORECASE),
    ),
    (
        RepositoryBlocked,
        re.compile(
            r"\brepository access blocked\b|\baccess to this repository has been disabled\b"
            r"|\blocked for migration\b",
            re.IGNORECASE,
        ),
    ),
)
_TOKENS = "/access_tokens"
_GONE = frozenset({404, 410})
# What a proxy would refuse again: a malformed or too large request.
_TOO_MUCH = frozenset({400, 413, 414, 431})


@dataclass(frozen=True)
class ApiResponse:
    """An HTTP response; header names are lower case, `received_at` is in epoch seconds."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: float

    @property
    def ok(self) -> bool:
        """Return whether the status is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 -- 2xx

    @property
    def is_whole(self) -> bool:
        """Return whether the body looks like whole JSON: no HTML, not empty, not cut."""
        return self.body[:1] in {b"{", b"["} and self.body[-1:] in {b"}", b"]"}

    def decoded(self) -> Any:
        """Return the decoded JSON; None for an empty body where the status promises none.

        Its objects are `Fields`. Raises ValueError for other content, and where a body is missing.
        """
        if self.status in _NO_CONTENT and not self.body.strip():
            return None
        return json.loads(self.body, object_hook=lambda fields: Fields(fields, self))


class Fields(dict[str, Any]):
    """A JSON object of a response: `fields["x"]` raises Ambiguous if GitHub left `x` out.

    A caller would otherwise end with a KeyError, as if it were wrong itself; the next try may get
    the whole object. Optional fields are read with `get`.
    """

    def __init__(self, fields: Mapping[str, Any], answer: ApiResponse) -> None:
        super().__init__(fields)
        self._answer = answer

    def __missing__(self, name: str) -> Any:
        """Raise the error for a field that the response lacks."""
        raise Ambiguous(f"the response lacks {name!r}", **_evidence(self._answer))


@dataclass(frozen=True)
class RateLimit:
    """A primary rate limit as last reported; `reset_at` in epoch seconds by our clock."""

    resource: str
    limit: int
    remaining: int
    reset_at: float


def github_time(answer: ApiResponse) -> float | None:
    """Return the Date header in epoch seconds; None if it is missing or unreadable."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def rate_limit(answer: ApiResponse, *, skew_seconds: float) -> RateLimit | None:
    """Return the response's primary limit, or None; `skew_seconds` is GitHub's clock minus ours."""
    values = [_count(answer, f"x-ratelimit-{name}") for name in ("limit", "remaining", "reset")]
    if None in values:
        return None
    limit, remaining, reset = (value or 0 for value in values)
    resource = answer.headers.get("x-ratelimit-resource", "core")
    return RateLimit(resource, limit, remaining, reset - skew_seconds + SKEW_ERROR_SECONDS)


def limited_until(answer: ApiResponse, *, skew_seconds: float) -> float | None:
    """Return when to retry a rate-limited request; None if the response is not a rate limit.

    The time is in epoch seconds by our clock. It is a minute ahead, or as far as GitHub says, and
    at least one second, to prevent a busy loop.
    """
    is_secondary = _is_secondary(answer)
    if answer.status not in {403, 429} and not is_secondary:
        return None
    limit = rate_limit(answer, skew_seconds=skew_seconds)
    minute = answer.received_at + SECONDARY_LIMIT_SECONDS
    if "retry-after" in answer.headers:
        seconds = _retry_after(answer)
        return answer.received_at + max(1.0, seconds) if seconds else minute
    if limit is not None and limit.remaining == 0:
        is_past = limit.reset_at <= answer.received_at
        at = minute if is_past else max(answer.received_at + 1.0, limit.reset_at)
        return max(at, minute) if is_secondary else at
    is_limit = answer.status == 429 or _PRIMARY.search(_message(answer))  # noqa: PLR2004 -- Too Many Requests
    return minute if is_secondary or is_limit else None


def is_primary_limit(answer: ApiResponse) -> bool:
    """Return whether one resource's limit was hit, not one of the whole installation."""
    is_spent = answer.headers.get("x-ratelimit-remaining") == "0"
    return is_spent and "retry-after" not in answer.headers and not _is_secondary(answer)


def _is_secondary(answer: ApiResponse) -> bool:
    """Return whether a refusal has GitHub's words for a secondary limit, in JSON or HTML.

    Only what GitHub says counts, not the values of the request that it may repeat.
    """
    if answer.status not in {403, 422, 429}:
        return False
    data = _object(answer)
    if not data:
        return bool(_SECONDARY.search(answer.body[:_LONGEST_PAGE].decode(errors="replace")))
    listed = data.get("errors")
    fields = [_field(error) for error in listed] if isinstance(listed, list) else []
    said = [_text(data.get(name)) for name in ("message", "documentation_url")]
    return any(map(_SECONDARY.search, [*said, *(field.message for field in fields)]))


def failure(answer: ApiResponse, *, retry_at: float | None) -> RequestFailed:
    """Return the error for a failed response; `retry_at` comes from `limited_until`."""
    evidence = _evidence(answer)
    if retry_at is not None:
        return RateLimited(_message(answer), retry_at=retry_at, **evidence)
    return _error_class(answer)(_message(answer), **evidence)


def graphql_failure(answer: ApiResponse, data: object, *, retry_at: float) -> RequestFailed:
    """Return the error for a GraphQL response; GitHub sends `errors` with status 200.

    `retry_at` is the time to retry if the error is a rate limit. Source:
    https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
    """
    errors = data.get("errors") if isinstance(data, dict) else None
    listed = [e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []
    kinds = {str(error.get("type", "")) for error in listed}
    message = "; ".join(_text(error.get("message")) for error in listed)[:_LONGEST_MESSAGE]
    evidence = _evidence(answer) | {"fields": tuple(_graphql_field(error) for error in listed)}
    if kinds & {"RATE_LIMITED", "RATE_LIMIT"} or _LIMIT_MESSAGE.search(message):
        return RateLimited(message, retry_at=retry_at, **evidence)
    if message.startswith("Something went wrong"):  # a timeout inside GitHub
        return Ambiguous(message, **evidence)
    if "NOT_FOUND" in kinds:
        return NotFound(message, **evidence)
    if kinds & {"FORBIDDEN", "INSUFFICIENT_SCOPES"}:
        return (_block(message) or Forbidden)(message, **evidence)
    if not kinds - {""} and isinstance(data, dict) and data.get("data"):
        # A part of the data is missing, for a reason that GitHub does not name.
        return Transient(message, **evidence)
    return Invalid(message or "GitHub gave no error message", **evidence)


def unreadable(answer: ApiResponse) -> RequestFailed:
    """Return the error for a 2xx response whose body is not JSON, or is missing."""
    return Ambiguous("the response is not JSON", **_evidence(answer))


def _error_class(answer: ApiResponse) -> type[RequestFailed]:
    # Also a redirect that names no address, and an unasked Not Modified.
    if answer.status >= 500 or answer.status < 400:  # noqa: PLR2004 -- not a 4xx
        return Ambiguous
    kind = _CLASSES.get(answer.status, Invalid)
    # A proxy's own refusal: GitHub's API says in JSON what it refuses.
    if not (answer.status in _TOO_MUCH or kind is Unauthorized or _is_json(answer)):
        return Transient
    if answer.path.endswith(_TOKENS) and kind in {Forbidden, NotFound, Invalid}:
        return Uninstalled if answer.status in _GONE else _block(_message(answer)) or NoToken
    return _block(_message(answer)) or kind if kind is Forbidden else kind


def is_blocked(answer: ApiResponse) -> bool:
    """Return whether GitHub refuses all requests, so that no waiting for a new token helps."""
    return answer.status == 403 and _block(_message(answer)) is not None  # noqa: PLR2004 -- Forbidden


def _block(message: str) -> type[Blocked] | None:
    """Return the class for a refusal of all requests; None for other refusals."""
    return next((kind for kind, words in _BLOCKS if words.search(message)), None)


def _is_json(answer: ApiResponse) -> bool:
    try:
        json.loads(answer.body)
    except (ValueError, RecursionError):
        return False
    return True


_CLASSES: Mapping[int, type[RequestFailed]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    407: Transient,
    408: Transient,
    409: Transient,
    410: NotFound,
    425: Transient,
    451: RepositoryBlocked,
}


def _evidence(answer: ApiResponse) -> dict[str, Any]:
    data = _object(answer)
    listed = data.get("errors")
    return {
        "method": answer.method,
        "path": answer.path,
        "status": answer.status,
        "request_id": answer.headers.get("x-github-request-id", ""),
        "fields": tuple(_field(e) for e in listed) if isinstance(listed, list) else (),
        "documentation_url": _text(data.get("documentation_url")),
    }


def _object(answer: ApiResponse) -> Mapping[str, Any]:
    try:
        data = answer.decoded()
    except (ValueError, RecursionError):  # such as a proxy's HTML page
        return {}
    return data if isinstance(data, dict) else {}


def _message(answer: ApiResponse) -> str:
    return _text(_object(answer).get("message")) or (
        "no message" if _is_json(answer) else "the response is not JSON"
    )


def _field(error: object) -> FieldError:
    if not isinstance(error, dict):  # GitHub also sends plain strings
        return FieldError(message=_text(error))
    names = ("resource", "field", "code", "message")
    return FieldError(**{name: _text(error.get(name)) for name in names})


def _graphql_field(error: Mapping[str, Any]) -> FieldError:
    path = error.get("path")
    where = ".".join(str(part) for part in path) if isinstance(path, list) else ""
    return FieldError("", where, _text(error.get("type")), _text(error.get("message")))


def _text(value: object) -> str:
    return "" if value is None else str(value)[:_LONGEST_MESSAGE]


def _count(answer: ApiResponse, header: str) -> int | None:
    value = answer.headers.get(header, "")
    return int(value) if _DIGITS.fullmatch(value) else None


def _retry_after(answer: ApiResponse) -> float:
    """Return the seconds of Retry-After, a number or a date; 0.0 for neither or a past one."""
    seconds = _count(answer, "retry-after")
    if seconds is not None:
        return min(float(seconds), _LONGEST_RETRY_AFTER)
    try:
        until = parsedate_to_datetime(answer.headers["retry-after"]).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    now = github_time(answer)
    left = until - (answer.received_at if now is None else now)
    return min(max(0.0, left), _LONGEST_RETRY_AFTER)
