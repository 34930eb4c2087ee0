"""tests/tools: the script that installs Debian's packages, with a fake apt-get."""

import re
import shutil
import subprocess
import sys

import pytest

from tests.support import needs
from tests.support.packing import ROOT

GOOD = 'for name in spin wrk; do ln -sf /bin/true "$BIN/$name"; done'


@pytest.fixture
def install(tmp_path):
    """Run a copy of the script on a bare machine."""
    tools, bin_ = tmp_path / "tools", tmp_path / "bin"
    shutil.copytree(ROOT / "tests/tools", tools)
    (tools / "debian.txt").write_text("# command  packages\nspin spin\nwrk wrk\n")
    bin_.mkdir()
    for name in ("bash", "dirname", "env", "grep", "ln", "sort"):
        (bin_ / name).symlink_to(shutil.which(name))
    (bin_ / "python3").symlink_to(sys.executable)

    def command(name, script):
        (bin_ / name).write_text(f"#!/bin/bash\nBIN={bin_}\n{script}\n")
        (bin_ / name).chmod(0o755)

    # As root it blocks service starts with a file of the machine.
    for name in ("install", "rm"):
        command(name, "true")

    def _install(apt_get="", *, uid=0):
        command("id", f"echo {uid}")
        if apt_get:
            words = f'echo "$@" >> {tmp_path}/calls; while [[ $1 = -* ]]; do shift; done'
            command("apt-get", f'{words}; case "$*" in {apt_get} esac')
        done = subprocess.run(
            [bin_ / "bash", tools / "install"],
            env={"PATH": str(bin_)},
            capture_output=True,
            text=True,
            check=False,
        )
        calls = tmp_path / "calls"
        return done.returncode, done.stdout + done.stderr, calls.exists() and calls.read_text()

    return _install


def test_missing_packages_are_installed_once(install):
    """Only the packages of missing commands are installed, once."""
    exit_code, words, calls = install(f"*install*) {GOOD};;")
    assert exit_code == 0, words
    assert re.search(r" install --no-install-recommends spin wrk$", calls, re.MULTILINE)
    assert install("*) exit 1;;") == (0, "", calls)


@pytest.mark.parametrize(
    ("apt_get", "how", "exit_code", "words"),
    [
        ("", {}, 3, "there is no apt-get here; install what is in these packages"),
        ("*) exit 1;;", {"uid": 1000}, 3, "sudo apt-get install --no-install-recommends spin wrk"),
        ("*) exit 1;;", {}, 3, "cannot be reached; these are missing: spin wrk"),
        ("*install*) exit 1;;", {}, 1, "could not be installed: spin wrk"),
        ("*nothing*) ;;", {}, 1, "installed, and the commands are still missing: spin wrk"),
    ],
    ids=["no apt-get", "no root", "no network", "no such package", "a package without its command"],
)
def test_a_failed_installation_has_its_exit_code(install, apt_get, how, exit_code, words):
    """Exit code 3 means that the machine or user cannot install, 1 that the list is wrong."""
    code, said, _ = install(apt_get, **how)
    assert code == exit_code
    assert words in said


def test_a_list_that_cannot_be_read_is_no_empty_list(install, tmp_path):
    """An unreadable list is an error, and nothing is installed."""
    (tmp_path / "tools/debian.txt").unlink()
    exit_code, words, calls = install("*) ;;")
    assert exit_code not in {0, 3}
    assert "debian.txt" in words
    assert not calls


def test_each_command_is_listed_once():
    """Each command is listed once, and is a need of the tests."""
    commands = [command for command, _ in needs.debian()]
    assert len(commands) == len(set(commands))
    assert {command.rpartition("/")[2] for command in commands} <= set(needs.KNOWN)
