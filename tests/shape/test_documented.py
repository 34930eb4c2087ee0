"""Every command of the how-to pages and the tutorial is run by a test, or says why not."""

import ast

import pytest

from tests.support.documented import PAGES, Block, listed
from tests.support.locks import ROOT

# Blocks of commands, and of what they print. Others are files and comments.
COMMANDS = ("sh", "text", "indented")
KINDS = (*COMMANDS, "toml", "yaml", "python", "markdown")

# (page, kind, section) -> the reason why no test runs these blocks.
NOT_RUN = {
    ("tutorial", "sh demo", "1. Get the bot"): (
        "test_locks.py runs `make set-up-run` as a newcomer, test_demo.py the demo"
    ),
    ("howto/deploy", "indented", "As an image"): (
        "runs until Ctrl-C; tests/bot_deploy/test_demo.py runs the demo without a container"
    ),
    ("howto/deploy", "indented", "With Docker Compose"): (
        "needs images of PostgreSQL and nginx from a registry; test_deploy_files.py checks the file"
    ),
    ("howto/deploy", "indented", "With systemd"): (
        "needs systemd as PID 1; test_platform_files.py checks the unit"
    ),
    ("howto/deploy", "indented", "On Heroku"): "needs an account; test_procfile.py runs it",
    ("howto/deploy", "indented", "On Fly.io"): "needs an account",
    ("howto/install", "sh index", "Install with pip, pipx or uvx"): (
        "needs pipx and an index; test_install.py installs the same wheel by pip and uv"
    ),
    ("howto/install", "sh lock", "Install with pip, pipx or uvx"): (
        "downloads each library; test_locks.py installs the lock files"
    ),
    ("howto/many-machines", "sh cluster", "With Kubernetes"): (
        "needs a cluster; test_deploy_files.py checks the names and the manifests"
    ),
    ("howto/many-machines", "sh cluster", "With Kubernetes and sealed secrets"): "needs a cluster",
    ("howto/many-machines", "indented", "Several servers"): "an address, not a command",
    ("howto/many-machines", "indented", "Behind a pooler"): "an address, not a command",
    ("howto/observe", "sh docker", "The log"): "needs the id of a delivery of the reader's bot",
    ("howto/register", "sh synopsis", "Register the App"): "a synopsis; the tutorial runs it",
    ("howto/register", "sh elsewhere", "Over SSH"): (
        "for the reader's own machine; test_register.py compares the printed command"
    ),
    ("howto/register", "sh enterprise", "On GitHub Enterprise Server"): (
        "needs a GitHub Enterprise Server; test_register.py registers on a simulated one"
    ),
    ("howto/secrets", "indented", "What each process gets"): (
        "needs a user `bot`; test_handover.py gives a key that only root can read"
    ),
    ("howto/uninstall", "indented", "The program"): "needs systemd, Compose or a cluster",
    ("howto/uninstall", "sh pipx", "The program"): "needs pipx and an index",
    ("howto/upgrade", "indented", "With Docker Compose"): "as in howto/deploy",
    ("howto/upgrade", "indented", "On Kubernetes"): "needs a cluster",
    ("howto/upgrade", "sh pipx", "With pipx, pip or uvx"): "needs pipx and an index",
    ("howto/write-a-rule", "sh docker", "Use it"): (
        "a part of a command; test_images.py runs a custom rule in a container"
    ),
}


def commands() -> list[Block]:
    """All blocks of commands and output."""
    all_blocks = [block for page in PAGES for block in listed(page)]
    return [block for block in all_blocks if block.kind.split()[0] in COMMANDS]


def taken() -> list[tuple[str, ...]]:
    """The constant arguments of each call of `blocks` in the tests."""
    found = []
    for path in (ROOT / "tests").rglob("*.py"):
        text = path.read_text()
        if "tests.support.documented import" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "blocks":
                given = dict(zip(("page", "kind", "section"), node.args, strict=False))
                given |= {str(each.arg): each.value for each in node.keywords}
                values = {name: ast.literal_eval(value) for name, value in given.items()}
                found.append((values["page"], values.get("kind", "sh"), values.get("section", "")))
    return found


def of(block: Block) -> tuple[str, str, str]:
    return (block.page, block.kind, block.section)


def test_every_block_is_run_or_says_why_not() -> None:
    """A test takes each block, or an equal one, or NOT_RUN has the reason."""
    calls = taken()
    run = [
        block
        for block in commands()
        if any(
            (block.page, block.kind) == call[:2] and call[2] in ("", block.section)
            for call in calls
        )
    ]
    texts = {block.text for block in run}
    left = [block for block in commands() if block.text not in texts]
    assert [str(block) for block in left if of(block) not in NOT_RUN] == []
    assert NOT_RUN.keys() - {of(block) for block in left} == set(), "these are run, or gone"


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page: str) -> None:
    """A fence names its language, so that no command hides in a block without one."""
    assert [str(block) for block in listed(page) if block.kind.split()[0] not in KINDS] == []
