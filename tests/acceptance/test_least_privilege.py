"""Least privilege: no process of `start` shows, holds or can open a secret that it does not use.

A machine goes over all processes and all secrets. A custom rule, which each process loads, runs
`decrypt` from within it.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot_deploy.config.sources import KNOWN, LOOP, PARTS, WEB
from luggage.crypto import PrivateKey
from luggage.crypto.document import Document
from luggage.fake_github import FakeGithub
from tests.acceptance.test_supervision import all_there, answers_ping, children
from tests.support import own_rule
from tests.support.packing import packed_once
from tests.support.running import Running, running, until
from tests.support.sealed import SHIPPED

SUBCOMMANDS = {WEB: "gunicorn", LOOP: "loop"}
PROGRAM = (sys.executable, "-m", "bot_deploy")

# The rest of a custom rule: it opens what it can, with what its process has.
PROBE = """
import contextlib, io, json, os, sys
from pathlib import Path
from bot_deploy import decrypt
from bot_deploy.config.sources import KNOWN

def opened(name):
    out = io.StringIO()
    with contextlib.suppress(Exception), contextlib.redirect_stdout(out):
        decrypt.main(["decrypt", name])
    return out.getvalue()

found = {"environ": dict(os.environ), "opened": {name: opened(name) for name in KNOWN}}
path = Path(os.environ["BOT_DATA"], f"{sys.argv[1]}-{os.getpid()}.json")
path.with_suffix(".new").write_text(json.dumps(found))
path.with_suffix(".new").rename(path)
"""


@dataclass(frozen=True)
class Given:
    """A way to give a bot its secrets: the environment, and what must not be seen of each."""

    environ: dict[str, str]
    secrets: dict[str, str]


def values(github: FakeGithub) -> dict[str, str]:
    """A value for each setting that may be secret."""
    plain = {
        "github.private_key": github.private_key,
        "github.webhook_secrets": github.webhook_secret,
        "sentry.dsn": "http://dsn-5ecret@127.0.0.1:9/1",
    }
    secret = (name for name, setting in KNOWN.items() if setting.secret)
    return {name: f"5ecret-of-{name}" for name in secret} | plain


def shown(value: str) -> str:
    """A part of a secret that is unlike anything else: of a PEM text, one line."""
    lines = value.strip().splitlines()
    return lines[len(lines) // 2]


def sealed(github: FakeGithub, folder: Path, variable: Callable[[str], dict[str, str]]) -> Given:
    """All values sealed into config.toml."""
    key, secrets = PrivateKey.generate(), values(github)
    document = Document(SHIPPED.read_text())
    document.add_key(key.public)
    for name, value in secrets.items():
        box = key.public.seal(name, value)
        if KNOWN[name].is_list:
            document.put_in_list(name, box, keep=False)
        else:
            document.put(name, box)
    (folder / "bot.toml").write_text(document.text)
    environ = {"BOT_CONFIG": str(folder / "bot.toml"), **variable(key.reveal())}
    return Given(environ, secrets | {"SECRET_KEY": key.reveal()})


def sealed_with_variable(github: FakeGithub, folder: Path) -> Given:
    """Sealed values, and the key in a variable."""
    return sealed(github, folder, lambda key: {"SECRET_KEY": key})


def sealed_with_file(github: FakeGithub, folder: Path) -> Given:
    """Sealed values, and the key in a file, which is not where anybody would look for it."""

    def file(key: str) -> dict[str, str]:
        path = folder / "elsewhere" / "secret.key"
        path.parent.mkdir()
        path.write_text(key)
        path.chmod(0o600)
        return {"SECRET_KEY_FILE": str(path)}

    return sealed(github, folder, file)


def variables(github: FakeGithub, _: Path) -> Given:
    """Each value in its variable."""
    secrets = values(github)
    return Given({KNOWN[name].variable: value for name, value in secrets.items()}, secrets)


def files(github: FakeGithub, folder: Path) -> Given:
    """Each value in a file."""
    secrets, environ = values(github), {}
    for name, value in secrets.items():
        (folder / name).write_text(value)
        environ[f"{KNOWN[name].variable}_FILE"] = str(folder / name)
    return Given(environ, secrets)


@contextlib.contextmanager
def started(
    given: Callable[[FakeGithub, Path], Given], folder: Path, program: tuple[str, ...] = PROGRAM
) -> Iterator[tuple[Running, FakeGithub, Given]]:
    """A bot on Parse, with a sign-in, metrics and crash reports, that has all kinds of secrets."""
    github, data = FakeGithub(), folder / "data"
    data.mkdir()
    (data / "probe.py").write_text(own_rule.CODE + PROBE)
    (folder / "secrets").mkdir()
    way = given(github, folder / "secrets")
    with github.serve() as server:
        environ = {
            "GITHUB_APP_ID": str(github.app_id),
            "GITHUB_CLIENT_ID": "Iv1",
            "GITHUB_API_URL": server.url,
            "BOT_RULES": "probe.py",
            "BOT_BOARD": "parse",
            "PARSE_LINES_URL": "http://127.0.0.1:9",
            "PARSE_MOOD_URL": "http://127.0.0.1:9",
            "HTTPS_PROXY": "http://me:5ecret-of-proxy@127.0.0.1:9",
            "NO_PROXY": "127.0.0.1",
            "PGPASSWORD": "5ecret-of-pg",
            **way.environ,
        }
        way.secrets.update(proxy="5ecret-of-proxy", pg="5ecret-of-pg")
        with running(data, environ, program=program) as bot:
            bot.wait_until_ready()
            until(lambda: all_there(bot), "everybody is there")
            yield bot, github, way


def child(bot: Running, name: str) -> int | None:
    """The pid of the child that runs this subcommand, of a checkout or a pex."""
    living = children(bot.process.pid).items()
    return next((pid for pid, command in living if command.split()[-1] == name), None)


def process_file(pid: int, name: str) -> str:
    """A file of /proc; nothing where the process hides it from its own user."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
    except PermissionError:
        return ""


