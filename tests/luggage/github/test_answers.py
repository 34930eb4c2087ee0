"""Tests of the values and errors made from GitHub's responses."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luggage.github import answers, errors
from luggage.github.answers import ApiResponse, failure, graphql_failure, limited_until, rate_limit

NOW = 1_800_000_000.0
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes."
TOO_QUICKLY = "was submitted too quickly"
SPENT = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "0"}
HEADERS = {name.replace("-", "_"): value for name, value in SPENT.items()}


def answer(status: int, data: object = None, **headers: str) -> ApiResponse:
    lowered = {name.replace("_", "-"): value for name, value in headers.items()}
    body = b"" if data is None else json.dumps(data).encode()
    return ApiResponse("GET", "/x", status, lowered, body, NOW)


def until(response: ApiResponse, skew: float = 0.0) -> float | None:
    return limited_until(response, skew_seconds=skew)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.Invalid),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (405, errors.Invalid),
        (408, errors.Transient),
        (409, errors.Transient),
        (410, errors.NotFound),
        (422, errors.Invalid),
        (425, errors.Transient),
        (451, errors.RepositoryBlocked),
        (500, errors.Ambiguous),
        (502, errors.Ambiguous),
        (503, errors.Ambiguous),
        (599, errors.Ambiguous),
        (304, errors.Ambiguous),
        (407, errors.Transient),
    ],
)
def test_status_decides_the_class(status, kind) -> None:
    """Each status maps to one error class."""
    assert type(failure(answer(status, {}), retry_at=None)) is kind


ALLOW_LIST = (
    "Although you appear to have the correct authorization credentials, the `acme` organization "
    "has an IP allow list enabled, and your IP address is not permitted to access this resource."
)
TOKEN_PATH = "/app/installations/5/access_tokens"
SUSPENDED = "This installation has been suspended"
REFUSALS = [
    (403, SUSPENDED, errors.Suspended),
    (403, "Sorry. Your account was suspended.", errors.Suspended),
    (403, ALLOW_LIST, errors.AddressRefused),
    (403, ALLOW_LIST.replace("organization", "enterprise"), errors.AddressRefused),
    (403, "Repository access blocked", errors.RepositoryBlocked),
    (403, "Access to this repository has been disabled by GitHub Staff.", errors.RepositoryBlocked),
    (451, "Repository access blocked", errors.RepositoryBlocked),
    (403, "Repository has been locked for migration", errors.RepositoryBlocked),
    (403, "Unable to create comment because issue is locked.", errors.Forbidden),
    (403, "User is blocked", errors.Forbidden),
    (403, "Resource not accessible by integration", errors.Forbidden),
    (403, "Must have admin rights to Repository.", errors.Forbidden),
    (403, "Repository was archived so is read-only.", errors.Forbidden),
    (404, "Not Found", errors.NotFound),
    (410, "This issue was deleted", errors.NotFound),
]


@pytest.mark.parametrize(("status", "message", "kind"), REFUSALS)
def test_github_s_words_tell_a_refusal_of_everything_from_one_of_a_thing(
    status, message, kind
) -> None:
    """A suspension, an allow list and a blocked repository say nothing about what was asked for."""
    assert type(failure(answer(status, {"message": message}), retry_at=None)) is kind


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (404, "Not Found", errors.Uninstalled),
        (404, "Integration not found", errors.Uninstalled),
        (410, "Gone", errors.Uninstalled),
        (403, SUSPENDED, errors.Suspended),
        (403, ALLOW_LIST, errors.AddressRefused),
        (403, "Resource not accessible by integration", errors.NoToken),
        (422, "The permissions requested are not granted", errors.NoToken),
        (401, "A JSON web token could not be decoded", errors.Unauthorized),
        (409, "Conflict", errors.Transient),
        (502, "Server Error", errors.Ambiguous),
    ],
)
def test_a_token_that_cannot_be_had_is_no_answer_to_the_request(status, message, kind) -> None:
    """The refusal of a token is never NotFound or Forbidden."""
    body = json.dumps({"message": message}).encode()
    refused = ApiResponse("POST", TOKEN_PATH, status, {}, body, NOW)
    assert type(failure(refused, retry_at=None)) is kind


@pytest.mark.parametrize("status", [400, 413, 414, 431])
def test_a_proxy_would_refuse_a_bad_request_again(status) -> None:
    """What is too large for a proxy is so at the next try, too."""
    page = ApiResponse("POST", "/x", status, {}, b"<h1>Too Large</h1>", NOW)
    assert type(failure(page, retry_at=None)) is errors.Invalid


@pytest.mark.parametrize("path", ["/x", TOKEN_PATH])
@pytest.mark.parametrize("status", [403, 404, 410, 422, 451, 499])
@pytest.mark.parametrize(
    "body",
    [b"\n<!DOCTYPE html><p>404</p>", b"404 page not found\n", b"default backend - 404", b"", b"{"],
)
def test_a_proxy_s_page_says_nothing_about_a_thing(status, body, path) -> None:
    """GitHub's API refuses in JSON; a page, a line of text or nothing comes from something else."""
    page = ApiResponse("GET", path, status, {}, body, NOW)
    assert type(failure(page, retry_at=None)) is errors.Transient


