"""Who is at the browser? A person signs in with GitHub, by the App's own OAuth.

The web flow of a GitHub App with PKCE: the browser is sent to `address`, comes back with a code,
and `redeem` makes of it a client that asks in that person's name, for as long as it is held.
Chosen against a library for OAuth (Authlib): it is two requests, and ours must go the way of all
others (proxies, certificates, errors). No redirect_uri is sent: GitHub then uses the address that
the App is registered with, which no header of a request can change.

Source: https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/
generating-a-user-access-token-for-a-github-app ("Using the web application flow"), and RFC 7636.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import requests

from luggage.github.answers import ApiResponse, failure
from luggage.github.cache import EtagCache
from luggage.github.client import Client
from luggage.github.errors import Unauthorized
from luggage.github.exchange import Exchange, Wire, decode
from luggage.github.limits import Gate
from luggage.github.secret import SecretText
from luggage.github.tokens import Skew
from luggage.github.transport import Transport
from luggage.github.urls import Origin

_TOKEN_PATH = "/login/oauth/access_token"  # noqa: S105 -- a path
_LONGEST_WORDS = 100


@dataclass(frozen=True, kw_only=True)
class OAuth:
    """The App as people sign in with it; threads may share it.

    `session` is what `make_session` makes. `sleep` is never called: nothing is tried again.
    """

    client_id: str
    client_secret: str = field(repr=False)
    user_agent: str
    server_url: str
    api_url: str
    session: requests.Session = field(repr=False)
    clock: Callable[[], float]

    def address(self, *, state: str, verifier: str) -> str:
        """Where to send the browser.

        `state` comes back with the code and has to be compared; `verifier` is for `redeem`. Both
        are random, 43 to 128 characters of base64url, and made anew for each try.
        """
        asked = {
            "client_id": self.client_id,
            "state": state,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        }
        return f"{Origin(self.server_url).url}/login/oauth/authorize?{urlencode(asked)}"

    def redeem(self, code: str, *, verifier: str) -> Client:
        """A client that reads in the person's name; its token is kept nowhere else.

        Raises RequestFailed, Unauthorized for a code that GitHub does not take. A code is good
        once, so repeating it is in vain.
        """
        given = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "code": code,
            "code_verifier": verifier,
        }
        transport = Transport(self.session, clock=self.clock)
        answer = transport.send(
            "POST",
            Origin(self.server_url).url + _TOKEN_PATH,
            path=_TOKEN_PATH,
            headers={
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
                "User-Agent": self.user_agent,
            },
            body=urlencode(given).encode(),
        )
        return self._client(transport, _token(answer))

    def _client(self, transport: Transport, token: SecretText) -> Client:
        wire = Wire(
            origin=Origin(self.api_url),
            transport=transport,
            cache=EtagCache(),
            skew=Skew(),
            user_agent=self.user_agent,
            sleep=lambda _seconds: None,
            clock=self.clock,
        )
        gate = Gate(clock=self.clock, wait=None)
        return Client(Exchange("a person", wire, lambda: _Once(token), gate), reads_only=True)


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier. Source: RFC 7636, section 4.2."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True)
class _Once:
    """The Attempt of a token that cannot be renewed."""

    token: SecretText

    def secret(self) -> SecretText:
        return self.token

    def again(self, answer: ApiResponse) -> float | None:  # noqa: ARG002 -- the protocol's
        return None


def _token(answer: ApiResponse) -> SecretText:
    """The token in an answer. GitHub tells of an error with status 200 too."""
    if not answer.ok:
        raise failure(answer, retry_at=None)
    told: Any = decode(answer)
    token = told.get("access_token") if isinstance(told, Mapping) else None
    if isinstance(token, str) and token:
        return SecretText(token)
    error = str(told.get("error", "")) if isinstance(told, Mapping) else ""
    words = error[:_LONGEST_WORDS] or "no token in the answer"
    raise Unauthorized(words, method=answer.method, path=answer.path, status=answer.status)
