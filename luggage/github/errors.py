"""Exceptions: one class for each reaction of the caller.

    GithubError
      ConfigurationError    fix the settings
      DeliveryRejected      respond to the sender with its HTTP status
        Unsigned            401: no signature
        BadSignature        401: signed with another secret
        Malformed           400: signed, but not a valid delivery
      WriteRefused          a write through a read-only client: a bug in the caller
      RequestFailed         a failed API request; carries method, path, status, request id, fields
        Unreachable         nothing was sent: retry
        Ambiguous           sent, outcome unknown: check before repeating a write
        RateLimited         nothing was done: retry at `retry_at`
        Transient           nothing was done: retry later
        Unauthorized        the credentials were rejected, even after one renewal
        Forbidden           a permission is missing
        Blocked             GitHub refuses whatever is asked: nothing is known about the thing
          NoToken           it issues no token for the installation
            Uninstalled     the installation is gone
            Suspended       the installation is suspended
          AddressRefused    an IP allow list
          RepositoryBlocked GitHub disabled the repository
        NotFound            missing, or not visible to the App
        Invalid             retrying cannot help: see `fields`

Classes replace status codes because "was it sent?" and "was it done?" have no code.
"""

# ruff: noqa: N818 -- names say what happened, without an Error suffix

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar


class GithubError(Exception):
    """Base class of every exception that this library raises on purpose."""


class ConfigurationError(GithubError, ValueError):
    """A setting is missing or unusable; the message says which one and how to fix it."""


class DeliveryRejected(GithubError):
    """A delivery that must not be handled; `status` is the HTTP status to respond with."""

    status: ClassVar[int] = 400


class Unsigned(DeliveryRejected):
    """The delivery has no `X-Hub-Signature-256` header."""

    status = 401


class BadSignature(DeliveryRejected):
    """The signature matches none of the webhook secrets."""

    status = 401


class Malformed(DeliveryRejected):
    """The delivery is signed but does not match GitHub's documentation."""


class WriteRefused(GithubError):
    """A read-only client was asked to write; nothing was sent."""


@dataclass(frozen=True)
class FieldError:
    """One entry of the `errors` list in GitHub's response to an invalid request.

    Source: "Validation failed" in
    https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api
    """

    resource: str = ""
    field: str = ""
    code: str = ""
    message: str = ""

    def __str__(self) -> str:
        """Return one phrase, such as `IssueComment.body missing_field`."""
        place = ".".join(part for part in (self.resource, self.field) if part)
        return " ".join(part for part in (place, self.code, self.message) if part)


# What ends a refusal that GitHub words so; the remedy of its class would mislead.
_REMEDIES: Mapping[re.Pattern[str], str] = {
    re.compile(
        r"\barchived\b", re.IGNORECASE
    ): "unarchive the repository, and retry this; or discard it",
    re.compile(
        r"\bmigrat(?:ion|ed|ing)\b", re.IGNORECASE
    ): "wait until the migration of the repository ends",
    re.compile(
        r"\bissues (?:are|has been|have been) disabled\b", re.IGNORECASE
    ): "enable issues in the settings of the repository, and retry this; or discard it",
    re.compile(
        r"\binteractions on this repository\b|\binteraction limits?\b", re.IGNORECASE
    ): "retry this when the limits on interactions in the settings of the repository end",
    re.compile(
        r"\bmore than [0-9,]{1,9} comments\b", re.IGNORECASE
    ): "GitHub takes no more comments there; discard this",
    re.compile(
        r"\b(?:conversation|issue|thread) is locked\b", re.IGNORECASE
    ): "unlock the conversation, and retry this; or discard it",
    re.compile(
        r"\b(?:is|are|been|was) blocked\b", re.IGNORECASE
    ): "ask an owner of the organisation whom it blocks, and retry this; or discard it",
    re.compile(
        r"\bone more seat\b|\bno_seat\b|\bno (?:available )?seats?\b", re.IGNORECASE
    ): "buy a seat or remove a member, and retry this",
    re.compile(
        r"\binvitation (?:rate )?limit\b", re.IGNORECASE
    ): "retry this tomorrow: GitHub limits the invitations of a day",
    re.compile(
        r"\bidentity provider\b|\bexternally managed\b|\bteam synchroni[sz]ation\b",
        re.IGNORECASE,
    ): "change the group at the identity provider: this team takes its members from there",
    re.compile(
        r"\bSAML\b|\bsingle sign-on\b", re.IGNORECASE
    ): "ask an owner of the organisation about its SSO",
    re.compile(
        r"\bmore than 100 labels\b", re.IGNORECASE
    ): "remove labels that are there, and retry this",
    re.compile(
        r"\bno commit found\b", re.IGNORECASE
    ): "discard this: a push has replaced the commit",
}


def _remedy_of(message: str, fields: "tuple[FieldError, ...]") -> str:
    """Return the remedy for a refusal that GitHub words so; "" for other words."""
    said = " ".join([message, *map(str, fields)])
    return next((remedy for words, remedy in _REMEDIES.items() if words.search(said)), "")


