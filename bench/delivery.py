"""Signed deliveries with a real payload, under new ids."""

import hmac
import json
import uuid
from dataclasses import dataclass, field
from functools import cached_property

from bench.cache import from_npm

EVENT = "pull_request"
# Every client and server uses it.
SECRET = "a-secret-of-nobodys"


@dataclass(frozen=True)
class Delivery:
    """An event and its body, signed with `secret`."""

    body: bytes
    secret: str = field(default=SECRET, repr=False)
    event: str = EVENT

    @cached_property
    def signature(self) -> str:
        """The X-Hub-Signature-256; it covers the body alone, so it serves all ids."""
        return "sha256=" + hmac.digest(self.secret.encode(), self.body, "sha256").hex()

    def headers(self, guid: str, *, signature: str | None = None) -> dict[str, str]:
        """The headers that GitHub sends."""
        return {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/044aadd",
            "X-GitHub-Delivery": guid,
            "X-GitHub-Event": self.event,
            "X-GitHub-Hook-ID": "1",
            "X-Hub-Signature-256": signature or self.signature,
        }


def closed_pull_request() -> bytes:
    """GitHub's example of `pull_request.closed`: 24 kB; UnavailableError without npm."""
    index = from_npm() / "node_modules/@octokit/webhooks-examples/api.github.com/index.json"
    examples = next(e["examples"] for e in json.loads(index.read_text()) if e["name"] == EVENT)
    closed = [each for each in examples if each["action"] == "closed"]
    return json.dumps(closed[-1], separators=(",", ":")).encode()


def new_guid() -> str:
    """A new delivery id, as GitHub creates them."""
    return str(uuid.uuid4())
