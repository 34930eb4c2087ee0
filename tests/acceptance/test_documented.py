"""The commands of the how-to pages, as written and in order, each page in a fresh directory.

Those of the tutorial, and of pages that need Docker, PostgreSQL or an installed bot, have tests of
their own; tests/shape/test_documented.py finds a block that no test runs.
"""

import contextlib
import functools
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import requests
import tomlkit

from bot.actions import ACTIONS, Comment, Planned
from bot.events import DELIVERIES
from bot_deploy.config import load
from bot_deploy.wiring.parts import open_parts
from luggage.fake_github import FakeGithub
from luggage.jobs import NewJob
from tests.support import checkout, ends, own_rule
from tests.support.documented import blocks, listed
from tests.support.migrated import migrated_for
from tests.support.quick import quick_shell
from tests.support.running import ROOT, free_port, until

pytestmark = pytest.mark.xdist_group("documented")

GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
TRIO = "snake-charmers/trio"


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    with quick_shell(tmp_path_factory.mktemp("programs")) as made:
        yield made


@pytest.fixture(scope="module")
def github():
    fake = FakeGithub()
    fake.add_repository(TRIO)
    with fake.serve() as server:
        fake.environ = {
            "GITHUB_APP_ID": str(fake.app_id),
            "GITHUB_PRIVATE_KEY": fake.private_key,
            "GITHUB_WEBHOOK_SECRET": fake.webhook_secret,
            "GITHUB_API_URL": server.url,
        }
        yield fake


@pytest.fixture
def database(tmp_path):
    """The settings of a bot with an empty database in the default place."""
    config = load({"BOT_DATA": str(tmp_path / "var")})
    migrated_for(config)
    return config


def merged(into, values):
    """Set values in a document, as a person who edits it does."""
    for name, value in values.items():
        if isinstance(value, dict):
            merged(into.setdefault(name, {}), value)
        else:
            into[name] = value


def test_the_board_on_parse(shell, tmp_path):
    """Four values are typed at prompts; then nothing of the board is missing."""
    shell.run("python -m bot_deploy keygen", cwd=tmp_path)
    (commands,) = blocks("howto/board-on-parse")
    for command in commands.splitlines():
        shell.run(command, cwd=tmp_path, stdin="a value\n")
    (example,) = (block.text for block in listed("howto/board-on-parse") if block.kind == "toml")
    config = tmp_path / "var/config.toml"
    document = tomlkit.parse(config.read_text())
    merged(document, tomllib.loads(example))
    config.write_text(tomlkit.dumps(document))
    listing = shell.run("python -m bot_deploy check || true", cwd=tmp_path)
    assert listing.count(" board.") == 7
    assert "FAILED  board" not in listing


def test_the_console(shell, github, database, tmp_path):
    """The client's variables are understood, and both commands print a link."""
    (tmp_path / "client-secret").write_text("hunter2\n")
    said = shell.run("\n".join(blocks("howto/console")), cwd=tmp_path, **github.environ)
    first, second = re.findall(r"\S+/console/sign-in/link/\S+", said)
    assert first.startswith("http://localhost:8000/")
    assert second.startswith("https://bot.example.org/")


def test_deliveries(shell, github, database, tmp_path):
    """A dead delivery is found, retried and replayed, and a comment explained."""
    event, payload = github.open_issue(TRIO, "alice", body="/ping")
    (tmp_path / "payload.json").write_text(json.dumps(payload))
    heads = f"X-GitHub-Event: {event}\nX-GitHub-Delivery: {GUID}\n"
    (tmp_path / "received").write_text(f"{heads}\n{json.dumps(payload)}")
    shell.run("python -m bot_deploy replay received", cwd=tmp_path, **github.environ)
    said = Comment(about="x", repository=TRIO, number=7, text="pong!")
    planned = Planned(action=said, installation=1, delivery=GUID, rule="ping", digest="ab").encode()
    with open_parts(database) as parts:
        (delivery,) = parts.queue.claim([DELIVERIES], worker="w", lease_seconds=60.0)
        ends.bury(parts.queue, delivery, "GitHub is out of patience")
        new = NewJob(queue=ACTIONS, key=said.key, body=planned, run_at=0.0, parent=delivery.id)
        parts.queue.put(new)
        (job,) = parts.queue.claim([ACTIONS], worker="w", lease_seconds=60.0)
        url = f"https://github.com/{TRIO}/issues/7#issuecomment-123"
        ends.done(parts.queue, job, result=json.dumps({"comment": 123, "url": url}))
    dead, show, follow, retry, all_of_them, why, stored, file = blocks("howto/deliveries")
    say = functools.partial(shell.run, cwd=tmp_path, **github.environ)
    assert say(dead).split("\t")[1:3] == ["dead", GUID]
    assert "GitHub is out of patience" in say(show)
    # As the page says, it ends with 1 where something is dead.
    assert "GitHub is out of patience" in say(f"{follow.strip()} || test $? = 1")
    assert "will be retried" in say(retry)
    assert "dead" in say(all_of_them)
    assert "rule      ping" in say(why)
    assert "| pong!" in say(stored)
    assert "Dry run: nothing was queued" in say(file)