_ASK_AGAIN = "retry this; if it stays, check the network and the proxy before GitHub"
_REFUSALS = frozenset({403, 404, 410, 422})


_DETAILS = frozenset(
    {"method", "path", "status", "request_id", "fields", "documentation_url", "retry_at"}
)


class RequestFailed(GithubError):
    """A request to GitHub's API failed.

    `method` and `path` (without host and query) identify the request. `status` is the HTTP status,
    None without a response. `request_id` identifies the request to GitHub's support. `fields` lists
    validation errors. Instances can be copied and pickled, to pass them between threads.
    """

    usual_remedy: ClassVar[str] = ""

    def __init__(  # noqa: PLR0913 -- the details of a failure, keyword-only
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

    @property
    def remedy(self) -> str:
        """Return what to do, by GitHub's words where they say what it refuses."""
        said = _remedy_of(self.message, self.fields) if self.status in _REFUSALS else ""
        return said or self.usual_remedy

    def __str__(self) -> str:
        """Return request, response and remedy on one line."""
        outcome = " ".join(str(part) for part in (self.status, self.message) if part)
        parts = [f"{self.method} {self.path}: {outcome}"]
        parts += [f"[{'; '.join(str(field) for field in self.fields)}]"] if self.fields else []
        parts += [f"(request id {self.request_id})"] if self.request_id else []
        parts += [f"-- {self.remedy}"] if self.remedy else []
        return " ".join(parts)

    def as_a(self, kind: type["RequestFailed"]) -> "RequestFailed":
        """Return an error of another class with the same details."""
        return kind(
            self.message, **{name: vars(self)[name] for name in _DETAILS & vars(self).keys()}
        )

    def __reduce__(self) -> tuple[Callable[..., "RequestFailed"], tuple[str]]:
        """Support pickle, which does not keep keyword arguments of exceptions."""
        details = {name: value for name, value in vars(self).items() if name in _DETAILS}
        return partial(type(self), **details), (self.message,)


class Unreachable(RequestFailed):
    """No connection (refused, unknown host, TLS): nothing was sent."""

    usual_remedy = "nothing was sent; retrying is safe"


class Ambiguous(RequestFailed):
    """Sent, outcome unknown (a timeout, a reset, a 5xx): check before repeating a write.

    Also an answer that is not GitHub's: a page, a redirect to another host, a field left out.
    """

    usual_remedy = "it may have taken effect; check before repeating a write"

    @property
    def remedy(self) -> str:
        """Return what to do; a question changes nothing."""
        return _ASK_AGAIN if self.method == "GET" else self.usual_remedy


class RateLimited(RequestFailed):
    """A rate limit or the write throttle: retry at `retry_at` (epoch seconds, caller's clock)."""

    usual_remedy = "nothing was done; retry at retry_at"

    def __init__(self, message: str, *, retry_at: float, **details: object) -> None:
        super().__init__(message, **details)  # type: ignore[arg-type]  # as in RequestFailed
        self.retry_at = retry_at


class Transient(RequestFailed):
    """GitHub could not handle the request (408, 409, 425), or issued no token; retry later."""

    usual_remedy = "retry later"


class Unauthorized(RequestFailed):
    """401, even with renewed credentials."""

    usual_remedy = "check the App's id and private key, and that the App is not suspended"


class Forbidden(RequestFailed):
    """403 without a rate limit: the installation lacks a permission."""

    usual_remedy = (
        "check that the organisation accepted the permissions and did not suspend the App"
    )


class Blocked(RequestFailed):
    """GitHub refuses an installation or a repository, whatever is asked.

    Such an answer says nothing about the thing that was asked for: it is neither Forbidden nor
    NotFound. Nothing was done. Retry after somebody followed the remedy.
    """

    usual_remedy = "ask an owner of the organisation why GitHub refuses the App"


class NoToken(Blocked):
    """GitHub issues no token for the installation, so the request itself was not sent."""

    usual_remedy = "check the App's installation on the organisation's settings page"


class Uninstalled(NoToken):
    """404 for a token: the App is no longer installed there."""

    usual_remedy = "install the App on the organisation again"


class Suspended(NoToken):
    """403: the App, or the account, is suspended."""

    usual_remedy = "ask an owner to unsuspend the App on the organisation's settings page"


class AddressRefused(Blocked):
    """403: an IP allow list does not contain the bot's address."""

    usual_remedy = "ask an owner to add the bot's address to the IP allow list of the organisation"


class RepositoryBlocked(Blocked):
    """451, or 403 with the same words: GitHub disabled the repository, or it is migrated."""

    usual_remedy = "GitHub's support can say why it blocked the repository"


class NotFound(RequestFailed):
    """404 or 410 for the thing itself: missing, or not visible to this installation."""

    usual_remedy = "check that it still exists, and that the App is installed there"


class Invalid(RequestFailed):
    """400, 422 or another 4xx: retrying cannot help; `fields` lists what is wrong."""

    usual_remedy = "GitHub would refuse it again; change what it names"
