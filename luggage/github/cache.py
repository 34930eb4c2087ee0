"""ETag cache: conditional requests for unchanged resources cost no rate limit.

It evicts the least recently used responses beyond a number of bytes: one page of pull requests is
as large as a thousand memberships.

Source: https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api ("Use
conditional requests if appropriate")
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field


@dataclass(frozen=True)
class CachedResponse:
    """A cached response: its ETag, body and Link header."""

    etag: str
    body: bytes = field(repr=False)
    link: str = field(repr=False)


class EtagCache:
    """Cached responses by owner and URL; safe to share between threads."""

    def __init__(self, *, max_bytes: int = 16_000_000) -> None:
        """Hold at most `max_bytes`; a response larger than a tenth of that is not cached."""
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[tuple[str, str], CachedResponse] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, owner: str, url: str) -> CachedResponse | None:
        """Return the cached response for an owner and URL, or None."""
        with self._lock:
            entry = self._entries.get((owner, url))
            if entry is not None:
                self._entries.move_to_end((owner, url))
            return entry

    def forget(self, owner: str, url: str) -> None:
        """Drop the cached response for an owner and URL. Safe to repeat."""
        with self._lock:
            entry = self._entries.pop((owner, url), None)
            self._bytes -= len(entry.body) if entry else 0

    def put(self, owner: str, url: str, entry: CachedResponse) -> None:
        """Cache a response, replacing the older one for the same URL."""
        if len(entry.body) > self._max_bytes // 10:
            return
        with self._lock:
            old = self._entries.pop((owner, url), None)
            self._bytes += len(entry.body) - (len(old.body) if old else 0)
            self._entries[owner, url] = entry
            while self._bytes > self._max_bytes:
                _, oldest = self._entries.popitem(last=False)
                self._bytes -= len(oldest.body)
