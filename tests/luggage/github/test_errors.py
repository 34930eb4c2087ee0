"""Tests of the exceptions: details, remedies, copying and pickling."""

import copy
import pickle

import pytest

from luggage.github import errors

EVIDENCE = {
    "method": "POST",
    "path": "/repos/o/r/issues/7/comments",
    "status": 422,
    "request_id": "ABCD:1",
    "fields": (errors.FieldError("IssueComment", "body", "missing_field"),),
    "documentation_url": "https://docs.github.com/rest",
}
REACTIONS = [
    errors.Unreachable,
    errors.Ambiguous,
    errors.Transient,
    errors.Unauthorized,
    errors.Forbidden,
    errors.NotFound,
    errors.Invalid,
    errors.Blocked,
    errors.NoToken,
    errors.Uninstalled,
    errors.Suspended,
    errors.AddressRefused,
    errors.RepositoryBlocked,
]


def test_message_has_all_details_on_one_line() -> None:
    """The message has the request, the response, the field, the request id and the remedy."""
    text = str(errors.Ambiguous("Validation Failed", **EVIDENCE))
    assert text == (
        "POST /repos/o/r/issues/7/comments: 422 Validation Failed"
        " [IssueComment.body missing_field] (request id ABCD:1)"
        " -- it may have taken effect; check before repeating a write"
    )


def test_message_omits_missing_details() -> None:
    """The message omits missing details."""
    error = errors.RequestFailed("gone", method="GET", path="/app")
    assert str(error) == "GET /app: gone"


@pytest.mark.parametrize("kind", REACTIONS)
def test_each_error_names_a_remedy(kind) -> None:
    """Whoever reads why a job is dead also reads what to do."""
    assert str(kind("words", **EVIDENCE)).partition(" -- ")[2]


SEAT = "You must purchase at least one more seat to add this user as a member."
WORDS = {
    "Repository was archived so is read-only.": "unarchive the repository",
    "Issues are disabled for this repo": "enable issues",
    "Issues has been disabled in this repository.": "enable issues",
    "Interactions on this repository have been restricted to collaborators": "limits",
    "Commenting is disabled on issues with more than 2500 comments": "discard this",
    "Unable to create comment because issue is locked.": "unlock the conversation",
    "User is blocked": "whom it blocks",
    "You have been blocked by the owner": "whom it blocks",
    SEAT: "buy a seat",
    "Over invitation rate limit": "tomorrow",
    "This team is managed by an identity provider": "at the identity provider",
    "Resource protected by organization SAML enforcement.": "SSO",
    "Repository has been locked for migration": "migration",
    "Issues cannot have more than 100 labels": "remove labels",
    "No commit found for SHA: 1234": "discard this",
}


@pytest.mark.parametrize("message", WORDS)
def test_the_remedy_fits_what_github_refuses(message) -> None:
    """GitHub's words decide the remedy, as its message or as the message of a field."""
    said = errors.Forbidden(message, method="POST", path="/x", status=403)
    field = (errors.FieldError(message=message),)
    listed = errors.Invalid("Validation Failed", method="POST", path="/x", status=422, fields=field)
    assert WORDS[message] in str(said).partition(" -- ")[2]
    assert said.remedy == listed.remedy


def test_other_words_have_the_remedy_of_their_class() -> None:
    """A missing permission, and a failure that is no refusal, keep theirs."""
    words = "Resource not accessible by integration"
    permission = errors.Forbidden(words, method="POST", path="/x", status=403)
    outage = errors.Ambiguous("archived", method="POST", path="/x", status=502)
    assert permission.remedy == errors.Forbidden.usual_remedy
    assert outage.remedy == errors.Ambiguous.usual_remedy


@pytest.mark.parametrize("copied", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
@pytest.mark.parametrize("kind", REACTIONS)
def test_copies_keep_the_details(kind, copied) -> None:
    """A copied or pickled error keeps all details."""
    error = copied(kind("words", **EVIDENCE))
    assert (type(error), vars(error)) == (kind, {"message": "words", **EVIDENCE})


@pytest.mark.parametrize("kind", [kind for kind in REACTIONS if issubclass(kind, errors.Blocked)])
def test_a_blocked_request_names_its_remedy(kind) -> None:
    """A refusal of all requests is neither Forbidden nor NotFound, and names what to do."""
    assert not issubclass(kind, errors.Forbidden | errors.NotFound)
    assert str(kind("words", **EVIDENCE)).endswith(f"-- {kind.usual_remedy}")
    assert kind.usual_remedy


def test_rate_limit_keeps_its_time_when_copied() -> None:
    """A copied RateLimited keeps its retry time."""
    error = errors.RateLimited("slowly", retry_at=12.5, method="GET", path="/app")
    assert pickle.loads(pickle.dumps(error)).retry_at == 12.5


def test_as_a_keeps_the_details() -> None:
    """`as_a` keeps the details."""
    error = errors.Ambiguous("words", **EVIDENCE).as_a(errors.Transient)
    assert (type(error), error.request_id) == (errors.Transient, "ABCD:1")


@pytest.mark.parametrize(
    ("kind", "status"),
    [(errors.Unsigned, 401), (errors.BadSignature, 401), (errors.Malformed, 400)],
)
def test_rejections_have_a_status(kind, status) -> None:
    """A DeliveryRejected has the HTTP status to respond with."""
    assert kind("words").status == status


def test_all_errors_are_github_errors() -> None:
    """Every exception of the module is a GithubError."""
    public = [thing for thing in vars(errors).values() if isinstance(thing, type)]
    raised = [kind for kind in public if issubclass(kind, Exception)]
    assert all(issubclass(kind, errors.GithubError) for kind in raised)


def test_configuration_error_is_a_value_error() -> None:
    """ConfigurationError is a ValueError."""
    assert issubclass(errors.ConfigurationError, ValueError)
