"""bench.cache: peers are installed once and completely."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from bench import cache
from bench.measure import UnavailableError


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setenv("PORTMANTEAU_BENCH_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "npm"
    place.mkdir()
    (place / "lock").write_text("one")
    return place


def test_a_second_call_installs_nothing(source):
    """The second call installs nothing, but updates our own files."""
    installed = []
    first = cache._installed(source, "lock", installed.append)
    (source / "app.mjs").write_text("new")
    assert cache._installed(source, "lock", installed.append) == first
    assert len(installed) == 1
    assert (first / "app.mjs").read_text() == "new"


def test_one_of_many_at_once_installs(source):
    """Callers that come during an installation wait for it and use it."""
    began, installed = threading.Barrier(4), []

    def install(place):
        installed.append(place)
        time.sleep(0.1)

    def call(_):
        began.wait()
        return cache._installed(source, "lock", install)

    with ThreadPoolExecutor(4) as pool:
        (place,) = set(pool.map(call, range(4)))
    assert place.is_dir()
    assert len(installed) == 1


def test_another_version_is_another_place(source):
    """The pins determine the directory."""
    first = cache._installed(source, "lock", lambda _: None)
    (source / "lock").write_text("two")
    assert cache._installed(source, "lock", lambda _: None) != first


def test_a_failed_installation_starts_over(source):
    """A failed installation leaves nothing that looks finished."""
    with pytest.raises(UnavailableError, match="false failed"):
        cache._installed(source, "lock", lambda _: cache._run(["false"]))
    installed = []
    cache._installed(source, "lock", installed.append)
    assert len(installed) == 1


def test_the_cache_is_the_users(monkeypatch, tmp_path):
    """XDG_CACHE_HOME names the cache; the home directory is the default."""
    monkeypatch.delenv("PORTMANTEAU_BENCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_directory() == tmp_path / "portmanteau-bench"