def test_the_doctor(shell, github, tmp_path):
    """Before the first start nothing has failed."""
    github.environ["BOT_RECEIVE"] = "poll"
    (command,) = blocks("howto/doctor")
    assert "FAILED" not in shell.run(command, cwd=tmp_path, **github.environ)


def test_install(shell, tmp_path):
    """An installed bot's key pair lies with its data; each shell gets its script."""
    (keygen, _register, _start) = blocks("howto/install", "sh installed")[0].splitlines()
    shell.run(keygen, cwd=tmp_path)
    assert (tmp_path / "var/secret.key").exists()
    (completion,) = blocks("howto/install", "sh completion")
    for folder in (".local/share/bash-completion/completions", ".config/fish/completions", "DIR"):
        (tmp_path / folder).mkdir(parents=True)
    shell.run(completion, cwd=tmp_path)
    assert (tmp_path / "DIR/_portmanteau").stat().st_size


def test_many_machines(shell, database, postgresql_url, tmp_path):
    """The data moves to PostgreSQL, whose address is in a file."""
    commands = "\n".join(blocks("howto/many-machines"))
    assert "moved" in shell.run(commands, cwd=tmp_path, stdin=f"{postgresql_url}\n")


def test_monitoring(shell, tmp_path):
    """The token is sealed, and the file can be given to Prometheus."""
    shell.run("python -m bot_deploy keygen", cwd=tmp_path)
    shell.run("\n".join(blocks("howto/observe")), cwd=tmp_path)
    token = shell.run("python -m bot_deploy decrypt metrics.token", cwd=tmp_path)
    assert token.strip() in (tmp_path / "secret.metrics").read_text()


def test_registration_by_hand(shell, github, tmp_path):
    """The App's values are sealed one by one, and `doctor` finds all that it needs."""
    shell.run("python -m bot_deploy keygen", cwd=tmp_path)
    (tmp_path / "DOWNLOADED.private-key.pem").write_text(github.private_key)
    (commands,) = blocks("howto/register")
    api = {"GITHUB_API_URL": github.environ["GITHUB_API_URL"], "BOT_RECEIVE": "poll"}
    commands = commands.replace("echo 123456", f"echo {github.app_id}")
    said = shell.run(commands, cwd=tmp_path, stdin=f"{github.webhook_secret}\n", **api)
    assert "ok       secrets" in said


def test_a_secret_in_files(shell, tmp_path):
    """The old webhook secret moves to its own file, and nobody else can read the new one."""
    (tmp_path / "secret.webhook").write_text("the old one\n")
    shell.run("\n".join(blocks("howto/secrets", "sh environment")), cwd=tmp_path)
    assert (tmp_path / "secret.webhook.old").read_text() == "the old one\n"
    assert (tmp_path / "secret.webhook").stat().st_mode & 0o777 == 0o600


