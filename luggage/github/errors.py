"""What can go wrong between us and GitHub: one class for each reaction of the caller.

    GithubError
      ConfigurationError    mend the settings
      DeliveryRejected      answer its HTTP status to whoever posted the delivery
        Unsigned            401: no signature at all
        BadSignature        401: not signed with a secret of ours
        Malformed           400: signed, but not a delivery of GitHub's shape
      WriteRefused          a read-only client was asked to write: a bug of the caller
      RequestFailed         a request to the API; carries method, path, status, request id, fields
        Unreachable         nothing was sent: repeat safely
        Ambiguous           sent, the end is unknown: look before a write is repeated
        RateLimited         nothing was done: come back at `retry_at`
        Transient           nothing was done: repeat later
        Unauthorized        our credentials were refused, even after one renewal
        Forbidden           a permission is missing
        NotFound            not there, or not visible to us
        Invalid             it can never succeed as it is: see `fields`

Chosen against one class with a status inside: each caller would then repeat the same table of
numbers, and the two cases that matter most (was it sent? was it done?) have no number at all.
"""

# ruff: noqa: N818 -- named after what happened, as the caller reads it in `except`

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar


class GithubError(Exception):
    """The root of the tree; catching it catches everything this library raises on purpose."""


class ConfigurationError(GithubError, ValueError):
    """A setting is missing or cannot be used; the message says which, and what to do."""


class DeliveryRejected(GithubError):
    """A delivery that must not be handled; `status` is the HTTP status to answer with."""

    status: ClassVar[int] = 400


class Unsigned(DeliveryRejected):
    """The delivery carries no `X-Hub-Signature-256`."""

    status = 401


class BadSignature(DeliveryRejected):
    """The signature matches none of our secrets."""

    status = 401


class Malformed(DeliveryRejected):
    """The delivery is signed, but it is not what GitHub's documentation describes."""


class WriteRefused(GithubError):
    """A read-only client was asked for something that changes GitHub; nothing was sent."""


@dataclass(frozen=True)
class FieldError:
    """One entry of the `errors` list in GitHub's answer to a request it finds invalid.

    Source: "Validation failed" in
    https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api
    """

    resource: str = ""
    field: str = ""
    code: str = ""
    message: str = ""

    def __str__(self) -> str:
        """Return it as one phrase, such as `IssueComment.body missing_field`."""
        place = ".".join(part for part in (self.resource, self.field) if part)
        return " ".join(part for part in (place, self.code, self.message) if part)


_EVIDENCE = frozenset(
    {"method", "path", "status", "request_id", "fields", "documentation_url", "retry_at"}
)


class RequestFailed(GithubError):
    """A request to GitHub's API did not give what was asked for.

    `method` and `path` say which request (the path without host and query), `status` is the HTTP
    status or None when none came, `request_id` is GitHub's own name for it (to tell their
    support), `message` is GitHub's words or ours, `fields` the fields at fault. Copies and pickles
    well, so that it can be handed from one thread to another.
    """

    remedy: ClassVar[str] = ""

    def __init__(  # noqa: PLR0913 -- the evidence of one failure; all but the first by keyword
        self,
        message: str,
        *,
        method: str,
        path: str,
        status: int | None = None,
        request_id: str = "",
        fields: tuple[FieldError, ...] = (),
        documentation_url: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.method = method
        self.path = path
        self.status = status
        self.request_id = request_id
        self.fields = fields
        self.documentation_url = documentation_url

    def __str__(self) -> str:
        """Return what was asked, what came back, what it means and what to do, on one line."""
        told = " ".join(str(part) for part in (self.status, self.message) if part)
        parts = [f"{self.method} {self.path}: {told}"]
        parts += [f"[{'; '.join(str(field) for field in self.fields)}]"] if self.fields else []
        parts += [f"(request id {self.request_id})"] if self.request_id else []
        parts += [f"-- {self.remedy}"] if self.remedy else []
        return " ".join(parts)

    def as_a(self, kind: type["RequestFailed"]) -> "RequestFailed":
        """Return another error with the same evidence, where the caller's reaction is another."""
        return kind(
            self.message, **{name: vars(self)[name] for name in _EVIDENCE & vars(self).keys()}
        )

    def __reduce__(self) -> tuple[Callable[..., "RequestFailed"], tuple[str]]:
        """Return how to make it again: exceptions do not pickle keyword arguments by themselves."""
        evidence = {name: value for name, value in vars(self).items() if name in _EVIDENCE}
        return partial(type(self), **evidence), (self.message,)


class Unreachable(RequestFailed):
    """No connection was made (refused, unknown host, TLS): nothing was sent, repeating is safe."""

    remedy = "nothing was sent; repeating is safe"


class Ambiguous(RequestFailed):
    """It was sent and the end is unknown: a timeout, a reset, a 5xx.

    A read can simply be repeated. Before a write is repeated, look whether it took place.
    """

    remedy = "it may have taken place; look before repeating a write"


class RateLimited(RequestFailed):
    """A limit of GitHub's, or our own pause between writes; nothing was done.

    `retry_at` says when it may be tried again, in seconds since the epoch by the clock of the
    caller.
    """

    remedy = "nothing was done; come back at retry_at"

    def __init__(self, message: str, *, retry_at: float, **evidence: object) -> None:
        super().__init__(message, **evidence)  # type: ignore[arg-type]  # as in RequestFailed
        self.retry_at = retry_at


class Transient(RequestFailed):
    """GitHub could not do it just now (408, 409, 425, or no token to be had); repeat later."""

    remedy = "repeat later"


class Unauthorized(RequestFailed):
    """401 even after the credentials were made anew."""

    remedy = "check the App's id and private key, and that the App is not suspended"


class Forbidden(RequestFailed):
    """403 that is no limit: the installation lacks a permission."""

    remedy = "check the permissions the organisation has accepted; is the App suspended?"


class NotFound(RequestFailed):
    """404, 410 or 451: not there, or not visible to this installation."""


class Invalid(RequestFailed):
    """400, 422 and the other 4xx: it never succeeds as it is; `fields` says what is at fault."""