def test_failure_has_githubs_details() -> None:
    """The error has the response's message, request id, documentation URL and fields."""
    data = {
        "message": "Validation Failed",
        "documentation_url": "https://docs.github.com/x",
        "errors": [{"resource": "Issue", "field": "title", "code": "missing_field"}, "in words"],
    }
    error = failure(answer(422, data, x_github_request_id="A:1"), retry_at=None)
    assert (error.message, error.request_id) == ("Validation Failed", "A:1")
    assert error.documentation_url == "https://docs.github.com/x"
    assert [str(field) for field in error.fields] == ["Issue.title missing_field", "in words"]


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"[]", b"\xff", b"[" * 100_000])
def test_any_body_makes_an_error(body) -> None:
    """An HTML page from a proxy does not hide the status."""
    error = failure(ApiResponse("GET", "/x", 502, {}, body, NOW), retry_at=None)
    words = "no message" if body == b"[]" else "the response is not JSON"
    assert (type(error), error.message) == (errors.Ambiguous, words)


def test_malformed_errors_become_text() -> None:
    """An `errors` value that is not a list is dropped; non-text values become text."""
    assert failure(answer(422, {"errors": {"a": 1}}), retry_at=None).fields == ()
    odd = failure(answer(422, {"errors": [{"field": 7}]}), retry_at=None)
    assert odd.fields == (errors.FieldError(field="7"),)


def test_long_messages_are_truncated() -> None:
    """A very long message is truncated."""
    assert len(failure(answer(500, {"message": "x" * 9999}), retry_at=None).message) == 500


@pytest.mark.parametrize("status", [403, 429])
def test_retry_after_is_in_seconds(status) -> None:
    """Retry-After counts from the time of the response."""
    assert until(answer(status, None, retry_after="120")) == NOW + 120


def test_retry_after_takes_precedence() -> None:
    """Retry-After takes precedence over x-ratelimit-reset, as GitHub documents."""
    both = answer(403, None, retry_after="30", x_ratelimit_reset=str(int(NOW) + 900), **HEADERS)
    assert until(both) == NOW + 30


def test_spent_limit_lasts_until_its_reset() -> None:
    """A primary limit ends once x-ratelimit-reset has certainly passed on GitHub's clock."""
    spent = answer(403, None, x_ratelimit_reset=str(int(NOW) + 900), **HEADERS)
    assert (until(spent), until(spent, skew=60.0)) == (NOW + 900.5, NOW + 840.5)


@pytest.mark.parametrize("reset", [int(NOW), int(NOW) - 1])
def test_retry_time_is_never_in_the_past(reset) -> None:
    """The retry is at least a second away whatever the clocks say, to prevent a busy loop."""
    assert until(answer(429, None, x_ratelimit_reset=str(reset), **HEADERS)) >= NOW + 1


