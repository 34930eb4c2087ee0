"""GitHub sign-in: the OAuth web flow of a GitHub App, with PKCE.

`address` is the page to send the browser to; `redeem` turns the returned code into a read-only
client of that person. docs/decisions/0085 says why there is no OAuth library and no redirect_uri.

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

from luggage.github.answers import ApiResponse, failure, limited_until
from luggage.github.cache import EtagCache
from luggage.github.client import Client, Exchange, Wire, decode
from luggage.github.errors import Unauthorized
from luggage.github.limits import Gate
from luggage.github.secret import SecretText
from luggage.github.tokens import Skew
from luggage.github.transport import Origin, Transport

_TOKEN_PATH = "/login/oauth/access_token"  # noqa: S105 -- a path
_LONGEST_MESSAGE = 100


@dataclass(frozen=True, kw_only=True)
class OAuth:
    """OAuth client of an App, for any thread; `session` comes from `make_session`."""

    client_id: str
    client_secret: str = field(repr=False)
    user_agent: str
    server_url: str
    api_url: str
    session: requests.Session = field(repr=False)
    clock: Callable[[], float]

    def address(self, *, state: str, verifier: str) -> str:
        """Return the URL to send the browser to.

        `state` comes back with the code and must be compared; `redeem` needs `verifier`. Create
        both anew for each sign-in: random, 43 to 128 characters of base64url.
        """
        query = {
            "client_id": self.client_id,
            "state": state,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        }
        return f"{Origin(self.server_url).url}/login/oauth/authorize?{urlencode(query)}"

    def redeem(self, code: str, *, verifier: str) -> Client:
        """Return a client that reads in the person's name; its token is stored nowhere else.

        Raises RequestFailed; Unauthorized if GitHub rejects the code. A code works once.
        """
        form = {
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
            body=urlencode(form).encode(),
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
        return Client(Exchange("a person", wire, lambda: _UserAuth(token), gate), reads_only=True)


def challenge(verifier: str) -> str:
    """Return the S256 challenge of a verifier. Source: RFC 7636, section 4.2."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True)
class _UserAuth:
    """RequestAuth with a token that cannot be renewed."""

    token: SecretText

    def secret(self) -> SecretText:
        return self.token

    def retry_delay(self, answer: ApiResponse) -> float | None:  # noqa: ARG002 -- required by the protocol
        return None


def _token(answer: ApiResponse) -> SecretText:
    """Return the token of a response; GitHub sends errors with status 200 too."""
    if not answer.ok:
        raise failure(answer, retry_at=limited_until(answer, skew_seconds=0.0))
    data: Any = decode(answer)
    token = data.get("access_token") if isinstance(data, Mapping) else None
    if isinstance(token, str) and token:
        return SecretText(token)
    error = str(data.get("error", "")) if isinstance(data, Mapping) else ""
    message = error[:_LONGEST_MESSAGE] or "the response contains no token"
    raise Unauthorized(message, method=answer.method, path=answer.path, status=answer.status)
