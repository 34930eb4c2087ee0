""".ci/lock-age: a warning for each lock file that was last changed too long ago."""

import shutil
import subprocess
import time

from tests.support.packing import ROOT

DAY = 86_400
_GIT = ("git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.hooksPath=")


def commit(place, name, days):
    """Commit a file, so many days ago."""
    path = place / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(name)
    at = f"{int(time.time() - days * DAY)} +0000"
    date = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
    subprocess.run([*_GIT, "add", name], cwd=place, check=True)
    subprocess.run([*_GIT, "commit", "-qm", name], cwd=place, check=True, env=date)


def told(place):
    """The output of lock-age in a repository."""
    script = place / ".ci/lock-age"
    script.parent.mkdir(exist_ok=True)
    shutil.copy(ROOT / ".ci/lock-age", script)
    done = subprocess.run([script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_old_lock_files_are_told(tmp_path):
    """A lock of 61 days is told, with the command that renews it; one of 59 days is not."""
    subprocess.run([*_GIT, "init", "-q", tmp_path], check=True)
    commit(tmp_path, "requirements.txt", 61)
    commit(tmp_path, "npm/package-lock.json", 61)
    commit(tmp_path, "requirements-dev.txt", 59)
    commit(tmp_path, "README.md", 400)
    lines = told(tmp_path).splitlines()
    assert [line.split("::")[1] for line in lines] == [
        "warning file=npm/package-lock.json",
        "warning file=requirements.txt",
    ]
    assert all("61 days old" in line and "make requirements" in line for line in lines)


def test_without_history_the_age_is_not_known(tmp_path):
    """Outside of a full clone it says so, and ends well."""
    assert "not known" in told(tmp_path)
