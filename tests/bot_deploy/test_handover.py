"""Handover of settings from `start` to its processes, without real processes."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bot_deploy.config import Config, load
from bot_deploy.config.handover import load_part, packed_for
from bot_deploy.config.sources import KNOWN, LOOP, PARTS, WEB, ConfigError
from luggage.crypto import PrivateKey
from luggage.run import HANDED_OVER
from luggage.run.secrets import packed

# Each setting has a value of its own; some are texts that a second reading would change.
ODD = {name: f"{name}-value" for name in KNOWN} | {
    "github.webhook_secrets": f" {'0123456789abcdef' * 2} {'fedcba9876543210' * 2}\n",
    "github.client_secret": "sealed:by nobody\n",
    "board.backend": "parse",
    "board.lines.url": "https://lines.example",
    "board.mood.url": "https://mood.example",
    "console.organizations": "snakes trio",
    "database.url": "postgresql://me:pass@127.0.0.1/bot",
    "sentry.dsn": "off",
    "web.trusted_proxies": "10.0.0.0/8",
    "web.host": "192.0.2.7",
    "github.receive": "webhook",
    "github.app_id": "7",
}


def by_variables() -> dict[str, str]:
    """Each value in its variable, with the line end that a variable loses."""
    return {KNOWN[name].variable: f"{value}\n" for name, value in ODD.items()}


def handed(config: Config, part: str) -> dict[str, Any]:
    """What a part is handed over, by name."""
    values: dict[str, Any] = json.loads(packed_for(config, part, {}))[0]
    return values


def opened(config: Config, names: Mapping[str, Any]) -> dict[str, object]:
    """What a process makes of the values that it uses."""
    app, board = config.needed_app(), config.board
    assert board is not None
    readers = {
        "github.private_key": app.private_key,
        "github.webhook_secrets": app.webhook_secrets,
        "github.client_secret": app.client_secret,
        "metrics.token": config.metrics_token,
        "board.lines.rest_key": board.lines,
        "board.mood.rest_key": board.mood,
    }
    plain = (app.app_id, app.user_agent, app.client_id, app.organizations, config.database_url)
    return {name: readers[name]() for name in readers if name in names} | {"plain": plain}


@pytest.mark.parametrize("part", PARTS)
def test_a_process_reads_what_start_read(part: str) -> None:
    """A process makes of each value exactly what it would have read by itself."""
    alone = load(by_variables())
    given = handed(alone, part)
    child = load({}, part=part, opened=given)
    assert opened(child, given) == opened(alone, given)


@pytest.mark.parametrize("part", PARTS)
def test_a_process_is_given_what_it_uses_alone(part: str) -> None:
    """Of all that can be set, the web process and the loop each get their own."""
    own = set(handed(load(by_variables()), part))
    assert own == {name for name in KNOWN if KNOWN[name].only in ("", part)}
    assert ("github.private_key" in own) == (part == LOOP)


def test_what_is_switched_off_is_not_handed_over() -> None:
    """Without a sign-in, a webhook or a board on Parse, nobody gets their secrets."""
    off = {"GITHUB_CLIENT_ID": "", "BOT_RECEIVE": "poll", "BOT_BOARD": "database"}
    own = set(handed(load(by_variables() | off), WEB))
    assert own == {
        "board.backend",
        "console.organizations",
        "database.url",
        "github.app_id",
        "github.receive",
        "github.user_agent",
        "metrics.token",
        "sentry.dsn",
        "web.host",
        "web.trusted_proxies",
    }


def test_the_other_parts_secrets_stay_closed() -> None:
    """A process can open neither a variable that is there nor a sealed value."""
    key = PrivateKey.generate()
    document = {
        "keys": {"current": key.id, key.id: key.public.text},
        "github": {"private_key": key.public.seal("github.private_key", "s3cret")},
    }
    child = load(by_variables(), document, part=WEB, opened={"github.app_id": ["7"]})
    with pytest.raises(ConfigError, match="GITHUB_PRIVATE_KEY is missing"):
        child.needed_app().private_key()
    with pytest.raises(ConfigError, match="GITHUB_WEBHOOK_SECRET is missing"):
        child.webhook_secrets()


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a web process that `start` has just started."""
    values = {"github.app_id": ["7"], "github.webhook_secrets": ["s3cret"]}
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as file:
        file.write(packed(json.dumps([values, {"PGPASSWORD": "p"}]).encode()))
    environ = {HANDED_OVER: str(reader), "PORT": "8001"}
    monkeypatch.setattr(os, "environ", environ)
    return environ


