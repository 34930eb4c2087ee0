"""The script .ci/site builds this checkout and a bounded number of releases."""

import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
# Stands for the real one: it writes the commit that it is built from.
MAKEFILE = """
docs:
\t@mkdir -p $(or $(OUTPUT),build/docs)/$(or $(VERSION),dev)
\t@git log -1 --format=%s > $(or $(OUTPUT),build/docs)/$(or $(VERSION),dev)/commit
"""


@pytest.fixture
def repository(tmp_path):
    """A repository with the script; `git` runs in it."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci/site").symlink_to(ROOT / ".ci/site")
    (tmp_path / "Makefile").write_text(MAKEFILE)

    def git(*words):
        said = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.hooksPath=")
        subprocess.run(["git", *said, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init", "--quiet")
    git("add", "Makefile")
    return tmp_path, git


def built(folder):
    subprocess.run([".ci/site"], cwd=folder, check=True, capture_output=True)
    found = (folder / "build/docs").iterdir()
    return {path.name: (path / "commit").read_text().strip() for path in found}


TAGS = [
    "0.1.0",
    "0.8.0",
    "0.9.0",
    "0.9.1",
    "0.9.10",
    "0.9.2",
    "0.10.0",
    "1.0.0",
    "1.1.0",
    "1.2.0rc1",
    "1.2.0",
    "2.0.0rc1",
]


def test_the_newest_releases_are_built(repository):
    """The last patch release of each of the five newest minor releases, and what is checked out."""
    folder, git = repository
    for tag in TAGS:
        git("commit", "--allow-empty", "--quiet", "--message", tag)
        git("tag", f"v{tag}")
    git("tag", "nightly")
    git("commit", "--allow-empty", "--quiet", "--message", "unreleased")
    wanted = ["1.2.0", "1.1.0", "1.0.0", "0.10.0", "0.9.10"]
    assert built(folder) == {version: version for version in wanted} | {"dev": "unreleased"}
    worktrees = subprocess.check_output(["git", "worktree", "list"], cwd=folder, text=True)
    assert len(worktrees.splitlines()) == 1


def test_a_project_without_a_release_has_a_site(repository):
    """It is that of the checkout."""
    folder, git = repository
    git("commit", "--quiet", "--message", "first")
    assert built(folder) == {"dev": "first"}


def test_the_workflow_has_time_for_all_versions():
    """Ten minutes for each of the six, as a fresh environment takes minutes."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/docs.yml").read_text())
    assert workflow["jobs"]["build"]["timeout-minutes"] == 60
