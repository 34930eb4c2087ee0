"""tests.support.octokit: packages are installed once and completely, with a fake npm."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import octokit

GOOD = 'mkdir -p "${@: -1}/node_modules/@octokit/openapi"'
BAD = 'echo half > "${@: -1}/node_modules"; echo no network >&2; exit 1'


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Replace npm with a script; returns how often it has run."""
    monkeypatch.setenv("PORTMANTEAU_TEST_CACHE", str(tmp_path / "cache"))

    def put(script: str):
        runs = tmp_path / "runs"
        runs.write_text("")
        npm = tmp_path / "bin/npm"
        npm.parent.mkdir(exist_ok=True)
        npm.write_text(f"#!/bin/bash\necho run >> {runs}\n{script}\n")
        npm.chmod(npm.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(octokit.shutil, "which", lambda _name: str(npm))
        return lambda: runs.read_text().count("run")

    return put


def test_it_is_installed_once(npm):
    """Of four concurrent callers and a later one, one runs npm and all get the packages."""
    runs = npm(GOOD)
    with ThreadPoolExecutor(4) as pool:
        found = {*pool.map(lambda _: octokit.package("openapi"), range(4))}
    found.add(octokit.package("openapi"))
    (directory,) = found
    assert directory.is_dir()
    assert runs() == 1


def test_a_failure_is_reported_and_remembered(npm):
    """The error of npm is the reason to skip, and the next process does not retry."""
    runs = npm(BAD)
    for _ in range(2):
        with pytest.raises(pytest.skip.Exception, match="no network"):
            octokit.package("openapi")
    assert runs() == 1


def test_half_an_installation_is_none(npm):
    """Files of a failed installation are not used."""
    npm(BAD)
    with pytest.raises(octokit.NotInstalledError):
        octokit.installed(octokit.cache_directory())
    npm(GOOD)
    [given_up] = octokit.cache_directory().glob("*.given-up")
    given_up.unlink()
    assert octokit.package("openapi").is_dir()


def test_npm_that_hangs_is_given_up(npm, monkeypatch):
    """An npm that hangs counts as failed."""
    npm("exec sleep 60")
    monkeypatch.setattr(octokit, "INSTALL_SECONDS", 0.2)
    with pytest.raises(octokit.NotInstalledError, match="more than"):
        octokit.installed(octokit.cache_directory())


def test_without_npm_tests_are_skipped(npm, monkeypatch):
    """A missing npm is a reason to skip."""
    npm(GOOD)
    monkeypatch.setattr(octokit.shutil, "which", lambda _name: None)
    with pytest.raises(pytest.skip.Exception, match="npm is not installed"):
        octokit.package("openapi")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"PORTMANTEAU_TEST_CACHE": "/a"}, "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/portmanteau-tests"),
        ({"HOME": "/c"}, "/c/.cache/portmanteau-tests"),
    ],
)
def test_the_cache_is_where_caches_are(monkeypatch, variables, expected):
    """The environment names the cache, outside the tree."""
    for name in ("PORTMANTEAU_TEST_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(octokit.cache_directory()) == expected