def test_a_started_process_loads_from_the_pipe(pipe: dict[str, str]) -> None:
    """It has its secrets, its environment has none, and libraries find their password."""
    config = load_part(WEB)
    assert config.webhook_secrets() == ("s3cret",)
    assert (config.port, config.excess()) == (8001, None)
    pipe.pop("PYTEST_CURRENT_TEST", None)
    assert pipe == {"PORT": "8001", "PGPASSWORD": "p"}


def test_a_process_by_itself_loads_from_its_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a supervisor it reads variables, which then leave the environment."""
    environ = {"GITHUB_APP_ID": "7", "GITHUB_WEBHOOK_SECRET": "s3cret", "BOT_DATA": str(tmp_path)}
    monkeypatch.setattr(os, "environ", environ)
    assert load_part(WEB).webhook_secrets() == ("s3cret",)
    environ.pop("PYTEST_CURRENT_TEST", None)
    assert environ == {"BOT_DATA": str(tmp_path)}


def test_a_board_on_parse_needs_no_mood_in_the_web_process() -> None:
    """A web process by itself does without the loop's application."""
    environ = {name: value for name, value in by_variables().items() if "MOOD" not in name}
    assert load(environ, part=WEB).board is not None
    with pytest.raises(ConfigError, match=r"board\.mood\.url"):
        load(environ, part=LOOP)


def excess_of(document: Mapping[str, Any], key: PrivateKey) -> str:
    """What a web process with this key is warned of."""
    environ = {"SECRET_KEY": key.reveal(), "GITHUB_APP_ID": "7"}
    config = load(environ, document, part=WEB)
    notice = config.excess()
    return f"{notice.detail} -> {notice.remedy}" if notice else ""


def test_a_key_that_opens_too_much_is_told_with_its_remedy() -> None:
    """The warning names what is too much, how it opens, and what to do; it opens nothing."""
    web, loop = PrivateKey.generate(), PrivateKey.generate()
    document: dict[str, Any] = {
        "keys": {"current": web.id, web.id: web.public.text, loop.id: loop.public.text},
        "github": {"private_key": loop.public.seal("github.private_key", "s3cret")},
    }
    assert excess_of(document, web) == ""
    assert excess_of(document, loop) == (
        "the web process can open what it does not use: github.private_key (by its key) "
        "-> give it the key of its part, which `rotate --parts` makes"
    )
    document["github"] = {"private_key": "in clear"}
    assert "github.private_key (in clear in config.toml) -> seal it" in excess_of(document, web)


FROM_STDIN = """
import os
from bot_deploy.config.handover import own_environment
from bot_deploy.config.keys import private_keys
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
print(*(key.id for key in private_keys(own_environment())), "SECRET_KEY_FILE" in os.environ)
"""


def test_a_key_on_standard_input_needs_no_readable_file(tmp_path: Path) -> None:
    """A key file that was opened by root reaches `start`, which could not open it itself."""
    key, path = PrivateKey.generate(), tmp_path / "secret.key"
    path.write_text(f"{key.reveal()}\n")
    path.chmod(0o400)
    with path.open() as file:
        done = subprocess.run(
            [sys.executable, "-c", FROM_STDIN],
            env={"SECRET_KEY_FILE": "/dev/stdin", "PATH": os.environ["PATH"]},
            stdin=file,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stdout.split() == [key.id, "False"], done.stderr
