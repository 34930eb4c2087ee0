""".pre-commit-config.yaml: the hooks run on a small change, and refuse what CI refuses."""

import sys
from pathlib import Path

import pytest

from tests.support.checkout import committed_copy, run
from tests.support.packing import ROOT

# One worker builds what these tests share.
pytestmark = pytest.mark.xdist_group("hooks")

GOOD = '"""A module."""\n\nANSWER = 42\n'
USES_BOT = '"""A module."""\n\nfrom bot import rule\n\nRULE = rule\n'
BAD_WORKFLOW = "on: push\npermissions: write-all\n"


@pytest.fixture(scope="module")
def commit(tmp_path_factory):
    """Commit a small change in a checkout with the hooks; undoes a refused one."""
    home = tmp_path_factory.mktemp("pre-commit")
    tree = committed_copy(home / "checkout")
    (tree / ".venv").symlink_to(Path(sys.executable).parents[1])
    cache = str(home / "cache")
    for verb in ("validate-config", "install"):
        done = run(".venv/bin/pre-commit", verb, cwd=tree, PRE_COMMIT_HOME=cache)
        assert done.returncode == 0, done.stdout + done.stderr

    def _commit(name, text, message):
        (tree / name).write_text(text)
        run("git", "add", name, cwd=tree)
        done = run("git", "commit", "-m", message, cwd=tree, PRE_COMMIT_HOME=cache)
        run("git", "reset", "-q", "--hard", cwd=tree)
        return done.returncode, done.stdout + done.stderr

    return _commit


def test_a_good_change_is_committed(commit):
    """Every Python hook has run, without network."""
    code, told = commit("bot/small.py", GOOD, "Add a small module\n\nA test needs one.")
    assert code == 0, told
    passed = {line.partition(".")[0] for line in told.splitlines() if line.endswith("Passed")}
    assert passed == {"ruff check", "ruff format", "import-linter", "commit message"}


@pytest.mark.parametrize(
    ("name", "text", "message", "hook"),
    [
        ("bot/bad.py", GOOD + "import os\n", "Add a thing", "ruff check"),
        ("bot/bad.py", GOOD.replace("42", "  42"), "Add a thing", "ruff format"),
        ("luggage/bad.py", USES_BOT, "Add a thing", "import-linter"),
        (".github/workflows/bad.yml", BAD_WORKFLOW, "Add a thing", "zizmor"),
        ("README.txt", "A", "A" * 73, "commit message"),
    ],
)
def test_a_bad_change_is_refused(commit, name, text, message, hook):
    """The responsible hook refuses the change."""
    code, told = commit(name, text, message)
    assert code != 0
    failed = {line.partition(".")[0] for line in told.splitlines() if line.endswith("Failed")}
    assert hook in failed, told


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            "Add a thing\n\nA reason.\n\n# A comment of git, which may be longer than" + " it" * 9,
            "",
        ),
        ("Merge branch 'a-name-that-is-longer-than-any-subject-may-be' into another-long-name", ""),
        ("A" * 73, "the subject has 73 characters"),
        ("Add a thing.", "ends with a full stop"),
        ("Add a thing\nbecause", "the second line must be blank"),
        ("", "it is empty"),
    ],
)
def test_a_commit_message_is_checked(tmp_path, message, told):
    """A message needs a subject of at most 72 characters, a blank line and the reason."""
    (tmp_path / "message").write_text(message)
    done = run(ROOT / ".ci/commit-message", tmp_path / "message", cwd=tmp_path)
    assert (done.returncode == 0) == (not told)
    assert told in done.stderr
