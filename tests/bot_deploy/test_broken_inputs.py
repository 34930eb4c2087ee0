"""Each subcommand x each broken input: one line with the place and the remedy, no traceback.

The subcommands come from the dispatcher and their arguments from their parsers, so a new one is
swept without a change here. What would serve, wait or build for long is replaced.
"""

import argparse
import ctypes
import gc
import hashlib
import importlib
import io
import logging
import os
import re
import shutil
import signal
import socket
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from bot_deploy.arguments import describe
from bot_deploy.wiring.parts import HISTORIES
from bot_deploy.wiring.server import Server
from luggage.crypto import PrivateKey
from luggage.crypto.document import Document
from luggage.database import migrate, open_engine
from luggage.database.backup import back_up
from luggage.fake_github import FakeGithub
from tests.support.sealed import SHIPPED

dispatch = importlib.import_module("bot_deploy.__main__")

# `start` forks before it has a thread; a test run may have some.
pytestmark = [
    pytest.mark.sweep,
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]

SUBCOMMANDS = sorted(dispatch.subcommands())
PRIVATE_KEY = FakeGithub().private_key
SEALED = {
    "github.app_id": "7",
    "github.private_key": PRIVATE_KEY,
    "github.webhook_secrets": "s3cret",
    "metrics.token": "0123456789abcdef",
}

# Those that read no setting: `demo` brings its own, `mkpex` packs a checkout, `mksecret` makes one.
NO_SETTING = {"completion", "demo", "mkpex", "mksecret", "textconv", "version"}
# Those that change or show config.toml, and read no other setting.
OF_THE_FILE = {"decrypt", "encrypt", "keygen", "list", "rotate"}
# Those that use what config.toml seals: for the others it may stay closed.
USE_SECRETS = {"check", "decrypt", "doctor", "gunicorn", "loop", "rotate", "start"}
# Those that listen on PORT.
LISTEN = {"doctor", "gunicorn", "start"}
# Values that are the App's, or that `register` does not use.
OF_THE_APP = {"user_agent", "receive", "organizations", "dsn", "url"}
# Those that do without a database that is there.
WITHOUT_DATABASE = {"check", "gunicorn", "register", *OF_THE_FILE, *NO_SETTING}

# What to do, in the words of the messages.
REMEDY = re.compile(
    r"\b(set|unset|run|copy|make|fix|move|name|free|restore|use|choose|check|give|let|seal|remove|"
    r"correct|stop|encrypt|write|mount|rename|put|separate|percent-encode|"
    r"the settings are|did you mean|must|install)\b"
)
# The place of a fault in config.toml.
FILE = r"own\.toml:\d+:\d+: "
KEYFILE = r"SECRET_KEY_FILE"
DATABASE = r"data/bot\.sqlite"


class Home:
    """A directory with all that the bot needs, of which a case breaks one thing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config, self.key = path / "own.toml", path / "secret.key"
        self.data = path / "data"
        self.database = self.data / "bot.sqlite"
        self.environ = {
            "BOT_CONFIG": str(self.config),
            "SECRET_KEY_FILE": str(self.key),
            "BOT_DATA": str(self.data),
            "PORT": "18431",
            # Nobody listens there.
            "GITHUB_API_URL": "http://127.0.0.1:9",
            "GITHUB_SERVER_URL": "http://127.0.0.1:9",
        }

    def edit(self, old: str, new: str) -> None:
        """Replace a text in config.toml."""
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new, 1))

    def damage(self, name: str) -> None:
        """Change the first characters of a sealed value."""
        key = name.partition(".")[2]
        text = self.config.read_text()
        found = re.search(rf"(?s){key} = .*?sealed:[0-9a-f]{{8}}:", text)
        assert found
        self.config.write_text(text[: found.end()] + "AAAA" + text[found.end() + 4 :])


@dataclass(frozen=True)
class Broken:
    """A broken input: how it is made, what the message names, and who does not look at it."""

    make: Callable[[Home], object]
    names: str
    unread: frozenset[str]


def whole_file(make: Callable[[Home], object], names: str = FILE, *unread: str) -> Broken:
    """A config.toml that nobody can read."""
    return Broken(make, names, frozenset({*NO_SETTING, *unread}))


def value(old: str, new: str, names: str = FILE, *unread: str) -> Broken:
    """A value of config.toml that cannot be used."""
    unread_by = {*NO_SETTING, *OF_THE_FILE, *unread}
    if old.strip("# ") in OF_THE_APP:  # `register` replaces it
        unread_by.add("register")
    return Broken(lambda home: home.edit(old, new), names, frozenset(unread_by))


def variable(name: str, text: str, *unread: str) -> Broken:
    """A variable that cannot be used."""
    unread_by = frozenset({*NO_SETTING, *OF_THE_FILE, *unread})
    return Broken(lambda home: home.environ.update({name: text}), name, unread_by)


def secret(make: Callable[[Home], object], names: str, *unread: str) -> Broken:
    """A secret that cannot be opened or used."""
    return Broken(make, names, frozenset({*set(SUBCOMMANDS) - USE_SECRETS, *unread}))


def key(make: Callable[[Home], object], names: str = KEYFILE) -> Broken:
    """A file with the private key that holds none."""
    return Broken(make, names, frozenset({*NO_SETTING, "encrypt", "keygen", "list"}))


def database(make: Callable[[Home], object], names: str = DATABASE, *unread: str) -> Broken:
    """A database that cannot be used."""
    return Broken(make, names, frozenset({*WITHOUT_DATABASE, *unread}))


def replaced(path: Path, make: Callable[[Path], object]) -> None:
    """Put something else in the place of a file."""
    path.unlink()
    make(path)


def cut(path: Path, share: float) -> None:
    """Leave the first part of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def overwrite(path: Path) -> None:
    """Overwrite the middle of each page but the first."""
    content = bytearray(path.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 64] = b"\xa5" * 64
    path.write_bytes(content)


