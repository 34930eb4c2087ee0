"""docs/howto/secrets.md does what it says: its commands are run, in order, in a fresh clone."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot_deploy.config.sources import KNOWN
from luggage.fake_github import FakeGithub
from tests.support.documented import blocks
from tests.support.sealed import COMMANDS, SHIPPED

ROOT = SHIPPED.parents[1]
PAGE = (ROOT / "docs/howto/secrets.md").read_text()
BLOCKS = blocks("howto/secrets")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a git repository with the code, a downloaded private key beside it."""
    for package in ("bot", "bot_deploy", "luggage"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    for name in ("setup.py", ".gitattributes", ".gitignore"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "downloaded.private-key.pem").write_text(FakeGithub().private_key)
    commit = "git init -q . && git add -A && git commit -qm 'As shipped'"
    assert shell(tmp_path, commit).returncode == 0
    return tmp_path


def shell(directory: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script with `python` as the one that runs the tests; return code and all output."""
    variables = {s.variable for s in KNOWN.values()} | {"SECRET_KEY", "SECRET_KEY_FILE"}
    kept = {k: v for k, v in os.environ.items() if k.removesuffix("_FILE") not in variables}
    return subprocess.run(
        ["/bin/sh", "-euc", script],
        cwd=directory,
        env=kept
        | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@example.org",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_the_commands_of_the_page_work(checkout: Path) -> None:
    """Each block of commands succeeds after those before it, and git sees no key file."""
    done = shell(checkout, "\n".join([*BLOCKS, "git status --porcelain", "git -C var ls-files"]))
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-3:] == [".gitattributes", ".gitignore", "config.toml"]
    assert "??" not in done.stdout


def test_git_diff_shows_which_secret_changed(checkout: Path) -> None:
    """With the set-up of the page, git shows the name of a changed secret, but no sealed value."""
    repository, textconv = blocks("howto/secrets", section="Keep the configuration in git")
    script = f"""
        python -m bot_deploy keygen
        echo one | python -m bot_deploy encrypt sentry.dsn
        echo one | python -m bot_deploy encrypt github.app_id
        {repository}
        echo two | python -m bot_deploy encrypt sentry.dsn
        {textconv.rstrip()} -U0
    """
    changed = [x for x in shell(checkout, script).stdout.splitlines() if re.match("[-+][^-+]", x)]
    assert [re.sub("[0-9a-f]{8,}", "...", line) for line in changed] == [
        '-dsn = "sealed:...:..."',
        '+dsn = "sealed:...:..."',
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_is_on_the_page(name: str) -> None:
    """The page shows each of the secrets' subcommands."""
    assert f"-m bot_deploy {name}" in PAGE


def test_the_comments_of_config_toml_are_true() -> None:
    """The commands in the comments of config.toml name subcommands and values that exist."""
    said = re.findall(r"python -m bot_deploy (\w+) ?(?:([\w.]+\.\w+))?", SHIPPED.read_text())
    assert said
    assert all(name in COMMANDS and (not what or what in KNOWN) for name, what in said)
