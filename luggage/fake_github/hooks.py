"""Webhooks on their way out: signed as GitHub signs them, sent, and remembered.

"Validating webhook deliveries" and "Webhook events and payloads" in GitHub's documentation.
"""

import hmac
import json
import threading
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

# GitHub gives a receiver ten seconds.
PATIENCE_SECONDS = 10.0
# "You can only redeliver deliveries from the past 3 days", and the log shows no more than those.
KEPT_SECONDS = 3 * 24 * 3600.0
NOBODY_LISTENS = 502, "failed to connect to host"
TOO_SLOW = 504, "timed out"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One attempt to deliver; `guid` is X-GitHub-Delivery, the same for each redelivery.

    `status` is the HTTP status, 502 when nobody listened and 504 when the answer took too long.
    """

    id: int
    guid: str
    event: str
    # Compressed: a campaign of ten thousand deliveries keeps them all.
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
        """The payload, decoded anew."""
        return json.loads(zlib.decompress(self.packed))


class Hooks:
    """Signs and sends deliveries for one App, and keeps all attempts, oldest first.

    `asked` holds those that the bot wants again; `FakeGithub.redeliver()` sends them. Safe from any
    thread.
    """

    def __init__(
        self, *, app_id: int, secret: str, clock: Callable[[], float], next_id: Callable[[], int]
    ) -> None:
        self.asked: list[Sent] = []
        self._app_id = app_id
        self.secret = secret
        self._clock = clock
        self._next_id = next_id
        self._lock = threading.Lock()
        self._sent: list[Sent] = []
        self._guids: set[str] = set()

    def become(self, app_id: int, secret: str) -> None:
        """Sign for another App, whose log is empty yet."""
        with self._lock:
            self._app_id, self.secret = app_id, secret
            self._sent.clear()

    @property
    def sent(self) -> list[Sent]:
        """A copy of all attempts."""
        with self._lock:
            return list(self._sent)

    def kept(self) -> list[Sent]:
        """The attempts that GitHub's log still shows, newest first."""
        horizon = self._clock() - KEPT_SECONDS
        return [one for one in reversed(self.sent) if one.delivered_at >= horizon]

    def signed(
        self, event: str, payload: Any, *, delivery_id: str | None = None, secret: str | None = None
    ) -> tuple[dict[str, str], bytes]:
        """Headers and body as GitHub would send them; `secret=""` leaves the signatures out."""
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
            # The first is the legacy header, which GitHub still sends.
            headers["X-Hub-Signature"] = f"sha1={_digest(key, body, 'sha1')}"
            headers["X-Hub-Signature-256"] = f"sha256={_digest(key, body, 'sha256')}"
        return headers, body

    def send(self, event: str, headers: dict[str, str], body: bytes, *, url: str) -> Sent:
        """POST it once, and keep what came of it."""
        began = self._clock()
        result = _post(url, headers, body)
        return self.keep(event, headers, body, url=url, result=result, began_at=began)

    def keep(  # noqa: PLR0913 - the fields of a record, by name
        self,
        event: str,
        headers: dict[str, str],
        body: bytes,
        *,
        url: str,
        result: tuple[int, str],
        began_at: float,
    ) -> Sent:
        """Put an attempt into the log; another one with its guid is a redelivery."""
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
                url, data=body, headers=headers, timeout=PATIENCE_SECONDS, allow_redirects=False
            )
        except requests.Timeout:
            return TOO_SLOW
        except requests.ConnectionError:
            return NOBODY_LISTENS
        return answer.status_code, answer.reason