def other_application(path: Path) -> None:
    """Make the database of another application."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE moz_places (id INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO moz_places VALUES (1)")
        connection.commit()


def emptied(home: Home) -> None:
    """Truncate a database whose log has data."""
    home.database.write_bytes(b"")
    home.database.with_name("bot.sqlite-wal").write_bytes(b"x" * 5000)


def file_in_place_of_data(home: Home) -> None:
    """Put a file in the place of the data directory."""
    home.data.rename(home.path / "moved")
    home.data.write_text("a file")


def taken(home: Home) -> None:
    """Set a port on which somebody listens."""
    home.environ["PORT"] = str(TAKEN.getsockname()[1])


TAKEN = socket.socket()
ONE_PART = {"gunicorn", "loop"}

BROKEN: Mapping[str, Broken] = {
    "config: typo": whole_file(lambda home: home.edit("[github]", "[github")),
    "config: a quote is missing": whole_file(lambda home: home.edit('"sealed', "sealed")),
    "config: cut": whole_file(lambda home: cut(home.config, 0.4)),
    "config: not UTF-8": whole_file(lambda home: home.config.write_bytes(b"# ok\na='\xff'\n")),
    "config: UTF-16": whole_file(
        lambda home: home.config.write_bytes(home.config.read_text().encode("utf-16"))
    ),
    "config: NUL": whole_file(lambda home: home.edit("[github]", "[github]\0")),
    "config: deep": whole_file(lambda home: home.config.write_text(f"a = {'[' * 9999}")),
    "config: a directory": whole_file(lambda home: replaced(home.config, Path.mkdir), "own.toml"),
    "config: a named pipe": whole_file(lambda home: replaced(home.config, os.mkfifo), "own.toml"),
    "config: absent": whole_file(lambda home: home.config.unlink(), "own.toml", "keygen"),
    "config: unreadable": whole_file(lambda home: home.config.chmod(0), "own.toml"),
    "config: keys is no table": whole_file(lambda home: home.config.write_text("keys = 1\n")),
    "config: a broken public key": whole_file(lambda home: home.edit("luggage_public_", "x")),
    "config: an odd name": whole_file(lambda home: home.edit("# client_id", '"a b" = 1 #')),
    "config: a table that is a value": Broken(
        lambda home: home.config.write_text(
            f"keep = 1\n{home.config.read_text()}".replace("[keep]", "[kept]")
        ),
        FILE,
        frozenset({*NO_SETTING, *OF_THE_FILE}),
    ),
    "config: true for a text": value("# user_agent", "user_agent = true #"),
    "config: a list for a text": value("# user_agent", 'user_agent = ["a"] #'),
    "config: a text for a list": value("# trusted_proxies", 'trusted_proxies = "10.0.0.0/99" #'),
    "config: a number out of range": value("payload_days = 30", "payload_days = -1"),
    "config: a text for a number": value("commands_per_hour = 30", 'commands_per_hour = "x"'),
    "config: an unknown key": value("# user_agent", 'privat_key = "x" #'),
    "config: an unknown key that is like none": value("# user_agent", 'colour = "x" #'),
    "config: an unknown key of a rule": value("message = ", "mesage = "),
    "config: a wrong type of a rule": value(
        "merged_pull_requests = 1", "merged_pull_requests = 'x'"
    ),
    "config: an unknown table": value("[invite]", "[invit]"),
    "config: receive": value("# receive", 'receive = "pigeon" #'),
    "config: host": value("# host", 'host = "here" #'),
    "config: user agent": value("# user_agent", 'user_agent = "é" #'),
    "config: organisations": value("# organizations", 'organizations = ["a b/c"] #', FILE),
    "config: rules": value("# own = ", "own = 1 # "),
    "config: a rule that is not there": value("# own = ", 'own = ["gone.py"] # '),
    "config: database": value("# url", 'url = "mysql://x" #', "own.toml:.*mysql"),
    "secret: a damaged value": secret(
        lambda home: home.damage("github.private_key"), FILE, "decrypt", "gunicorn"
    ),
    "secret: a damaged webhook secret": secret(
        lambda home: home.damage("github.webhook_secrets"), FILE, "decrypt", "loop"
    ),
    "secret: abc": secret(
        lambda home: home.environ.update(GITHUB_PRIVATE_KEY="abc"),
        "GITHUB_PRIVATE_KEY",
        "decrypt",
        "gunicorn",
        "rotate",
    ),
    "secret: half a PEM": secret(
        lambda home: home.environ.update(GITHUB_PRIVATE_KEY=PRIVATE_KEY[:600]),
        "GITHUB_PRIVATE_KEY",
        "decrypt",
        "gunicorn",
        "rotate",
    ),
    "secret: a blank webhook secret": secret(
        lambda home: home.environ.update(GITHUB_WEBHOOK_SECRET="  "),
        "GITHUB_WEBHOOK_SECRET",
        "decrypt",
        "loop",
        "rotate",
    ),
    "secret: a short token": secret(
        lambda home: home.environ.update(BOT_METRICS_TOKEN="short"),
        "BOT_METRICS_TOKEN",
        "decrypt",
        "doctor",
        "loop",
        "rotate",
    ),
    "key: absent": key(lambda home: home.key.unlink()),
    "key: a directory": key(lambda home: replaced(home.key, Path.mkdir)),
    "key: a named pipe": key(lambda home: replaced(home.key, os.mkfifo)),
    "key: empty": key(lambda home: home.key.write_text("")),
    "key: cut": key(lambda home: cut(home.key, 0.7)),
    "key: not base64": key(lambda home: home.key.write_text(f"luggage_private_{'?' * 48}")),
    "key: no key": key(lambda home: home.key.write_bytes(b"\xff\0abc")),
    "key: open to others": key(lambda home: home.key.chmod(0o644)),
    "key: unreadable": key(lambda home: home.key.chmod(0)),
    "key: twice": key(lambda home: home.environ.update(SECRET_KEY="x")),
    "key: of another pair": secret(
        lambda home: home.key.write_text(PrivateKey.generate().reveal()), "SECRET_KEY_FILE"
    ),
    "database: empty": database(
        lambda home: home.database.write_bytes(b""),
        DATABASE,
        "doctor",
        "migrate",
        "restore",
        "start",
    ),
    "database: empty beside its log": database(emptied, DATABASE, "restore"),
    "database: garbage": database(
        lambda home: home.database.write_bytes(os.urandom(20_000)), DATABASE, "restore"
    ),
    "database: text": database(
        lambda home: home.database.write_text("hello\n" * 999), DATABASE, "restore"
    ),
    "database: cut": database(lambda home: cut(home.database, 0.6), DATABASE, "restore"),
    "database: cut to a page": database(
        lambda home: cut(home.database, 4096 / home.database.stat().st_size), DATABASE, "restore"
    ),
    "database: pages overwritten": database(
        lambda home: overwrite(home.database), DATABASE, "restore"
    ),
    "database: a directory": database(lambda home: replaced(home.database, Path.mkdir)),
    "database: a named pipe": database(lambda home: replaced(home.database, os.mkfifo)),
    "database: another application's": database(
        lambda home: replaced(home.database, other_application), DATABASE, "restore"
    ),
    "database: read-only": database(lambda home: home.database.chmod(0o400), DATABASE, "restore"),
    "database: unreadable": database(lambda home: home.database.chmod(0), DATABASE, "restore"),
    "database: absent": database(
        lambda home: home.database.unlink(), DATABASE, "doctor", "migrate", "restore", "start"
    ),
    "data: read-only": database(lambda home: home.data.chmod(0o500), "data"),
    "data: a file": database(file_in_place_of_data, "data"),
    "data: absent": database(
        lambda home: home.data.rename(home.path / "moved"),
        "data",
        "doctor",
        "migrate",
        "restore",
        "start",
    ),
    "port: taken": Broken(taken, "port", frozenset(set(SUBCOMMANDS) - {"start", "gunicorn"})),
    "port: 0": Broken(
        lambda home: home.environ.update(PORT="0"), "PORT", frozenset(set(SUBCOMMANDS) - {"start"})
    ),
    "port: too large": variable("PORT", "99999"),
    "port: words": variable("PORT", "eighty"),
    "host: not of this machine": Broken(
        lambda home: home.environ.update(BOT_HOST="192.0.2.1"),
        "BOT_HOST",
        frozenset(set(SUBCOMMANDS) - {"start", "gunicorn"}),
    ),
    "variable: host": variable("BOT_HOST", "localhost"),
    "variable: seconds": variable("BOT_SETTLE_SECONDS", "soon"),
    "variable: write limits": variable("BOT_WRITE_LIMITS", "1 2"),
    "variable: DSN": variable("SENTRY_DSN", "foo"),
    "variable: log format": variable("LOG_FORMAT", "xml"),
    "variable: API": variable("GITHUB_API_URL", "github.com"),
    "variable: bundle": variable("REQUESTS_CA_BUNDLE", "/no/such/file"),
    "variable: not UTF-8": variable("GITHUB_USER_AGENT", "\udcff", "register"),
    "variable: a file that is not there": variable("SENTRY_DSN_FILE", "/no/such/file"),
    "variable: a file that is a directory": variable("SENTRY_DSN_FILE", "/"),
    "variable: database": variable("DATABASE_URL", "oracle://x"),
    "variable: an ambiguous database": variable("DATABASE_URL", "postgresql://u:p@ss@h/d"),
    "variable: a database in no directory": Broken(
        lambda home: home.environ.update(DATABASE_URL="sqlite:////no/such/dir/x.sqlite"),
        "/no/such/dir|DATABASE_URL",
        frozenset({*WITHOUT_DATABASE, "doctor", "migrate", "restore", "start"}),
    ),
}

# Arguments by their names in the parsers; any other is `EXAMPLE`.
EXAMPLE = "example"
ARGUMENTS = {
    "shell": "bash",
    "URL|MARKER": f"portmanteau:{'0' * 24}",
    "FILE|GUID": "00000000-0000-0000-0000-000000000000",
    "OWNER/NAME": "trio/snakes",
    "backup FILE": "new.backup",
    "mksecret FILE": "new.secret",
    "preview FILE": "settings.toml",
    "textconv FILE": "settings.toml",
    "NAME": "github.app_id",
    "ORG": "trio",
}

# Options with which a subcommand works on what is there.
OPTIONS = {
    "keygen": ("--add", "--private-key", "new.key"),
    "register": ("--replace", "--no-browser"),
    "restore": ("--replace",),
}


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a sealed config.toml, its key, a database, a backup and a settings file."""
    home = Home(tmp_path_factory.mktemp("intact"))
    pair = PrivateKey.generate()
    document = Document(SHIPPED.read_text())
    document.add_key(pair.public)
    for name, text in SEALED.items():
        sealed = pair.public.seal(name, text)
        if name == "github.webhook_secrets":
            document.put_in_list(name, sealed, keep=False)
        else:
            document.put(name, sealed)
    home.config.write_text(document.text)
    (home.path / "settings.toml").touch()
    home.key.touch(0o600)
    home.key.write_text(pair.reveal())
    home.data.mkdir(mode=0o700)
    engine = open_engine(f"sqlite:///{home.database}")
    migrate(engine, HISTORIES, log=lambda _: None)
    back_up(engine, home.path / "example", HISTORIES, report=lambda _: None)
    engine.dispose()
    for extra in home.data.iterdir():
        if extra != home.database:
            extra.unlink()
    home.database.chmod(0o600)
    return home.path


