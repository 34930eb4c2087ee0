"""Sign-ins with GitHub that have begun: a signed cookie ties each to its browser.

Only a cookie that the bot has signed leads to a request to GitHub, and only once, so that a
stranger's callbacks cost nothing.
"""

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

FLOW_SECONDS = 600


@dataclass(frozen=True)
class Flow:
    """A sign-in: the random state that GitHub returns, and PKCE's verifier."""

    state: str = field(repr=False)
    verifier: str = field(repr=False)
    expires_at: int
    cookie: str = field(repr=False)


class Flows:
    """Signs and checks cookies with a key made from `secret`. Threads may share it."""

    def __init__(self, secret: str, *, clock: Callable[[], float]) -> None:
        self._key = hashlib.blake2b(secret.encode(), person=b"sign-in").digest()
        self._clock = clock
        self._lock = threading.Lock()
        # States that have been used, the oldest first, with the time of their expiry.
        self._used: OrderedDict[str, int] = OrderedDict()

    def begin(self) -> Flow:
        """Return a new sign-in, which must be completed within FLOW_SECONDS."""
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        expires_at = int(self._clock()) + FLOW_SECONDS
        signed = f"{state}.{verifier}.{expires_at}"
        return Flow(state, verifier, expires_at, f"{signed}.{self._signature(signed)}")

    def find(self, cookie: str, state: str) -> Flow | None:
        """Return the sign-in of a cookie, or None if it is forged, expired or another one."""
        signed, _, signature = cookie.rpartition(".")
        if not _equal(signature, self._signature(signed)):
            return None
        own_state, verifier, expires_at = signed.split(".")
        if not _equal(state, own_state) or int(expires_at) <= self._clock():
            return None
        return Flow(own_state, verifier, int(expires_at), cookie)

    def use(self, flow: Flow) -> bool:
        """Return whether this process has not used the sign-in yet; a code works only once."""
        with self._lock:
            while self._used and next(iter(self._used.values())) <= self._clock():
                self._used.popitem(last=False)
            if flow.state in self._used:
                return False
            self._used[flow.state] = flow.expires_at
            return True

    def _signature(self, signed: str) -> str:
        return hashlib.blake2b(
            signed.encode(errors="replace"), key=self._key, digest_size=32
        ).hexdigest()


def _equal(one: str, other: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(one.encode(errors="replace"), other.encode(errors="replace"))
