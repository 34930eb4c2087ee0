"""How GitHub's examples get onto a machine: once, whole, or not at all; with a pretended npm."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import octokit

GOOD = 'mkdir -p "${@: -1}/node_modules/@octokit/openapi"'
BAD = 'echo half > "${@: -1}/node_modules"; echo no network >&2; exit 1'


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Put a script in the place of npm; gives back how often it has run."""
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
    """Four at once, and one later: one runs npm, all get the packages."""
    runs = npm(GOOD)
    with ThreadPoolExecutor(4) as pool:
        found = {*pool.map(lambda _: octokit.package("openapi"), range(4))}
    found.add(octokit.package("openapi"))
    (directory,) = found
    assert directory.is_dir()
    assert runs() == 1


def test_a_failure_is_told_and_remembered(npm):
    """What npm says is the reason to skip; the next process does not try again."""
    runs = npm(BAD)
    for _ in range(2):
        with pytest.raises(pytest.skip.Exception, match="no network"):
            octokit.package("openapi")
    assert runs() == 1


def test_half_an_installation_is_none(npm):
    """What npm left behind when it failed is not taken for the packages."""
    npm(BAD)
    with pytest.raises(octokit.NotInstalledError):
        octokit.installed(octokit.cache_directory())
    npm(GOOD)
    [given_up] = octokit.cache_directory().glob("*.given-up")
    given_up.unlink()
    assert octokit.package("openapi").is_dir()


def test_npm_that_hangs_is_given_up(npm, monkeypatch):
    """An npm that takes too long is a failure like others."""
    npm("exec sleep 60")
    monkeypatch.setattr(octokit, "INSTALL_SECONDS", 0.2)
    with pytest.raises(octokit.NotInstalledError, match="more than"):
        octokit.installed(octokit.cache_directory())


def test_without_npm_tests_are_skipped(npm, monkeypatch):
    """Where npm is missing, that is the reason to skip."""
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
    """The cache is what the environment says, and outside of the tree."""
    for name in ("PORTMANTEAU_TEST_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(octokit.cache_directory()) == expected
