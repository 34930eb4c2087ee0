"""Tests of JWTs and installation tokens."""

import threading
from collections.abc import Callable
from typing import Any

import jwt
import pytest
import requests

from luggage.github import tokens
from luggage.github.errors import (
    AddressRefused,
    ConfigurationError,
    Forbidden,
    GithubError,
    NotFound,
    NoToken,
    RateLimited,
    Suspended,
    Transient,
    Unauthorized,
    Uninstalled,
)
from luggage.github.tokens import InstallationTokens, Skew, Token, load_private_key
from tests.luggage.github.scripted import (
    INSTALLATION,
    START_AT,
    TOKENS,
    Clock,
    Reply,
    Scripted,
    formatted,
    keys,
)

THREADS = 12
PATIENCE_SECONDS = 30.0  # only a broken test waits that long


def good(clock: Clock, value: str = "ghs_1") -> dict[str, Any]:
    return {"token": value, "expires_at": formatted(clock() + 3600)}


class CountedEvent(threading.Event):
    """An event that calls `full` when the last expected thread starts to wait."""

    def __init__(self, expected: int, full: Callable[[], None]) -> None:
        super().__init__()
        self._left = expected
        self._full = full
        self._counting = threading.Lock()

    def wait(self, timeout: float | None = None) -> bool:
        with self._counting:
            self._left -= 1
            last = self._left == 0
        if last:
            self._full()
        return super().wait(PATIENCE_SECONDS if timeout is None else timeout)


