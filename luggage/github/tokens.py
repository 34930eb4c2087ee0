"""App credentials: JWTs, cached installation tokens, and what a request does with them.

One thread renews an installation's token; others wait and share the result. Errors are not cached,
so the next caller tries again. A TokenStore shares tokens between processes. Token times follow
GitHub's clock, known from the Date header of responses. A request that GitHub rejects for its
credentials is retried. Nothing was done then, so this is safe for writes too.

Source: https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
"""

import copy
import itertools
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from luggage.github.answers import ApiResponse, github_time, is_blocked
from luggage.github.errors import (
    Ambiguous,
    ConfigurationError,
    GithubError,
    RequestFailed,
    Transient,
)
from luggage.github.secret import SecretText

# "we recommend that you set this 60 seconds in the past", and "no more than 10 minutes into the
# future": nine minutes allow for a clock that is slightly fast.
JWT_BACKDATED_SECONDS = 60
JWT_LIFE_SECONDS = 540
# A JWT is reused because an ETag is only valid with the credentials that received it
# (https://github.com/eclipse-csi/otterdog/issues/201).
JWT_REUSED_SECONDS = 300
# Tokens expire after an hour; early renewal keeps them valid for requests in progress.
RENEW_BEFORE_SECONDS = 300.0

# A new token takes a moment to reach all of GitHub's servers. Until then they answer 401, or 403 if
# only its permissions are missing. Source: https://github.com/octokit/auth-app.js/issues/65 and
# /589
FRESH_SECONDS = 5.0
_FRESH_WAITS = (0.5, 1.0, 1.5, 2.0)

# Tolerated JWT clock error; `iat` is backdated by 60 seconds.
_HARMLESS_SKEW_SECONDS = 5.0

_PEM = re.compile(r"-----BEGIN (?P<label>[A-Z ]{1,40})-----(?P<body>[^-]*)-----END (?P=label)-----")
_TOKEN = re.compile(r"[\x21-\x7e]+")  # opaque and of any length, but valid in a header


class Skew:
    """Seconds by which GitHub's clock is ahead of ours, as last seen; 0 until known."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.is_known = False

    def learn(self, answer: ApiResponse) -> None:
        """Update the skew from a response's Date, which GitHub rounds down to a second."""
        date = github_time(answer)
        if date is not None:
            self.seconds = date + 0.5 - answer.received_at
            self.is_known = True


def load_private_key(pem: str) -> RSAPrivateKey:
    r"""Return the private key of a PEM text.

    Accepts a PEM on one line, with "\n" spelled out, indented or in quotes. Raises
    ConfigurationError, which never contains the key. Load it once: parsing takes 60 times as long
    as signing.
    """
    try:
        key = load_pem_private_key(_normalized(pem).encode(), password=None)
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigurationError(
            "the App's private key cannot be read: use the complete PEM file from GitHub, from "
            "-----BEGIN RSA PRIVATE KEY----- to the END line"
        )
    return key


def _normalized(pem: str) -> str:
    """Return a PEM text with the line breaks of RFC 7468; other text is unchanged."""
    match = _PEM.search(re.sub(r"\\[rn]", "\n", pem))
    if match is None:
        return pem
    label, body = match["label"], "".join(match["body"].split())
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


class AppCredentials:
    """Creates the JSON Web Tokens that authenticate the App."""

    def __init__(
        self, app_id: str, key: RSAPrivateKey, *, clock: Callable[[], float], skew: Skew
    ) -> None:
        """`app_id` is the App's id or client id."""
        self._app_id = app_id
        self._key = key
        self._clock = clock
        self._skew = skew
        self._made: tuple[int, SecretText] | None = None

    def make(self) -> SecretText:
        """Return a JWT that is valid for four to nine minutes by GitHub's clock."""
        now, made = int(self._clock() + self._skew.seconds), self._made
        # A JWT from the future was made before the skew was known, or before our clock was
        # corrected.
        if made is not None and 0 <= now - made[0] < JWT_REUSED_SECONDS:
            return made[1]
        claims = {
            "iat": now - JWT_BACKDATED_SECONDS,
            "exp": now + JWT_LIFE_SECONDS,
            "iss": self._app_id,
        }
        self._made = now, SecretText(jwt.encode(claims, self._key, algorithm="RS256"))
        return self._made[1]


@dataclass(frozen=True)
class Token:
    """An installation token; `expires_at` by GitHub's clock, `made_at` by ours."""

    value: SecretText
    expires_at: float
    made_at: float


class Renew(Protocol):
    """Requests a token: POST /app/installations/{installation_id}/access_tokens."""

    def __call__(self, installation_id: int) -> Any:
        """Return the decoded response; raises RequestFailed."""


class TokenStore(Protocol):
    """Tokens shared by the processes of one App. Store them encrypted."""

    def load(self, installation_id: int) -> Token | None:
        """Return the token saved last; None if there is no usable one."""

    def save(self, installation_id: int, token: Token) -> None:
        """Store a token, replacing an older one."""

    def drop(self, installation_id: int, token: Token) -> None:
        """Delete a token that GitHub rejected, unless another one replaced it."""

    def may_renew(self, installation_id: int) -> bool:
        """Return whether no other process is renewing the token; an extra True is harmless."""


# How many times, and at which interval in seconds, to check for another process's renewal before
# renewing here.
_POLLS, _POLL_SECONDS = 20, 0.25


@dataclass
class _Renewal:
    """A renewal in progress: the leader sets the result, the others wait for `done`."""

    done: threading.Event = field(default_factory=threading.Event)
    token: Token | None = None
    error: GithubError | None = None


