"""Git checkouts for the tests: the tree without ignored files, committed elsewhere."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.locks import ROOT

# Ignores the user's and the machine's git settings: no hooks, no signing.
ENVIRON = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


def committed_copy(to: Path) -> Path:
    """Copy the tree to `to`, a new directory, commit it there, and return `to`."""
    listing = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = run(*listing, cwd=ROOT)
    assert listed.returncode == 0, listed.stderr
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name, follow_symlinks=False)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "As it lies in the tree"]):
        done = run("git", *words, cwd=to)
        assert done.returncode == 0, done.stderr
    return to


def run(*words: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command there, with git as in ENVIRON; does not raise when it fails."""
    env = os.environ | ENVIRON | environ
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)
