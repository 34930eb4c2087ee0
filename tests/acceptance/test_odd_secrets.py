"""Odd webhook secrets in real processes: correctly signed deliveries get 202."""

import hashlib
import hmac
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from luggage.fake_github import FakeGithub
from tests.support.odd import EIGHT
from tests.support.packing import copy_tree, packed_once
from tests.support.running import Running, running

PAIRS = list(zip(EIGHT[::2], EIGHT[1::2], strict=True))
# An unrelated variable that is not UTF-8 must not prevent the start.
FOREIGN = {"FOREIGN": os.fsdecode(b"\xff\xfe")}


@pytest.fixture
def environ(github: FakeGithub) -> Iterator[dict[str, str]]:
    """The settings of a bot without its webhook secret."""
    with github.serve() as server:
        yield FOREIGN | {
            "GITHUB_APP_ID": str(github.app_id),
            "GITHUB_PRIVATE_KEY": github.private_key,
            "GITHUB_API_URL": server.url,
        }


def status_of(bot: Running, secret: str) -> int:
    """The status for a delivery signed with `secret`."""
    body = json.dumps({"zen": "Keep it logically awesome."}).encode()
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "ping",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={digest}",
    }
    return requests.post(bot.hook, data=body, headers=headers, timeout=10).status_code


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_two_variables(first: str, second: str, environ: dict[str, str], tmp_path: Path) -> None:
    """`start` passes secrets on to its children unchanged."""
    given = {"GITHUB_WEBHOOK_SECRET": first, "GITHUB_WEBHOOK_SECRET_OLD": f"{second}\n"}
    with running(tmp_path / "data", environ | given) as bot:
        bot.wait_until_ready()
        assert [status_of(bot, each) for each in (first, second)] == [202, 202]
        assert [status_of(bot, each) for each in (f"{first} {second}", "It's")] == [401, 401]
        assert not [each for each in (first, second) if each in bot.output]


def test_two_files(environ: dict[str, str], tmp_path: Path) -> None:
    """Secret files work in an oddly named directory, written by two kinds of editors."""
    odd = tmp_path / "100% a?b #c é"
    odd.mkdir()
    (odd / "new").write_bytes(f"{EIGHT[0]}\n".encode())
    (odd / "old").write_bytes(f"\ufeff{EIGHT[1]}\r\n".encode())
    given = {
        "GITHUB_WEBHOOK_SECRET_FILE": str(odd / "new"),
        "GITHUB_WEBHOOK_SECRET_OLD_FILE": str(odd / "old"),
    }
    with running(odd / "data", environ | given) as bot:
        bot.wait_until_ready()
        assert [status_of(bot, each) for each in EIGHT[:2]] == [202, 202]
        assert (odd / "data" / "bot.sqlite").is_file()


def test_all_eight_in_config_toml(environ: dict[str, str], tmp_path: Path) -> None:
    """The bot opens secrets that `encrypt` sealed in a checkout, one after the other."""
    tree = copy_tree(tmp_path / "tree")
    commands: list[tuple[list[str], str]] = [(["keygen"], "")]
    commands += [(["encrypt", "github.webhook_secrets", "--append"], each) for each in EIGHT]
    for words, value in commands:
        command = [sys.executable, "-m", "bot_deploy", *words]
        subprocess.run(command, cwd=tree, input=f"{value}\n".encode(), check=True)
    given = {
        "BOT_CONFIG": str(tree / "var/config.toml"),
        "SECRET_KEY_FILE": str(tree / "var/secret.key"),
    }
    with running(tmp_path / "data", environ | given, cwd=tree) as bot:
        bot.wait_until_ready()
        assert [status_of(bot, each) for each in EIGHT] == [202] * 8
        assert status_of(bot, "It's") == 401


def test_from_the_pex(
    environ: dict[str, str], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The children of a pex get the secrets unchanged."""
    packed = packed_once(tmp_path_factory)
    pex = shutil.copy(packed.pex, tmp_path / "a bot%20.pex")
    given = {
        "GITHUB_WEBHOOK_SECRET": EIGHT[0],
        "GITHUB_WEBHOOK_SECRET_OLD": EIGHT[1],
        "PEX_ROOT": str(packed.pex.parent / "pex-root"),
    }
    program = (sys.executable, str(pex))
    with running(tmp_path / "data", environ | given, program=program, cwd=tmp_path) as bot:
        bot.wait_until_ready()
        assert [status_of(bot, each) for each in EIGHT[:2]] == [202, 202]


def test_a_rotation_as_documented(environ: dict[str, str], tmp_path: Path) -> None:
    """docs/howto/secrets.md with files: GitHub's signature is accepted at each step."""
    new, old = tmp_path / "secret.webhook", tmp_path / "secret.webhook.old"
    first, second = EIGHT[0], "a new one"
    data, one = tmp_path / "data", environ | {"GITHUB_WEBHOOK_SECRET_FILE": str(new)}
    new.write_text(f"{first}\n")
    with running(data, one) as bot:
        bot.wait_until_ready()
        assert status_of(bot, first) == 202
    new.rename(old)
    new.write_text(f"{second}\n")
    with running(data, one | {"GITHUB_WEBHOOK_SECRET_OLD_FILE": str(old)}) as bot:
        bot.wait_until_ready()
        # Before and after the secret changes on the App's page.
        assert [status_of(bot, each) for each in (first, second)] == [202, 202]
    with running(data, one) as bot:
        bot.wait_until_ready()
        assert [status_of(bot, each) for each in (first, second)] == [401, 202]


def test_the_form_of_the_release_before(environ: dict[str, str], tmp_path: Path) -> None:
    """Two generated secrets in one variable both work, and the log says what to do."""
    first, second = "0123456789abcdef" * 4, "fedcba9876543210" * 4
    whole = f"{first} {second}"
    with running(tmp_path / "data", environ | {"GITHUB_WEBHOOK_SECRET": whole}) as bot:
        bot.wait_until_ready()
        assert [status_of(bot, each) for each in (whole, first, second)] == [202, 202, 202]
        assert bot.output.count("move the old one to GITHUB_WEBHOOK_SECRET_OLD") == 1
        assert first not in bot.output
