"""Answers that GitHub gave an ETag for: asked again with it, an unchanged one costs no rate limit.

Least recently used ones go first, and the bytes are bounded, against a bound on the number alone:
one page of a hundred pull requests is as large as a thousand memberships.

Source: https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api ("Use
conditional requests if appropriate")
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Kept:
    """A kept answer: its ETag, its body and the Link to its next page."""

    etag: str
    body: bytes = field(repr=False)
    link: str = field(repr=False)


class EtagCache:
    """Kept answers by (whose, address); safe to share between threads."""

    def __init__(self, *, max_bytes: int = 16_000_000) -> None:
        """Take how many bytes to keep; an answer larger than a tenth of that is not kept."""
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, whose: str, url: str) -> Kept | None:
        """Return what is kept for the installation and the address, None when nothing is."""
        with self._lock:
            kept = self._kept.get((whose, url))
            if kept is not None:
                self._kept.move_to_end((whose, url))
            return kept

    def put(self, whose: str, url: str, kept: Kept) -> None:
        """Keep an answer in place of an older one of the same address."""
        if len(kept.body) > self._max_bytes // 10:
            return
        with self._lock:
            old = self._kept.pop((whose, url), None)
            self._bytes += len(kept.body) - (len(old.body) if old else 0)
            self._kept[whose, url] = kept
            while self._bytes > self._max_bytes:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= len(oldest.body)