def results_of_threads(work: Callable[[], Token]) -> list[Token | BaseException]:
    """Run the work in many threads; return what each one returned or raised."""
    results: list[Token | BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 -- the test checks it
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    return results


class Renewing:
    """A renewal that ends only when all other threads wait for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, end: Callable[[], Any]) -> None:
        self.calls: list[int] = []
        self._all_wait = threading.Event()
        self._end = end
        renewal = tokens._Renewal
        event = CountedEvent(THREADS - 1, self._all_wait.set)
        monkeypatch.setattr(tokens, "_Renewal", lambda: renewal(done=event))

    def __call__(self, installation_id: int) -> Any:
        self.calls.append(installation_id)
        assert self._all_wait.wait(PATIENCE_SECONDS)
        return self._end()


def test_many_threads_share_one_renewal(monkeypatch, standing_clock) -> None:
    """Concurrent threads share one request and get the same token."""
    renewing = Renewing(monkeypatch, lambda: good(standing_clock))
    shared = InstallationTokens(renewing, clock=standing_clock, skew=Skew())
    results = results_of_threads(lambda: shared.get(INSTALLATION))
    assert renewing.calls == [INSTALLATION]
    assert [result.value for result in results] == ["ghs_1"] * THREADS


def test_failed_renewal_wakes_all_threads(monkeypatch, standing_clock) -> None:
    """After a failed renewal each waiting thread raises its own error."""

    def fail() -> Any:
        raise NotFound("gone", method="POST", path=TOKENS, status=404)

    renewing = Renewing(monkeypatch, fail)
    shared = InstallationTokens(renewing, clock=standing_clock, skew=Skew())
    results = results_of_threads(lambda: shared.get(INSTALLATION))
    assert renewing.calls == [INSTALLATION]
    assert [(type(error), error.status) for error in results] == [(NotFound, 404)] * THREADS
    assert len({id(error) for error in results}) == THREADS


def test_interrupted_renewal_wakes_all_threads(monkeypatch, standing_clock) -> None:
    """After an unexpected error in a renewal, waiting threads continue and may retry."""

    def die() -> Any:
        raise KeyboardInterrupt

    renewing = Renewing(monkeypatch, die)
    shared = InstallationTokens(renewing, clock=standing_clock, skew=Skew())
    kinds = sorted(
        type(end).__name__ for end in results_of_threads(lambda: shared.get(INSTALLATION))
    )
    assert kinds == ["KeyboardInterrupt"] + ["Transient"] * (THREADS - 1)


def test_next_call_after_a_failure_tries_again(standing_clock) -> None:
    """A failed renewal is not cached."""
    ends = [Transient("no", method="POST", path=TOKENS), good(standing_clock)]

    def renew(_: int) -> Any:
        end = ends.pop(0)
        if isinstance(end, GithubError):
            raise end
        return end

    shared = InstallationTokens(renew, clock=standing_clock, skew=Skew())
    with pytest.raises(Transient):
        shared.get(INSTALLATION)
    assert shared.get(INSTALLATION).value == "ghs_1"


def test_renewal_of_one_installation_does_not_hold_up_another(standing_clock) -> None:
    """A slow renewal does not block another installation."""
    begun, go_on = threading.Event(), threading.Event()

    def renew(installation_id: int) -> Any:
        if installation_id == 1:
            begun.set()
            assert go_on.wait(PATIENCE_SECONDS)
        return good(standing_clock, f"ghs_{installation_id}")

    shared = InstallationTokens(renew, clock=standing_clock, skew=Skew())
    slow = threading.Thread(target=shared.get, args=(1,))
    slow.start()
    assert begun.wait(PATIENCE_SECONDS)
    assert shared.get(2).value == "ghs_2"
    go_on.set()
    slow.join(PATIENCE_SECONDS)


@pytest.mark.parametrize(("age_seconds", "minted"), [(3299, 1), (3300, 2), (9999, 2)])
def test_tokens_are_renewed_before_they_expire(app, scripted, age_seconds, minted) -> None:
    """A token is renewed five minutes before it expires."""
    app.token_for(INSTALLATION)
    scripted.clock.now += age_seconds
    app.token_for(INSTALLATION)
    assert scripted.minted == minted


def test_expiry_is_by_githubs_clock(app, scripted) -> None:
    """With our clock an hour behind, a token still lasts an hour."""
    scripted.skew_seconds = 3600.0
    scripted.on("GET", "/app", Reply(200, {}))
    app.app_client.get("/app")
    app.token_for(INSTALLATION)
    scripted.clock.now += 3000
    app.token_for(INSTALLATION)
    assert scripted.minted == 1


def test_tokens_are_opaque(app, scripted) -> None:
    """A token may have any length and alphabet."""
    value = "ghs_" + "aB3.-_~+/=" * 52
    scripted.on("POST", TOKENS, Reply(201, good(scripted.clock, value)))
    assert app.token_for(INSTALLATION) == value


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"token": "ghs_x"},
        {"token": None, "expires_at": formatted(START_AT)},
        {"token": "", "expires_at": formatted(START_AT)},
        {"token": "a\r\nX-Evil: 1", "expires_at": formatted(START_AT)},
        {"token": "ünï", "expires_at": formatted(START_AT)},
        {"token": "ghs_x", "expires_at": "soon"},
        {"token": "ghs_x", "expires_at": "2026-11-21T10:00:00"},
        {"token": "ghs_x", "expires_at": 7},
    ],
)
def test_malformed_token_responses_are_transient(app, scripted, data) -> None:
    """A response without a valid token is Transient, and the error does not quote it."""
    scripted.on("POST", TOKENS, Reply(201, data))
    with pytest.raises(Transient, match=r"contains no token|is not JSON") as caught:
        app.token_for(INSTALLATION)
    assert "ghs_x" not in repr(caught.value)
    assert "ghs_x" not in repr(caught.value.__cause__)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(502), Transient),
        (requests.ReadTimeout(), Transient),
        (Reply(200, content=b"<html>"), Transient),
        (Reply(404, {}), Uninstalled),
        (Reply(403, {"message": "This installation has been suspended"}), Suspended),
        (Reply(403, {"message": "no"}), NoToken),
        (Reply(422, {}), NoToken),
        (Reply(401), Unauthorized),
        (Reply(429, headers={"retry-after": "9"}), RateLimited),
    ],
)
def test_failed_renewals_are_never_ambiguous(client, scripted, reply, kind) -> None:
    """A failed renewal is never Ambiguous, because the write was not sent."""
    scripted.on("POST", TOKENS, reply)
    with pytest.raises(kind) as caught:
        client.post("/repos/o/r/issues/7/comments", json={"body": "hi"})
    assert type(caught.value) is kind
    assert scripted.requests_to("/repos/o/r/issues/7/comments") == []


# JWTs


def claims_of(request: requests.PreparedRequest, at: float) -> dict[str, Any]:
    """Verify the request's JWT as GitHub would at that time; return its claims."""
    token = str(request.headers["Authorization"]).removeprefix("Bearer ")
    options = {"verify_exp": False, "verify_iat": False}
    claims: dict[str, Any] = jwt.decode(token, keys()[1], algorithms=["RS256"], options=options)
    assert claims["iat"] <= at
    assert at < claims["exp"] <= at + 600
    return claims


def check(scripted: Scripted) -> Callable[[requests.PreparedRequest], Reply]:
    """Return a handler of GET /app that rejects JWTs with wrong dates."""

    def answer(request: requests.PreparedRequest) -> Reply:
        try:
            claims = claims_of(request, int(scripted.clock() + scripted.skew_seconds))
        except AssertionError:
            return Reply(
                401, {"message": "'Expiration time' claim ('exp') is too far in the future"}
            )
        return Reply(200, {"iss": claims["iss"]})

    return answer


def test_jwt_claims(app, scripted) -> None:
    """The JWT is backdated by one minute, lasts nine, and names the App."""
    scripted.on("GET", "/app", Reply(200, {}))
    app.app_client.get("/app")
    now = int(scripted.clock())
    claims = claims_of(scripted.sent[0], now)
    assert claims == {"iat": now - 60, "exp": now + 540, "iss": "123"}


@pytest.mark.parametrize("skew_seconds", [-7200.0, -120.0, 0.0, 59.0, 120.0, 86_400.0])
def test_skewed_clocks_are_corrected(app, scripted, skew_seconds) -> None:
    """With any clock skew the App succeeds on the second try at the latest."""
    scripted.skew_seconds = skew_seconds
    scripted.on("GET", "/app", check(scripted))
    assert app.app_client.get("/app") == {"iss": "123"}


def test_skew_is_remembered(app, scripted) -> None:
    """After one rejection, later requests succeed on the first try."""
    scripted.skew_seconds = 7200.0
    scripted.on("GET", "/app", check(scripted))
    app.app_client.get("/app")
    app.app_client.get("/app")
    assert len(scripted.sent) == 3


@pytest.mark.parametrize(("age_seconds", "made"), [(299, 1), (300, 2), (-120, 2)])
def test_jwt_is_reused(app, scripted, age_seconds, made) -> None:
    """A JWT is reused for five minutes; one from the future is replaced."""
    scripted.on("GET", "/app", check(scripted))
    app.app_client.get("/app")
    scripted.clock.now += age_seconds
    scripted.skew_seconds = 0.0
    app.app_client.get("/app")
    sent = [request.headers["Authorization"] for request in scripted.requests_to("/app")]
    assert len(set(sent)) == made


def test_rejected_app_is_not_retried(app, scripted) -> None:
    """A 401 without a clock skew is final."""
    scripted.on("GET", "/app", Reply(401, {"message": "A JSON web token could not be decoded"}))
    with pytest.raises(Unauthorized):
        app.app_client.get("/app")
    assert len(scripted.sent) == 1


def test_changing_clock_gets_one_retry(app, scripted) -> None:
    """A server with a changing Date gets one retry."""

    def wander(_: requests.PreparedRequest) -> Reply:
        scripted.skew_seconds += 1000.0
        return Reply(401)

    scripted.on("GET", "/app", wander)
    with pytest.raises(Unauthorized):
        app.app_client.get("/app")
    assert len(scripted.sent) == 2


def test_key_is_loaded_once(monkeypatch, app, scripted) -> None:
    """The PEM is parsed once, when the App is created."""
    monkeypatch.setattr(tokens, "load_pem_private_key", None)
    scripted.on("GET", "/app", Reply(200, {}))
    assert app.app_client.get("/app") == {}


PASTED = {
    "as GitHub gives it": lambda pem: pem,
    "line ends spelled out": lambda pem: pem.replace("\n", "\\n"),
    "Windows line ends spelled out": lambda pem: pem.replace("\n", "\\r\\n"),
    "Windows line ends": lambda pem: pem.replace("\n", "\r\n"),
    "one line": lambda pem: pem.replace("\n", " "),
    "nothing between the lines": lambda pem: pem.replace("\n", ""),
    "in quotes": lambda pem: f'"{pem.strip()}"',
    "in single quotes, spelled out": lambda pem: f"'{pem}'".replace("\n", "\\n"),
    "indented": lambda pem: "\n".join(f"    {line}" for line in pem.splitlines()),
    "a blank line between": lambda pem: pem.replace("\n", "\n\n"),
    "no line end": lambda pem: pem.strip(),
    "with a name in front": lambda pem: f"GITHUB_PRIVATE_KEY={pem}",
}


@pytest.mark.parametrize("paste", PASTED.values(), ids=PASTED)
def test_pasted_keys_are_normalized(paste) -> None:
    """Whitespace and quoting in a pasted PEM do not matter."""
    number = load_private_key(keys()[0]).private_numbers().d
    assert load_private_key(paste(keys()[0])).private_numbers().d == number


@pytest.mark.parametrize(
    "pem", ["", "hush", keys()[1], keys()[0][:200], keys()[0].replace("A", "B"), None]
)
def test_error_for_a_bad_key_does_not_contain_it(pem) -> None:
    """The error for a bad key names the remedy and contains no part of the key."""
    with pytest.raises(ConfigurationError, match="private key cannot be read") as caught:
        load_private_key(pem)
    assert "hush" not in str(caught.value)


# Rejected tokens


def test_fresh_token_is_retried(client, scripted) -> None:
    """A fresh token that is rejected is retried with growing delays."""
    scripted.on("GET", "/x", Reply(401), Reply(403), Reply(200, {"good": True}))
    assert client.get("/x") == {"good": True}
    assert (scripted.clock.slept, scripted.minted) == ([0.5, 1.0], 1)


def test_fresh_token_without_the_permission_is_final_after_five_seconds(client, scripted) -> None:
    """A missing permission is Forbidden after five seconds of retries."""
    scripted.on("GET", "/x", Reply(403, {"message": "Resource not accessible by integration"}))
    with pytest.raises(Forbidden):
        client.get("/x")
    assert (sum(scripted.clock.slept), scripted.minted) == (5.0, 1)


def test_fresh_token_is_not_retried_against_an_allow_list(client, scripted) -> None:
    """A refusal of all requests is final at once."""
    message = "the `o` organization has an IP allow list enabled"
    scripted.on("GET", "/x", Reply(403, {"message": message}))
    with pytest.raises(AddressRefused):
        client.get("/x")
    assert scripted.clock.slept == []


def test_fresh_token_that_stays_rejected_is_renewed_once(client, scripted) -> None:
    """If neither time nor a new token helps, the request is Unauthorized."""
    scripted.on("GET", "/x", Reply(401))
    with pytest.raises(Unauthorized):
        client.get("/x")
    assert (sum(scripted.clock.slept), scripted.minted) == (5.0, 2)


def test_older_token_is_renewed_once(client, scripted) -> None:
    """A rejected older token is renewed, and the request is retried."""
    client._exchange._new_auth().secret()
    scripted.clock.now += 60
    scripted.on("GET", "/x", Reply(401), Reply(200, {"good": True}))
    assert client.get("/x") == {"good": True}
    used = [r.headers["Authorization"] for r in scripted.requests_to("/x")]
    assert used == ["Bearer ghs_secret1", "Bearer ghs_secret2"]


def test_older_token_without_the_permission_is_final_at_once(app, client, scripted) -> None:
    """A 403 for an older token is final."""
    app.token_for(INSTALLATION)
    scripted.clock.now += 60
    scripted.on("GET", "/x", Reply(403, {}))
    with pytest.raises(Forbidden):
        client.get("/x")
    assert (scripted.clock.slept, len(scripted.requests_to("/x"))) == ([], 1)


def test_rate_limit_is_not_retried(client, scripted) -> None:
    """A rate limit is not retried, even with a fresh token."""
    scripted.on("GET", "/x", Reply(403, headers={"retry-after": "9"}))
    with pytest.raises(RateLimited):
        client.get("/x")
    assert len(scripted.requests_to("/x")) == 1


def test_dropping_an_old_token_keeps_the_new_one(standing_clock) -> None:
    """Two threads rejected with the same token renew it once."""
    values = iter(["ghs_1", "ghs_2", "ghs_3"])
    shared = InstallationTokens(
        lambda _: good(standing_clock, next(values)), clock=standing_clock, skew=Skew()
    )
    refused = shared.get(INSTALLATION)
    shared.drop(INSTALLATION, refused)
    renewed = shared.get(INSTALLATION)
    shared.drop(INSTALLATION, refused)
    assert shared.get(INSTALLATION) is renewed


def test_response_without_a_date_keeps_the_skew(app, scripted) -> None:
    """A response without a Date keeps the known skew."""
    scripted.skew_seconds = 7200.0
    scripted.on("GET", "/app", check(scripted))
    app.app_client.get("/app")
    scripted.on("GET", "/app", Reply(200, {}, {"Date": ""}), check(scripted))
    app.app_client.get("/app")
    assert app.app_client.get("/app") == {"iss": "123"}
    assert len(scripted.sent) == 4
