"""Tests of the ETag cache."""

import pytest

from luggage.github.cache import CachedResponse, EtagCache


def response(size: int, etag: str = "x") -> CachedResponse:
    return CachedResponse(etag, b"." * size, "")


@pytest.fixture
def cache() -> EtagCache:
    """Return a cache for a hundred bytes."""
    return EtagCache(max_bytes=100)


def test_responses_are_cached_by_owner_and_url(cache) -> None:
    """An installation does not get another one's cached response."""
    cache.put("installation 1", "/x", response(5))
    assert cache.get("installation 1", "/x") == response(5)
    assert cache.get("installation 2", "/x") is None


def test_newer_response_replaces_the_older(cache) -> None:
    """A newer response replaces the older one, and its bytes count once."""
    for etag in "abcdefghijklmnopqrstuvwxyz":
        cache.put("1", "/x", response(10, etag))
    cache.put("1", "/y", response(10))
    assert cache.get("1", "/x") == response(10, "z")


def test_least_recently_used_is_evicted(cache) -> None:
    """A full cache evicts the least recently used response."""
    for at in range(10):
        cache.put("1", f"/{at}", response(10))
    cache.get("1", "/0")
    cache.put("1", "/10", response(10))
    assert [at for at in range(11) if cache.get("1", f"/{at}") is None] == [1]


def test_large_responses_are_not_cached(cache) -> None:
    """A huge response is not cached, so it does not evict all others."""
    cache.put("1", "/x", response(11))
    assert cache.get("1", "/x") is None


def test_repr_shows_no_content() -> None:
    """The repr of a cached response shows only its ETag."""
    assert repr(CachedResponse('"e"', b"private", "<link>")) == "CachedResponse(etag='\"e\"')"
