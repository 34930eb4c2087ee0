"""Outgoing webhooks: signs, sends and logs deliveries as GitHub documents them."""

import hmac
import json
import threading
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

# GitHub waits ten seconds for a response.
RESPONSE_TIMEOUT_SECONDS = 10.0
# "You can only redeliver deliveries from the past 3 days", and the log keeps no older ones.
KEPT_SECONDS = 3 * 24 * 3600.0
CONNECTION_FAILED = 502, "failed to connect to host"
TIMED_OUT = 504, "timed out"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A delivery attempt; redeliveries share `guid`. `status` is 502 or 504 without a response."""

    id: int
    guid: str
    event: str
    # Compressed, because a test may keep ten thousand deliveries.
    packed: bytes
    headers: dict[str, str]
    url: str
    delivered_at: float
    duration_seconds: float
    status: int
    reason: str
    redelivery: bool

    @property
    def payload(self) -> Any:
        """Return the decoded payload."""
        return json.loads(zlib.decompress(self.packed))


class Hooks:
    """Signs, sends and logs the deliveries of one App; any thread may use it.

    `redelivery_requests` are those that the bot asked to repeat; `FakeGithub.redeliver()` sends
    them.
    """

    def __init__(
        self, *, app_id: int, secret: str, clock: Callable[[], float], next_id: Callable[[], int]
    ) -> None:
        self.redelivery_requests: list[Sent] = []
        self._app_id = app_id
        self.secret = secret
        self._clock = clock
        self._next_id = next_id
        self._lock = threading.Lock()
        self._sent: list[Sent] = []
        self._guids: set[str] = set()

    def replace_app(self, app_id: int, secret: str) -> None:
        """Sign for another App, with an empty log."""
        with self._lock:
            self._app_id, self.secret = app_id, secret
            self._sent.clear()

    @property
    def sent(self) -> list[Sent]:
        """Return all attempts, oldest first."""
        with self._lock:
            return list(self._sent)

    def kept(self) -> list[Sent]:
        """Return the attempts in GitHub's log, newest first."""
        horizon = self._clock() - KEPT_SECONDS
        return [sent for sent in reversed(self.sent) if sent.delivered_at >= horizon]

    def signed(
        self, event: str, payload: Any, *, delivery_id: str | None = None, secret: str | None = None
    ) -> tuple[dict[str, str], bytes]:
        """Return headers and body as GitHub sends them; `secret=""` omits the signatures."""
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        key = (self.secret if secret is None else secret).encode()
        headers = {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/9f4c6ce",
            "X-GitHub-Delivery": delivery_id or str(uuid.uuid4()),
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": "1",
            "X-GitHub-Hook-Installation-Target-ID": str(self._app_id),
            "X-GitHub-Hook-Installation-Target-Type": "integration",
        }
        if key:
            # GitHub still sends the legacy SHA-1 header.
            headers["X-Hub-Signature"] = f"sha1={_digest(key, body, 'sha1')}"
            headers["X-Hub-Signature-256"] = f"sha256={_digest(key, body, 'sha256')}"
        return headers, body

    def send(self, event: str, headers: dict[str, str], body: bytes, *, url: str) -> Sent:
        """POST a delivery once and log the attempt."""
        began = self._clock()
        result = _post(url, headers, body)
        return self.keep(event, headers, body, url=url, result=result, began_at=began)

    def keep(  # noqa: PLR0913 - the fields of a record
        self,
        event: str,
        headers: dict[str, str],
        body: bytes,
        *,
        url: str,
        result: tuple[int, str],
        began_at: float,
    ) -> Sent:
        """Log an attempt; a second one with the same guid is a redelivery."""
        guid = headers["X-GitHub-Delivery"]
        with self._lock:
            sent = Sent(
                id=self._next_id(),
                guid=guid,
                event=event,
                packed=zlib.compress(body, 1),
                headers=headers,
                url=url,
                delivered_at=began_at,
                duration_seconds=max(self._clock() - began_at, 0.0),
                status=result[0],
                reason=result[1],
                redelivery=guid in self._guids,
            )
            self._sent.append(sent)
            self._guids.add(guid)
        return sent


def _digest(key: bytes, body: bytes, algorithm: str) -> str:
    return hmac.new(key, body, algorithm).hexdigest()


def _post(url: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.post(
                url,
                data=body,
                headers=headers,
                timeout=RESPONSE_TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        except requests.Timeout:
            return TIMED_OUT
        except requests.ConnectionError:
            return CONNECTION_FAILED
        return answer.status_code, answer.reason