@pytest.mark.parametrize(
    ("status", "data", "headers"),
    [
        (403, {"message": SECONDARY}, {}),
        (429, {"message": SECONDARY}, {}),
        (429, None, {}),
        (403, {"message": "You have triggered an abuse detection mechanism."}, {}),
        (403, {"message": "You have been temporarily blocked from content creation."}, {}),
        (403, {"message": "API rate limit exceeded for installation ID 5."}, {}),
        (403, {"message": "API rate limit exceeded"}, {"x_ratelimit_remaining": "0"}),
        (403, None, {"retry_after": "soon"}),
        (403, None, {"retry_after": "9" * 5000}),
        (403, None, {"retry_after": "-5"}),
        (429, None, {"x_ratelimit_remaining": "0"}),
        (429, None, {"retry_after": "0"}),
        (429, None, {"retry_after": "Thu, 01 Jan 1970 00:00:00 GMT"}),
        (403, None, {"x_ratelimit_reset": "1", **HEADERS}),
        (403, {"message": SECONDARY}, {"x_ratelimit_reset": str(int(NOW) + 5), **HEADERS}),
        (403, {"message": "no", "documentation_url": "https://x/#secondary-rate-limits"}, {}),
        *((status, {"message": TOO_QUICKLY}, {}) for status in (403, 422)),
        *((status, {"errors": [{"message": TOO_QUICKLY}]}, {}) for status in (403, 422)),
        *((status, {"errors": [TOO_QUICKLY]}, {}) for status in (403, 422)),
    ],
)
def test_secondary_limit_without_a_time_lasts_a_minute(status, data, headers) -> None:
    """Without a readable time the wait is one minute, as GitHub documents."""
    assert until(answer(status, data, **headers)) == NOW + 60


@pytest.mark.parametrize("status", [403, 422, 429])
def test_a_limit_as_a_page_lasts_a_minute(status) -> None:
    """GitHub's words for a limit count in a page of HTML, too."""
    page = f"<!DOCTYPE html><html><body><p>{SECONDARY}</p></body></html>".encode()
    assert until(ApiResponse("POST", "/x", status, {}, page, NOW)) == NOW + 60


def test_retry_after_may_be_a_date() -> None:
    """A date counts by the clock of the response that says it."""
    times = {
        "date": "Thu, 01 Jan 2026 10:00:00 GMT",
        "retry_after": "Thu, 01 Jan 2026 10:02:00 GMT",
    }
    assert until(answer(429, None, **times)) == NOW + 120


def test_a_limit_never_lasts_longer_than_a_day() -> None:
    """A mistaken Retry-After does not stop an installation for years."""
    assert until(answer(429, None, retry_after="9" * 12)) == NOW + 86_400


def test_words_in_other_values_are_no_limit() -> None:
    """GitHub repeats values of the request, which may be anybody's words."""
    repeated = {"message": "Validation Failed", "errors": [{"value": SECONDARY, "code": "invalid"}]}
    assert until(answer(422, repeated)) is None


@pytest.mark.parametrize(
    "other",
    [
        answer(403, {"message": "Resource not accessible by integration"}),
        answer(200, None, retry_after="5"),
        answer(503, None, retry_after="5"),
        answer(403, None, x_ratelimit_remaining="12", x_ratelimit_reset="1", x_ratelimit_limit="1"),
    ],
)
def test_other_responses_are_not_rate_limits(other) -> None:
    """Only 403 and 429 can be rate limits, and a missing permission is not one."""
    assert until(other) is None


def test_limit_becomes_rate_limited() -> None:
    """A failure with a retry time is RateLimited with that time."""
    error = failure(answer(403, {"message": SECONDARY}), retry_at=NOW + 60)
    assert (type(error), error.retry_at, error.status) == (errors.RateLimited, NOW + 60, 403)


