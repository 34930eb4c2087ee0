"""Credentials: the App's JWT, and a token for each installation, renewed by one thread for all.

With a TokenStore, all processes share the tokens too.

Against the threads' each renewing for themselves: a bot that wakes up with 40 jobs would ask for
40 tokens. Who comes while a renewal is under way waits for it and shares its end, good or bad; a
bad end is kept for nobody, so the next caller tries again.

GitHub's clock counts, not ours: the Date header of each answer tells how far they are apart.

Source: https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
"""

import copy
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

from luggage.github.answers import ApiResponse, github_time
from luggage.github.errors import ConfigurationError, GithubError, RequestFailed, Transient
from luggage.github.secret import SecretText

# "we recommend that you set this 60 seconds in the past", and "no more than 10 minutes into the
# future": nine leave room for a clock that is a little fast.
JWT_BACKDATED_SECONDS = 60
JWT_LIFE_SECONDS = 540
# One is used for several requests, because to GitHub an ETag is good only together with the
# credentials it was given to (https://github.com/eclipse-csi/otterdog/issues/201).
JWT_REUSED_SECONDS = 300
# A token lives for an hour; renewed early enough that no request under way outlives it.
RENEW_BEFORE_SECONDS = 300.0

_PEM = re.compile(r"-----BEGIN (?P<label>[A-Z ]{1,40})-----(?P<body>[^-]*)-----END (?P=label)-----")
_TOKEN = re.compile(r"[\x21-\x7e]+")  # opaque, of any length; but it has to fit into a header


class Skew:
    """How far GitHub's clock is ahead of ours, in seconds, as last seen; 0 until then."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.is_known = False

    def learn(self, answer: ApiResponse) -> None:
        """Take the Date of an answer, which GitHub rounds down to a second."""
        date = github_time(answer)
        if date is not None:
            self.seconds = date + 0.5 - answer.received_at
            self.is_known = True


def load_private_key(pem: str) -> RSAPrivateKey:
    r"""Return the key; done once, because parsing takes 60 times as long as signing.

    However the file was pasted: on one line, with "\n" spelled out, indented, in quotes.
    Raises ConfigurationError, without any part of the key, when it cannot be used.
    """
    try:
        key = load_pem_private_key(_as_a_file(pem).encode(), password=None)
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigurationError(
            "the App's private key cannot be read: give the whole PEM file GitHub made, from "
            "-----BEGIN RSA PRIVATE KEY----- to the END line"
        )
    return key


def _as_a_file(pem: str) -> str:
    """Return a PEM text with line ends where RFC 7468 wants them; no other text is changed."""
    found = _PEM.search(re.sub(r"\\[rn]", "\n", pem))
    if found is None:
        return pem
    label, body = found["label"], "".join(found["body"].split())
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


class AppCredentials:
    """Makes JSON Web Tokens that say: this is the App."""

    def __init__(
        self, app_id: str, key: RSAPrivateKey, *, clock: Callable[[], float], skew: Skew
    ) -> None:
        """Take the App's id (or client id), its key, the clock, and the skew that is learned."""
        self._app_id = app_id
        self._key = key
        self._clock = clock
        self._skew = skew
        self._made: tuple[int, SecretText] | None = None

    def make(self) -> SecretText:
        """Return a JWT that is good for four to nine minutes by GitHub's clock."""
        now, made = int(self._clock() + self._skew.seconds), self._made
        # One that is from the future was made before GitHub's clock was known, or ours put right.
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
    """An installation's token; `expires_at` by GitHub's clock, `made_at` by ours."""

    value: SecretText
    expires_at: float
    made_at: float


class Renew(Protocol):
    """Asks GitHub for a token: POST /app/installations/{installation_id}/access_tokens."""

    def __call__(self, installation_id: int) -> Any:
        """Return the decoded answer; raises RequestFailed."""


class TokenStore(Protocol):
    """Where the processes of one App share their tokens. A token is a secret: keep it sealed."""

    def load(self, installation_id: int) -> Token | None:
        """Return the token that was saved last, None where there is none that can be used."""

    def save(self, installation_id: int, token: Token) -> None:
        """Keep a token in the place of an older one."""

    def drop(self, installation_id: int, token: Token) -> None:
        """Forget `token`, which GitHub refused; one that was saved meanwhile is kept."""

    def may_renew(self, installation_id: int) -> bool:
        """Return whether this process should ask GitHub for a token now, no other doing so.

        True once too often does no harm.
        """