def test_a_custom_rule(shell, github, tmp_path):
    """The rule's tests pass next to the data, and a preview knows its settings."""
    for package in ("bot", "luggage"):  # as in a checkout
        (tmp_path / package).symlink_to(ROOT / package)
    data = tmp_path / "var"
    data.mkdir(mode=0o700)
    (data / own_rule.FILE).write_text(own_rule.CODE)
    (data / "test_gratitude.py").write_text(own_rule.TEST)
    assert "2 passed" in shell.run("\n".join(blocks("howto/write-a-rule")), cwd=tmp_path)
    own, settings = (block.text for block in listed("howto/write-a-rule") if block.kind == "toml")
    (data / "config.toml").write_text(own)
    (tmp_path / "my-settings.toml").write_text(settings)
    (preview,) = blocks("howto/write-a-rule", "sh preview")
    preview = preview.replace("OWNER", "snake-charmers")
    commands = f"python -m bot_deploy migrate\n{preview}"
    said = shell.run(commands, cwd=tmp_path, **github.environ)
    assert "No stored delivery to evaluate." in said


def test_practice_without_github(tmp_path):
    """The simulated GitHub answers at the address that the variables name."""
    start, export = blocks("tutorial", "sh elsewhere")
    port = str(free_port())
    with subprocess.Popen(
        ["/bin/sh", "-c", f"exec {start.replace('4488', port)}"],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as github:
        try:
            show = f"{export.replace('4488', port)}\necho $GITHUB_API_URL"
            url = subprocess.check_output(["/bin/sh", "-c", show], text=True).strip()
            until(lambda: answers(url), "it answers")
        finally:
            github.kill()


def answers(url):
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{url}/app", timeout=5).status_code == 401
    return False


@pytest.fixture
def clone(tmp_path):
    """A clone with the bot's code, called portmanteau; `upstream` is where it comes from."""
    upstream = tmp_path / "upstream"
    for package in ("bot", "bot_deploy", "luggage"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, upstream / package, ignore=ignored)
    for name in ("setup.py", ".gitignore"):
        shutil.copy(ROOT / name, upstream)
    git(upstream, "init -q -b main . && git add -A && git commit -qm One")
    git(tmp_path, "clone -q upstream portmanteau")
    return tmp_path / "portmanteau"


def git(folder, words):
    done = checkout.run("/bin/sh", "-euc", f"git {words}", cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_upgrade_of_a_checkout(shell, clone):
    """From values in the source tree to a new version, back, and away; the values stay."""
    own = "--config bot_deploy/config.toml"
    shell.run(f"python -m bot_deploy keygen {own} --private-key secret.key", cwd=clone)
    shell.run(f"echo 7 | python -m bot_deploy encrypt github.app_id {own}", cwd=clone)
    git(clone, "commit -qam 'As earlier releases told'")
    shell.run("\n".join(blocks("howto/upgrade", "sh move")), cwd=clone, **checkout.ENVIRON)
    git(clone, "commit -qam 'Moved' && git reset -q --hard origin/main")
    decrypt = "python -m bot_deploy decrypt github.app_id"
    assert shell.run(decrypt, cwd=clone) == "7\n"

    (clone.parent / "upstream/bot/new.py").touch()
    config = clone.parent / "upstream/bot_deploy/config.toml"
    config.write_text(f"{config.read_text()}\n# A new comment.\n")
    git(clone.parent / "upstream", "add -A && git commit -qm Two")
    upgrade, roll_back = blocks("howto/upgrade", "sh checkout")
    shell.run("python -m bot_deploy migrate", cwd=clone)
    shell.run(upgrade, cwd=clone, **checkout.ENVIRON)
    assert (clone / "bot/new.py").exists()
    assert shell.run(decrypt, cwd=clone) == "7\n"
    newer = "update jobs_version set version_num = 'jobs_0009'"
    with contextlib.closing(sqlite3.connect(clone / "var/bot.sqlite")) as connection, connection:
        connection.execute(newer)
    said = shell.run("python -m bot_deploy migrate || true", cwd=clone)
    (told,) = blocks("howto/upgrade", "text")
    assert told in said
    shell.run(roll_back, cwd=clone, **checkout.ENVIRON)
    assert not (clone / "bot/new.py").exists()
    assert shell.run("python -m bot_deploy migrate", cwd=clone) == "up to date\n"
    assert shell.run(decrypt, cwd=clone) == "7\n"
    assert git(clone, "status --porcelain") == ""

    shell.run("\n".join(blocks("howto/uninstall", "sh checkout")), cwd=clone)
    assert not clone.exists()
