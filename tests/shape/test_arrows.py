"""The arrows between the packages: `make check` holds them; here each is broken to see it fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("bot", "luggage", "bot_deploy", "bench")

BROKEN = {
    "luggage knows the bot": ("luggage/telemetry/logs.py", "import bot.store.board", "The arrows"),
    "the bot knows its configuration": (
        "bot/store/board.py",
        "import bot_deploy.config",
        "The arrows",
    ),
    "the bot knows its bench": ("bot_deploy/version.py", "import bench.measure", "The arrows"),
    "the queue knows GitHub": ("luggage/jobs/retry.py", "import luggage.github", "luggage's parts"),
    "a rule knows another": ("bot/rules/ping.py", "import bot.rules.invite", "A rule knows"),
    "a rule asks the network": ("bot/rules/ping.py", "import requests", "do no I/O"),
    "an event reads a file": ("bot/events.py", "import pathlib", "do no I/O"),
    "an action asks the network": ("bot/actions/react.py", "import requests", "do no I/O"),
    "an action opens the database": (
        "bot/actions/invite.py",
        "import bot.store.people",
        "do no I/O",
    ),
    "a circle": ("bot/events.py", "import bot.actions\nimport bot.rule", "No cycles"),
    "the simulated GitHub uses the library": (
        "luggage/fake_github/faults.py",
        "import luggage.github.errors",
        "The simulated GitHub",
    ),
}


def lint(tree):
    # The console script's own module; the tree's packages must stand before the checkout's.
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    return subprocess.run(
        [*command, "--no-cache"], cwd=tree, capture_output=True, text=True, check=False
    )


@pytest.fixture
def tree(tmp_path):
    """A copy of the sources and of the tools' settings."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(("file", "line", "contract"), BROKEN.values(), ids=BROKEN)
def test_a_broken_arrow_is_found(tree, file, line, contract):
    """An import against the arrows breaks the contract that is about it."""
    path = tree / file
    path.write_text(f"{path.read_text()}\n{line}\n")
    found = lint(tree)
    broken = [row for row in found.stdout.splitlines() if " BROKEN" in row]
    assert found.returncode == 1
    assert [row for row in broken if contract in row], found.stdout


def test_the_tree_as_it_is_breaks_nothing(tree):
    """The copy lints clean, so that a broken arrow is what the other tests see."""
    found = lint(tree)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("line", ["os.environ", "time.time()", "time.sleep(1)"])
@pytest.mark.parametrize(
    ("package", "allowed"), [("luggage", False), ("bot_deploy", True), ("bench", True)]
)
def test_only_bot_deploy_reads_the_environment_and_the_clock(tree, line, package, allowed):
    """A bare clock or the environment anywhere else is refused by ruff."""
    path = tree / package / "looks.py"
    path.write_text(f'"""Looks."""\n\nimport os\nimport time\n\nprint(os, time, {line})\n')
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", str(path)]
    found = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert (found.returncode == 0) == allowed, found.stdout
