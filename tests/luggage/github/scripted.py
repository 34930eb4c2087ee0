"""Scripted GitHub: a requests adapter for responses that the simulated GitHub never sends.

An adapter needs no server, and tests can inspect the prepared requests.
"""

import json
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from luggage.github import GithubApp, make_session

API = "https://api.github.test"
SECRET = "a webhook secret that nobody sees"
INSTALLATION = 7
TOKENS = f"/app/installations/{INSTALLATION}/access_tokens"
START_AT = 1_800_000_000.0


class Clock:
    """A manual clock; sleeping advances it and is recorded."""

    def __init__(self, now: float = START_AT) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Reply:
    """A response: status, a JSON body (or raw `content`), headers."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None


Answers = Reply | Exception | Callable[[requests.PreparedRequest], Reply]


class Scripted(BaseAdapter):
    """Responses by method and path: each is sent once, the last one repeatedly."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.skew_seconds = 0.0
        self.sent: list[requests.PreparedRequest] = []
        self._answers: dict[tuple[str, str], deque[Answers]] = defaultdict(deque)
        self.minted = 0
        self.on("POST", TOKENS, self._mint)

    def on(self, method: str, path: str, *answers: Answers) -> None:
        """Set the responses from now on."""
        self._answers[method, path] = deque(answers)

    def requests_to(self, path: str) -> list[requests.PreparedRequest]:
        """Return the requests to a path, in order."""
        return [r for r in self.sent if urlsplit(r.url or "").path == path]

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        """Respond to a request, as an adapter of requests."""
        self.sent.append(request)
        parts = urlsplit(request.url or "")
        answers = self._answers[str(request.method), parts.path]
        if not answers or f"{parts.scheme}://{parts.netloc}" != API:
            return self._response(request, Reply(404, {"message": "Not Found"}))
        answer = answers.popleft() if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return self._response(request, answer if isinstance(answer, Reply) else answer(request))

    def close(self) -> None:
        """Do nothing; required of adapters."""

    def _mint(self, _: requests.PreparedRequest) -> Reply:
        self.minted += 1
        expires = formatted(self.clock() + self.skew_seconds + 3600)
        return Reply(201, {"token": f"ghs_secret{self.minted}", "expires_at": expires})

    def _response(self, request: requests.PreparedRequest, reply: Reply) -> requests.Response:
        response = requests.Response()
        response.status_code = reply.status
        date = formatdate(int(self.clock() + self.skew_seconds), usegmt=True)
        response.headers = CaseInsensitiveDict({"Date": date, **reply.headers})
        body = b"" if reply.body is None else json.dumps(reply.body).encode()
        response._content = body if reply.content is None else reply.content
        response.request = request
        response.url = str(request.url)
        return response


def formatted(at: float) -> str:
    """Return epoch seconds in GitHub's format."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def keys() -> tuple[str, str]:
    """Return a private key and its public key as PEM, created once per process."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def make_app(github: Scripted, **settings: Any) -> GithubApp:
    """Return an App connected to the scripted GitHub, with its clock."""
    session = make_session()
    session.mount("https://", github)
    session.mount("http://", github)
    defaults: dict[str, Any] = {
        "app_id": 123,
        "private_key": keys()[0],
        "webhook_secrets": [SECRET],
        "user_agent": "portmanteau-tests",
        "api_url": API,
        "session": session,
        "clock": github.clock,
        "sleep": github.clock.sleep,
        "wait": github.clock.sleep,
    }
    return GithubApp(**(defaults | settings))
