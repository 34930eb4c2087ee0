"""Independent client of a FakeGithub, as a second opinion on our own client."""

import functools
from typing import Any

import jwt
import requests
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from luggage.fake_github import FakeGithub

REPO = "snakes/trio"


@functools.cache
def _key(pem: str) -> Any:
    return load_pem_private_key(pem.encode(), None)


class Asker:
    """Sends requests to `url` as the App, or as the installation on one account."""

    def __init__(self, fake: FakeGithub, url: str) -> None:
        self.fake = fake
        self.url = url
        self.token = ""
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update(
            {
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": "asker",
            }
        )

    def jwt(self, *, issued_at: float = -60, expires_at: float = 540, **claims: Any) -> str:
        """A JWT of the App; the times are seconds from now."""
        now = int(self.fake.world.clock())
        times = {"iat": now + issued_at, "exp": now + expires_at}
        claims = {"iss": str(self.fake.app_id), **times, **claims}
        return jwt.encode(claims, _key(self.fake.private_key), "RS256")

    def as_app(self, method: str, path: str, **more: Any) -> requests.Response:
        """Send a request with a JWT."""
        return self.ask(method, path, f"Bearer {self.jwt()}", **more)

    def login(self, account: str) -> str:
        """Get a token of the installation on the account, and use it from now on."""
        one = self.fake.install(account)
        answer = self.as_app("POST", f"/app/installations/{one.id}/access_tokens")
        self.token = answer.json()["token"]
        return self.token

    def __call__(self, method: str, path: str, json: Any = None, **more: Any) -> requests.Response:
        """Send a request with the latest token."""
        return self.ask(method, path, f"Bearer {self.token}", json=json, **more)

    def ask(
        self, method: str, path: str, authorization: str | None, **more: Any
    ) -> requests.Response:
        """Send a request with that Authorization header."""
        headers = {"Authorization": authorization, **more.pop("headers", {})}
        return self.session.request(method, self.url + path, headers=headers, timeout=5, **more)

    def close(self) -> None:
        """Close the connections."""
        self.session.close()