@pytest.fixture
def home(intact: Path, tmp_path: Path) -> Home:
    """A copy of it."""
    shutil.copytree(intact, tmp_path / "home")
    (tmp_path / "home" / "data").chmod(0o700)
    return Home(tmp_path / "home")


@pytest.fixture(scope="module", autouse=True)
def listening() -> Iterator[None]:
    """Somebody listens on a port."""
    TAKEN.bind(("0.0.0.0", 0))
    TAKEN.listen()
    yield
    TAKEN.close()


def load_and_close(web: Server) -> None:
    """Make the app, as a worker does, and serve nothing."""
    os.close(int(web._settings["bind"].removeprefix("fd://")))
    web.load()


@pytest.fixture(autouse=True)
def nothing_serves(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What would serve, wait or build returns at once; the process is as before."""
    from bot_deploy import demo, mkpex  # noqa: PLC0415
    from bot_deploy.registration import local_page  # noqa: PLC0415
    from bot_deploy.wiring import listening, server, stopped  # noqa: PLC0415
    from luggage.jobs import Worker  # noqa: PLC0415
    from luggage.run import supervisor  # noqa: PLC0415

    class Supervisor:
        def __init__(self, *_: object, **__: object) -> None:
            """Take all arguments."""

        def run(self) -> None:
            """Return at once."""

    monkeypatch.setattr(supervisor, "Supervisor", Supervisor)
    monkeypatch.setattr(demo, "play", lambda *_, **__: 0)
    monkeypatch.setattr(mkpex, "_make", lambda _: 0)
    monkeypatch.setattr(server.Server, "run", load_and_close)
    monkeypatch.setattr(server.atexit, "register", lambda _: None)
    monkeypatch.setattr(Worker, "run", lambda _: None)
    monkeypatch.setattr(local_page, "_wait", lambda _: None)
    monkeypatch.setattr(listening, "_PORT_TIMEOUT_SECONDS", 0.0)
    monkeypatch.setattr(stopped, "ASLEEP_AFTER_SECONDS", 0.0)
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    root = logging.getLogger()
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    handlers, level = list(root.handlers), root.level
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)
    gc.unfreeze()
    root.handlers[:] = handlers
    root.setLevel(level)
    for number, handler in before.items():
        signal.signal(number, handler)


@contextmanager
def obeying_modes() -> Iterator[None]:
    """Let root obey the modes of files, as other users do: capabilities(7)."""
    if sys.platform != "linux":
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    before = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, before) == 0
    now = (ctypes.c_uint32 * 6)(*before)
    now[0] &= ~0b1110  # the effective ones: DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER
    assert libc.capset(header, now) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0


def arguments(name: str) -> list[str]:
    """Return what a subcommand must be given, from its parser."""
    module = importlib.import_module(f"bot_deploy.{name}")
    words = list(OPTIONS.get(name, ()))
    for action in describe(module.main, name)._actions:
        if isinstance(action, argparse._SubParsersAction) or not (
            action.required and action.nargs in (None, 1)
        ):
            continue
        label = str(action.metavar or action.dest)
        text = next(iter(action.choices)) if action.choices else _example(name, label)
        words += [*action.option_strings[-1:], str(text)]
    return words


def _example(name: str, label: str) -> str:
    return ARGUMENTS.get(f"{name} {label}", ARGUMENTS.get(label, EXAMPLE))


@dataclass(frozen=True)
class Outcome:
    """What a subcommand did: its exit code, or its traceback."""

    code: int
    out: str
    err: str
    traceback: str = ""


def run(
    name: str,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    modes: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Outcome:
    """Run a subcommand in this process."""
    monkeypatch.setattr(os, "environ", dict(home.environ))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"7")))
    monkeypatch.chdir(home.path)
    capsys.readouterr()
    trace = ""
    logging.getLogger().handlers.clear()
    try:
        with modes():
            code = dispatch.main(["bot_deploy", name, *arguments(name)], os.environ)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # noqa: BLE001  that is what is looked for
        code, trace = 1, traceback.format_exc()
    return Outcome(code, *capsys.readouterr(), trace)


def contents(path: Path) -> dict[str, str]:
    """Return the digest of each file below a directory."""
    return {
        str(each.relative_to(path)): hashlib.sha256(each.read_bytes()).hexdigest()
        for each in path.rglob("*")
        if each.is_file() and os.access(each, os.R_OK) and not each.name.endswith(("-shm", "-wal"))
    }


def remove(home: Home) -> None:
    """Remove a directory, whatever its modes."""
    for each in (home.data, home.config, home.key, home.database):
        if each.exists():
            each.chmod(0o700)
    shutil.rmtree(home.path, ignore_errors=True)


def faults(broken: Broken, found: Outcome, name: str) -> Iterator[str]:
    """Yield what is wrong with what a subcommand said of a broken input."""
    if found.traceback or "Traceback" in found.err:
        yield f"a traceback: {found.traceback or found.err}"
        return
    if found.code not in (1, 2):
        yield f"exit code {found.code}: {found.out}"
        return
    # `doctor` and `check` print a line for each of many things.
    lines = (found.err or "\n".join(_failures(found.out))).strip().splitlines()
    said = "\n".join(lines)
    if not 1 <= len(lines) <= (8 if name in ("check", "doctor") else 1):
        yield f"{len(lines)} lines: {said}"
    if not REMEDY.search(said):
        yield f"no remedy: {said}"
    if not re.search(broken.names, said):
        yield f"{broken.names} is not named: {said}"


def _failures(out: str) -> Iterator[str]:
    lines = out.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("FAILED"):
            yield line + following.strip() * following.lstrip().startswith("->")


def test_the_intact_input_is_no_fault(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With nothing broken, all succeed but those that ask GitHub or look for what is not there."""
    failed = {}
    for name in SUBCOMMANDS:
        shutil.copytree(home.path, tmp_path / name)
        found = run(name, Home(tmp_path / name), monkeypatch, capsys)
        if found.code:
            failed[name] = found
    assert failed.keys() == {"doctor", "move", "register", "replay", "why"}, failed


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_input_is_one_line(
    what: str,
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every subcommand that reads a broken input names it with a remedy, and spoils nothing."""
    broken, wrong = BROKEN[what], []
    intact, copy = home.path, Home(tmp_path / "copy")
    before: dict[str, str] = {}
    for name in SUBCOMMANDS:
        if name in broken.unread:
            continue
        if not before:
            remove(copy)
            shutil.copytree(intact, copy.path)
            copy.environ = dict(home.environ) | Home(copy.path).environ
            broken.make(copy)
            before = contents(copy.path)
        found = run(name, copy, monkeypatch, capsys, obeying_modes)
        wrong += [f"{name}: {fault}" for fault in faults(broken, found, name)]
        after = contents(copy.path)
        wrong += [f"{name}: changed {file}" for file in before if before[file] != after.get(file)]
        before = before if before == after else {}
    remove(copy)
    assert not wrong, "\n".join(wrong)


def changed(server: Any, **parts: str) -> str:
    """Return the address of a new database, with other parts."""
    url = make_url(server.new_database()).set(**parts)
    return url.render_as_string(hide_password=False)


SERVERS: Mapping[str, tuple[Callable[[Any], str], str]] = {
    "away": (lambda _: "postgresql://bot@127.0.0.1:9/bot", "DATABASE_URL"),
    "unknown": (lambda _: "postgresql://bot@host.invalid/bot", "DATABASE_URL"),
    "no such database": (lambda server: changed(server, database="gone"), "DATABASE_URL"),
    "no such role": (lambda server: changed(server, username="gone"), "DATABASE_URL"),
    "SQL_ASCII": (
        lambda server: server.own_database("ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"),
        "SQL_ASCII",
    ),
    "empty": (lambda server: server.new_database(), "migrate"),
}


@pytest.mark.parametrize("what", SERVERS)
def test_a_broken_server_is_one_line(
    what: str,
    home: Home,
    postgresql_server: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every subcommand that uses the database says what is wrong with PostgreSQL."""
    make, names = SERVERS[what]
    makers = {"doctor", "migrate", "restore", "start"} if what == "empty" else set()
    broken = Broken(lambda _: None, names, frozenset())
    monkeypatch.setattr("bot_deploy.start._WAITS", ())
    home.environ["DATABASE_URL"] = make(postgresql_server)
    wrong = []
    for name in sorted(set(SUBCOMMANDS) - WITHOUT_DATABASE - makers):
        if name != "move":  # it needs a SQLite file, and is tested with its own
            found = run(name, home, monkeypatch, capsys)
            wrong += [f"{name}: {fault}" for fault in faults(broken, found, name)]
    assert not wrong, "\n".join(wrong)