class InstallationTokens:
    """Cached tokens of all installations; safe to share between threads."""

    def __init__(
        self,
        renew: Renew,
        *,
        clock: Callable[[], float],
        skew: Skew,
        store: TokenStore | None = None,
        sleep: Callable[[float], None] = lambda _: None,
    ) -> None:
        """`sleep` waits while another process, known from `store`, renews a token."""
        self._renew = renew
        self._store = store
        self._sleep = sleep
        self._clock = clock
        self._skew = skew
        self._lock = threading.Lock()
        self._tokens: dict[int, Token] = {}
        self._renewals: dict[int, _Renewal] = {}

    def get(self, installation_id: int) -> Token:
        """Return a token valid for at least five more minutes, requesting one if needed.

        A failed renewal is raised in every thread that waited for it. Ambiguous failures are raised
        as Transient, because a spare token does no harm.
        """
        with self._lock:
            token = self._tokens.get(installation_id)
            if token is not None and self._is_valid(token):
                return token
            renewal = self._renewals.get(installation_id)
            leads = renewal is None
            renewal = self._renewals.setdefault(installation_id, renewal or _Renewal())
        if leads:
            return self._lead(installation_id, renewal)
        return _follow(installation_id, renewal)

    def drop(self, installation_id: int, token: Token) -> None:
        """Forget a token that GitHub rejected, unless another one replaced it."""
        with self._lock:
            if self._tokens.get(installation_id) is token:
                del self._tokens[installation_id]
        if self._store is not None:
            self._store.drop(installation_id, token)

    def _is_valid(self, token: Token) -> bool:
        return self._clock() + self._skew.seconds + RENEW_BEFORE_SECONDS < token.expires_at

    def _lead(self, installation_id: int, renewal: _Renewal) -> Token:
        try:
            token = renewal.token = self._obtain(installation_id, self._store)
        except GithubError as error:
            renewal.error = error
            raise
        finally:  # on any error too, or waiting threads would hang
            with self._lock:
                if renewal.token is not None:
                    self._tokens[installation_id] = renewal.token
                del self._renewals[installation_id]
            renewal.done.set()
        return token

    def _obtain(self, installation_id: int, store: TokenStore | None) -> Token:
        if store is None:
            return self._request(installation_id)
        for _ in range(_POLLS):
            token = store.load(installation_id)
            if token is not None and self._is_valid(token):
                return token
            if store.may_renew(installation_id):
                break
            self._sleep(_POLL_SECONDS)
        token = self._request(installation_id)
        store.save(installation_id, token)
        return token

    def _request(self, installation_id: int) -> Token:
        answer = self._renew(installation_id)
        try:
            value, expires = answer["token"], datetime.fromisoformat(answer["expires_at"])
            if not _TOKEN.fullmatch(value) or expires.tzinfo is None:
                raise ValueError  # noqa: TRY301 -- one exit for all malformed responses
        except (Ambiguous, TypeError, ValueError):
            # `from None`: the cause may contain the response and its token.
            raise _no_token("the response contains no token", installation_id) from None
        return Token(SecretText(value), expires.timestamp(), self._clock())


def _follow(installation_id: int, renewal: _Renewal) -> Token:
    renewal.done.wait()
    if renewal.token is not None:
        return renewal.token
    # A copy, because one exception raised in many threads would collect all their tracebacks.
    raise copy.copy(renewal.error) or _no_token("the renewal was interrupted", installation_id)


def _no_token(message: str, installation_id: int) -> RequestFailed:
    path = f"/app/installations/{installation_id}/access_tokens"
    return Transient(message, method="POST", path=path)


class RequestAuth(Protocol):
    """The credentials of one request and its retries."""

    def secret(self) -> SecretText:
        """Return the bearer token; raises RequestFailed if none is available."""

    def retry_delay(self, answer: ApiResponse) -> float | None:
        """Return the seconds to wait before a retry; None if `answer` is final."""


class AppAuth:
    """JWT of the App, renewed once if GitHub's clock turns out to differ from ours."""

    def __init__(self, credentials: AppCredentials, skew: Skew) -> None:
        self._credentials = credentials
        self._skew = skew
        self._made_with = 0.0
        self._corrections = itertools.repeat(0.0, 1)

    def secret(self) -> SecretText:
        """Return a JWT dated by GitHub's clock."""
        self._made_with = self._skew.seconds
        return self._credentials.make()

    def retry_delay(self, answer: ApiResponse) -> float | None:
        """Return 0 once, for a 401 that revealed a clock skew."""
        skewed = abs(self._skew.seconds - self._made_with) > _HARMLESS_SKEW_SECONDS
        rejected = answer.status == 401  # noqa: PLR2004 -- Unauthorized
        return next(self._corrections, None) if rejected and skewed else None


class InstallationAuth:
    """Installation token: retried while it is fresh, renewed once after that."""

    def __init__(
        self, tokens: InstallationTokens, installation_id: int, *, clock: Callable[[], float]
    ) -> None:
        self._tokens = tokens
        self._installation_id = installation_id
        self._clock = clock
        self._token: Token | None = None
        self._waits = iter(_FRESH_WAITS)
        self._renewals = itertools.repeat(0.0, 1)

    def secret(self) -> SecretText:
        """Return the installation's token, renewed if it is about to expire."""
        self._token = self._tokens.get(self._installation_id)
        return self._token.value

    def retry_delay(self, answer: ApiResponse) -> float | None:
        """Return a short wait after a fresh token's 401 or 403, 0 once after an older one's 401."""
        if self._token is None or answer.status not in {401, 403} or is_blocked(answer):
            return None
        fresh = self._clock() - self._token.made_at <= FRESH_SECONDS
        wait = next(self._waits, None) if fresh else None
        if wait is None and answer.status == 401:  # noqa: PLR2004 -- Unauthorized
            self._tokens.drop(self._installation_id, self._token)
            wait = next(self._renewals, None)
        return wait
