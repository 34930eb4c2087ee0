"""npm's lock files: a registry has newer versions of everything, and only locked ones come."""

import json

import pytest

from bench import cache
from tests.support import npm_registry, octokit
from tests.support.locks import ROOT, npm_locks


@pytest.fixture(scope="module")
def registry():
    """An npm registry with decoys."""
    with npm_registry.serving() as served:
        yield served


@pytest.mark.parametrize("lock", npm_locks(), ids=str)
def test_npm_installs_what_is_locked(lock, registry, tmp_path, monkeypatch):
    """Benchmarks and tests get each package in the locked version."""
    monkeypatch.setenv("npm_config_registry", registry.url)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    registry.asked.clear()
    if lock.parent.parent.name == "peers":
        monkeypatch.setenv("PORTMANTEAU_BENCH_CACHE", str(tmp_path))
        cache.from_npm.cache_clear()
        place = cache.from_npm()
        cache.from_npm.cache_clear()
    else:
        place = octokit.installed(tmp_path, lock.parent.name)
    assert registry.taken == []
    assert registry.asked
    came = json.loads((place / "node_modules" / ".package-lock.json").read_text())["packages"]
    listed = json.loads((ROOT / lock).read_text())["packages"]
    assert came
    assert {name: one["version"] for name, one in came.items()}.items() <= {
        name: one.get("version") for name, one in listed.items()
    }.items()
