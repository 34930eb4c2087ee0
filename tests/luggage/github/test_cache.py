"""Kept answers."""

import pytest

from luggage.github.cache import EtagCache, Kept


def kept(size: int, etag: str = "x") -> Kept:
    return Kept(etag, b"." * size, "")


@pytest.fixture
def cache() -> EtagCache:
    """Return a cache for a hundred bytes."""
    return EtagCache(max_bytes=100)


def test_answers_are_kept_by_owner_and_address(cache) -> None:
    """What one installation may see is not given to another."""
    cache.put("installation 1", "/x", kept(5))
    assert cache.get("installation 1", "/x") == kept(5)
    assert cache.get("installation 2", "/x") is None


def test_newer_answer_takes_the_place(cache) -> None:
    """An address has one kept answer, whose bytes count once."""
    for etag in "abcdefghijklmnopqrstuvwxyz":
        cache.put("1", "/x", kept(10, etag))
    cache.put("1", "/y", kept(10))
    assert cache.get("1", "/x") == kept(10, "z")


def test_least_recently_used_goes_first(cache) -> None:
    """When the bytes are spent, what was not asked for longest is forgotten."""
    for at in range(10):
        cache.put("1", f"/{at}", kept(10))
    cache.get("1", "/0")
    cache.put("1", "/10", kept(10))
    assert [at for at in range(11) if cache.get("1", f"/{at}") is None] == [1]


def test_large_answers_are_not_kept(cache) -> None:
    """One huge answer does not push out all the others."""
    cache.put("1", "/x", kept(11))
    assert cache.get("1", "/x") is None


def test_repr_shows_no_content() -> None:
    """A kept answer in a log shows its ETag only."""
    assert repr(Kept('"e"', b"private", "<link>")) == "Kept(etag='\"e\"')"