# How often, and how long apart in seconds, it is looked whether another process has renewed a
# token, before this one does it for itself.
_LOOKS, _LOOK_SECONDS = 20, 0.25


@dataclass
class _Renewal:
    """One renewal under way: who leads it sets the end, the others wait for `over`."""

    over: threading.Event = field(default_factory=threading.Event)
    token: Token | None = None
    error: GithubError | None = None


class InstallationTokens:
    """The token of each installation; safe to share between threads."""

    def __init__(
        self,
        renew: Renew,
        *,
        clock: Callable[[], float],
        skew: Skew,
        store: TokenStore | None = None,
        sleep: Callable[[float], None] = lambda _: None,
    ) -> None:
        """Take how to ask GitHub for a token, the clock, and the skew that is learned.

        `store` is what other processes share; `sleep` waits while one of them renews a token.
        """
        self._renew = renew
        self._store = store
        self._sleep = sleep
        self._clock = clock
        self._skew = skew
        self._lock = threading.Lock()
        self._tokens: dict[int, Token] = {}
        self._renewals: dict[int, _Renewal] = {}

    def get(self, installation_id: int) -> Token:
        """Return a token good for five more minutes at least, asking GitHub when there is none.

        Raises what the renewal raised, in every thread that waited for it. An end in the dark is
        told as Transient: to ask for one token too many does no harm.
        """
        with self._lock:
            token = self._tokens.get(installation_id)
            if token is not None and self._lasts(token):
                return token
            renewal = self._renewals.get(installation_id)
            leads = renewal is None
            renewal = self._renewals.setdefault(installation_id, renewal or _Renewal())
        if leads:
            return self._lead(installation_id, renewal)
        return _follow(installation_id, renewal)

    def drop(self, installation_id: int, token: Token) -> None:
        """Forget `token` because GitHub refused it; one that was renewed meanwhile is kept."""
        with self._lock:
            if self._tokens.get(installation_id) is token:
                del self._tokens[installation_id]
        if self._store is not None:
            self._store.drop(installation_id, token)

    def _lasts(self, token: Token) -> bool:
        return self._clock() + self._skew.seconds + RENEW_BEFORE_SECONDS < token.expires_at

    def _lead(self, installation_id: int, renewal: _Renewal) -> Token:
        try:
            token = renewal.token = self._obtain(installation_id, self._store)
        except GithubError as error:
            renewal.error = error
            raise
        finally:  # whatever happened: nobody may wait for ever
            with self._lock:
                if renewal.token is not None:
                    self._tokens[installation_id] = renewal.token
                del self._renewals[installation_id]
            renewal.over.set()
        return token

    def _obtain(self, installation_id: int, store: TokenStore | None) -> Token:
        if store is None:
            return self._ask(installation_id)
        for _ in range(_LOOKS):
            token = store.load(installation_id)
            if token is not None and self._lasts(token):
                return token
            if store.may_renew(installation_id):
                break
            self._sleep(_LOOK_SECONDS)
        token = self._ask(installation_id)
        store.save(installation_id, token)
        return token

    def _ask(self, installation_id: int) -> Token:
        answer = self._renew(installation_id)
        try:
            value, expires = answer["token"], datetime.fromisoformat(answer["expires_at"])
            if not _TOKEN.fullmatch(value) or expires.tzinfo is None:
                raise ValueError  # noqa: TRY301 -- one way out for all that is not as documented
        except (KeyError, TypeError, ValueError):
            # `from None`: the cause may quote the answer, and with it the token.
            raise _no_token("the answer holds no token", installation_id) from None
        return Token(SecretText(value), expires.timestamp(), self._clock())


def _follow(installation_id: int, renewal: _Renewal) -> Token:
    renewal.over.wait()
    if renewal.token is not None:
        return renewal.token
    # A copy: one exception raised in many threads would collect all their tracebacks.
    raise copy.copy(renewal.error) or _no_token("the renewal was broken off", installation_id)


def _no_token(words: str, installation_id: int) -> RequestFailed:
    path = f"/app/installations/{installation_id}/access_tokens"
    return Transient(words, method="POST", path=path)