def memory(pid: int) -> bytes:
    """All that a process has written to its memory; nothing where it hides it."""
    found = []
    ranges = re.findall(r"^(\w+)-(\w+) rw", process_file(pid, "maps"), re.MULTILINE)
    with contextlib.suppress(PermissionError), Path(f"/proc/{pid}/mem").open("rb", 0) as file:
        for start, end in ranges:
            file.seek(int(start, 16))
            with contextlib.suppress(OSError):  # freed meanwhile
                found.append(file.read(int(end, 16) - int(start, 16)))
    return b"".join(found)


def foreign(part: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """The secrets that a process does not use."""
    return {
        name: value
        for name, value in secrets.items()
        if name == "SECRET_KEY" or (name in KNOWN and not KNOWN[name].is_for(part))
    }


def seen(text: str | bytes, secrets: Mapping[str, str]) -> list[str]:
    """The names of the secrets that are in a text."""
    if isinstance(text, bytes):
        return [name for name, value in secrets.items() if shown(value).encode() in text]
    return [name for name, value in secrets.items() if shown(value) in text]


def assert_each_has_its_own(bot: Running, given: Given, data: Path) -> None:
    """No process shows a secret; the web process and the loop hold and open no other's."""
    for part in PARTS:
        pid = child(bot, SUBCOMMANDS[part])
        assert pid is not None
        others = foreign(part, given.secrets)
        assert others
        for each in (pid, *children(pid)):
            assert seen(memory(each), others) == [], (part, each)
        report = data / f"{SUBCOMMANDS[part]}-{pid}.json"
        until(report.exists, "the process has tried")
        found = json.loads(report.read_text())
        assert set(found["opened"].values()) == {""}
        # Libraries read their passwords there.
        own = {name: value for name, value in given.secrets.items() if name not in ("proxy", "pg")}
        assert seen(json.dumps(found["environ"]), own) == []
        assert found["environ"]["PGPASSWORD"] == "5ecret-of-pg"
    for pid in everybody(bot):
        assert seen(process_file(pid, "environ"), given.secrets) == [], pid
        assert seen(process_file(pid, "cmdline"), given.secrets) == [], pid
    for file in data.rglob("ncolony-*/**/*"):
        assert not file.is_file() or seen(file.read_text(), given.secrets) == []


def everybody(bot: Running) -> Iterator[int]:
    """The supervisor, its children, and the workers."""
    yield bot.process.pid
    for pid in children(bot.process.pid):
        yield from (pid, *children(pid))


@pytest.mark.parametrize("given", [sealed_with_variable, sealed_with_file, variables, files])
def test_each_process_has_its_own_secrets_alone(
    given: Callable[[FakeGithub, Path], Given], tmp_path: Path
) -> None:
    """However the secrets are given, no process shows them, or has another's; the bot works."""
    with started(given, tmp_path) as (bot, github, way):
        assert answers_ping(bot, github)
        assert_each_has_its_own(bot, way, tmp_path / "data")


def test_processes_that_were_restarted_have_their_own_again(tmp_path: Path) -> None:
    """After `kill -9` each process gets its own secrets again, and no other."""
    with started(sealed_with_variable, tmp_path) as (bot, github, way):
        for name in SUBCOMMANDS.values():
            killed = child(bot, name)
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            until(lambda name=name, pid=killed: child(bot, name) not in {None, pid}, "it is back")
        until(lambda: all_there(bot) and bot.is_ready(), "everybody is back")
        assert answers_ping(bot, github)
        assert_each_has_its_own(bot, way, tmp_path / "data")


def test_the_pex_hands_over_as_well(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """The same holds for the packed file."""
    program = (sys.executable, str(packed_once(tmp_path_factory).pex))
    with started(sealed_with_variable, tmp_path, program) as (bot, github, way):
        assert answers_ping(bot, github)
        assert_each_has_its_own(bot, way, tmp_path / "data")


def test_a_probe_with_the_key_opens_everything(tmp_path: Path) -> None:
    """The probe works: with the key it opens all that is sealed."""
    given = sealed_with_file(FakeGithub(), tmp_path)
    environ = {"PATH": os.environ["PATH"], "BOT_DATA": str(tmp_path), **given.environ}
    subprocess.run([sys.executable, "-c", PROBE, "x"], env=environ, check=True)
    (report,) = tmp_path.glob("x-*.json")
    opened = json.loads(report.read_text())["opened"]
    sealed_names = given.secrets.keys() & KNOWN.keys()
    assert {name for name, text in opened.items() if text} == sealed_names


def test_the_look_into_a_memory_sees_secrets() -> None:
    """The sweep works: it finds what a process does hold, where it may look."""
    script = "import sys; secret = sys.stdin.readline(); print('ready', flush=True); input()"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("5ecret-in-memory\n")
        process.stdin.flush()
        process.stdout.readline()
        held = memory(process.pid)
        process.stdin.write("\n")
        process.stdin.flush()
    assert seen(held, {"x": "5ecret-in-memory"}) == ["x"]