def test_rate_limit_is_read_from_headers() -> None:
    """The primary limit has a resource, and a reset by our clock."""
    headers = {"x_ratelimit_limit": "30", "x_ratelimit_remaining": "29"}
    headers |= {"x_ratelimit_reset": "1000", "x_ratelimit_resource": "search"}
    seen = rate_limit(answer(200, None, **headers), skew_seconds=10.0)
    assert seen == answers.RateLimit("search", 30, 29, 990.5)


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", "\u0661"])
def test_malformed_rate_limits_are_none(value) -> None:
    """Missing or malformed rate limit headers give None; Enterprise Server may send none."""
    odd = answer(
        200, None, x_ratelimit_limit=value, x_ratelimit_remaining="1", x_ratelimit_reset="1"
    )
    assert rate_limit(odd, skew_seconds=0.0) is None


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("Sat, 21 Nov 2026 10:00:00 GMT", 1795255200.0),
        ("", None),
        ("yesterday", None),
        ("Sat, 99 Nov 2026 10:00:00 GMT", None),
    ],
)
def test_date_header_is_githubs_clock(date, at) -> None:
    """The Date header is read in epoch seconds; a malformed one gives None."""
    assert answers.github_time(answer(200, None, date=date)) == at


def graphql(*listed: object, **headers: str) -> errors.RequestFailed:
    return graphql_failure(answer(200, None, **headers), {"errors": list(listed)}, retry_at=5.0)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"type": "RATE_LIMITED", "message": "API rate limit exceeded"}, errors.RateLimited),
        ({"type": "RATE_LIMIT", "message": "API rate limit exceeded"}, errors.RateLimited),
        ({"message": SECONDARY}, errors.RateLimited),
        ({"type": "NOT_FOUND", "message": "Could not resolve"}, errors.NotFound),
        ({"type": "FORBIDDEN", "message": "no"}, errors.Forbidden),
        ({"type": "INSUFFICIENT_SCOPES", "message": "no"}, errors.Forbidden),
        ({"type": "FORBIDDEN", "message": ALLOW_LIST}, errors.AddressRefused),
        ({"message": "Something went wrong while executing your query."}, errors.Ambiguous),
        ({"message": "Parse error"}, errors.Invalid),
        ("odd", errors.Invalid),
    ],
)
def test_graphql_errors_come_with_status_200(error, kind) -> None:
    """The type of a GraphQL error decides the error class."""
    assert type(graphql(error)) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [({"message": "Timeout"}, errors.Transient), ({"type": "FORBIDDEN"}, errors.Forbidden)],
)
def test_graphql_data_with_errors_is_a_part(error, kind) -> None:
    """A part is no answer; it is asked for again unless GitHub names a lasting reason."""
    data = {"data": {"repository": {"id": 1}}, "errors": [error]}
    assert type(graphql_failure(answer(200), data, retry_at=5.0)) is kind


@pytest.mark.parametrize("message", ["API rate limit exceeded for installation", TOO_QUICKLY])
def test_graphql_limits_need_no_type(message) -> None:
    """The message alone says that a limit was met."""
    assert type(graphql({"message": message})) is errors.RateLimited


def test_graphql_fields_are_paths() -> None:
    """The path of a GraphQL error becomes its field."""
    error = graphql({"message": "no", "type": "X", "path": ["repository", 0, "name"]})
    assert [str(field) for field in error.fields] == ["repository.0.name X no"]


@pytest.mark.parametrize("data", [None, [], {"errors": "x"}, {"errors": 7}])
def test_malformed_graphql_response_is_invalid(data) -> None:
    """A response that is not a GraphQL response is Invalid."""
    error = graphql_failure(answer(200), data, retry_at=5.0)
    assert error.message == "GitHub gave no error message"


@given(
    status=st.integers(300, 599),
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "date", "x-ratelimit-reset", *SPENT]), st.text()
    ),
    body=st.binary(),
)
def test_every_response_becomes_an_error(status, headers, body) -> None:
    """Any response becomes one of the library's errors."""
    odd = ApiResponse("GET", "/x", status, headers, body, NOW)
    assert isinstance(failure(odd, retry_at=until(odd)), errors.RequestFailed)
    answers.github_time(odd)
