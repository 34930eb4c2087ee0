"""Each setting x each odd value: it arrives as it is, or is refused on a line that names it."""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import tomlkit

from bot_deploy.config import Config, load
from bot_deploy.config.files import ConfigFile
from bot_deploy.config.keys import private_keys
from bot_deploy.config.sources import KNOWN, ConfigError, require_texts
from bot_deploy.move import variables
from luggage.crypto import SecretError
from luggage.database import DatabaseUrlError, open_engine
from tests.support.odd import ODD, ODD_IN_FILES

REFERENCE = Path(__file__).parents[2] / "docs" / "reference.md"
APP = {"GITHUB_APP_ID": "7", "GITHUB_PRIVATE_KEY": "-", "GITHUB_WEBHOOK_SECRET": "s"}
PARSE = {
    f"PARSE_{board}_{what}": "https://parse.example/parse" if what == "URL" else "x"
    for board in ("LINES", "MOOD")
    for what in ("URL", "APPLICATION_ID", "REST_KEY")
}
BASE = APP | PARSE | {"BOT_BOARD": "parse", "GITHUB_CLIENT_SECRET": "x"}

# In config.toml, what begins with "sealed:" is sealed.
PLAIN = {what: value for what, value in ODD.items() if what != "as if sealed"}

Read = Callable[[Config], object]

# Where each setting is used: what arrives there.
USED: Mapping[str, Read] = {
    "GITHUB_APP_ID": lambda config: config.needed_app().app_id,
    "GITHUB_PRIVATE_KEY": lambda config: config.needed_app().private_key(),
    "GITHUB_WEBHOOK_SECRET": lambda config: (config.webhook_secrets() or ())[0],
    "GITHUB_WEBHOOK_SECRET_OLD": lambda config: (config.webhook_secrets() or ())[-1],
    "GITHUB_USER_AGENT": lambda config: config.needed_app().user_agent,
    "GITHUB_CLIENT_ID": lambda config: config.needed_app().client_id,
    "GITHUB_CLIENT_SECRET": lambda config: config.needed_app().client_secret(),
    "BOT_CONSOLE_ORGANIZATIONS": lambda config: " ".join(config.needed_app().organizations),
    "BOT_TRUSTED_PROXIES": lambda config: " ".join(map(str, config.trusted_proxies)),
    "DATABASE_URL": lambda config: config.database_url,
    "BOT_DATA": lambda config: str(config.data),
    "PORT": lambda config: config.port,
    "GITHUB_API_URL": lambda config: config.api_url,
    "GITHUB_SERVER_URL": lambda config: config.server_url,
    "REQUESTS_CA_BUNDLE": lambda config: config.ca_bundle,
    "BOT_RECEIVE": lambda config: config.receive,
    "BOT_HOST": lambda config: config.host,
    "BOT_POLL_SECONDS": lambda config: config.poll_seconds,
    "BOT_WRITE_LIMITS": lambda config: config.write_limits,
    "BOT_RULES": lambda config: config.rules[-1].name,
    "BOT_SETTLE_SECONDS": lambda config: config.settle_seconds,
    "SENTRY_DSN": lambda config: config.sentry_dsn,
    "BOT_METRICS_TOKEN": lambda config: config.metrics_token(),
    "BOT_BOARD": lambda config: "parse" if config.board else "database",
    "LOG_FORMAT": lambda config: config.log_format,
    "PARSE_LINES_URL": lambda config: config.board and config.board.lines().url,
    "PARSE_LINES_APPLICATION_ID": lambda c: c.board and c.board.lines().application_id,
    "PARSE_LINES_REST_KEY": lambda config: config.board and config.board.lines().rest_key,
    "PARSE_MOOD_URL": lambda config: config.board and config.board.mood().url,
    "PARSE_MOOD_APPLICATION_ID": lambda c: c.board and c.board.mood().application_id,
    "PARSE_MOOD_REST_KEY": lambda config: config.board and config.board.mood().rest_key,
}
# What is used elsewhere than in `Config`.
ELSEWHERE = {"BOT_CONFIG", "MOVE_TO", "SECRET_KEY", "SECRET_KEY_FILE"}
# Whatever text it is: never refused.
ANY_TEXT = {
    "GITHUB_PRIVATE_KEY",  # by `load`; `start` looks whether it is a key
    "GITHUB_WEBHOOK_SECRET",
    "GITHUB_WEBHOOK_SECRET_OLD",
    "GITHUB_CLIENT_SECRET",
}
# Where an odd value has a meaning of its own.
MEANT = {("SENTRY_DSN", "off"): "", ("PORT", "0042"): 42}
# In which white space means nothing, or separates.
WORDS = {"GITHUB_APP_ID", "GITHUB_CLIENT_ID", "BOT_CONSOLE_ORGANIZATIONS", "BOT_TRUSTED_PROXIES"}
NUMBERS = {"BOT_SETTLE_SECONDS", "BOT_POLL_SECONDS"}


def outcome(name: str, environ: Mapping[str, str], document: Mapping[str, Any]) -> object:
    """What arrives of a setting where it is used, or the ConfigError."""
    try:
        return USED[name](load(environ, document))
    except ConfigError as error:
        return error


def judge(name: str, value: str, found: object, said: str) -> None:
    """Fail unless the value arrived, or was refused in words that name it."""
    if isinstance(found, ConfigError):
        assert name not in ANY_TEXT, found
        assert said in str(found)
        assert len(str(found)) < 1500
        assert "".join(str(found).splitlines()) == str(found)
    elif (name, value) in MEANT:
        assert found == MEANT[name, value]
    elif name in NUMBERS:
        assert isinstance(found, float)
        assert found == float(value)
    elif name in WORDS:
        assert str(found).split() == value.split()
    elif name == "BOT_DATA":
        assert found == str(Path(value))
    else:
        assert found == value


def test_each_variable_is_swept() -> None:
    """The sweep covers each variable in docs/reference.md."""
    section = REFERENCE.read_text().split("## Settings in config.toml")[0]
    told = set(re.findall(r"^\| `([A-Z_]+)`", section, re.MULTILINE))
    assert told == USED.keys() | ELSEWHERE


# Not a test for each value: there are two thousand.


@pytest.mark.parametrize("name", USED)
def test_a_variable_arrives_or_is_refused(name: str) -> None:
    """Each odd value in a variable arrives or is refused."""
    for value in ODD.values():
        judge(name, value, outcome(name, BASE | {name: value}, {}), name)


@pytest.mark.parametrize("name", sorted(USED.keys() - {"BOT_DATA", "REQUESTS_CA_BUNDLE"}))
def test_a_file_arrives_or_is_refused(name: str, tmp_path: Path) -> None:
    """Each odd value in a file arrives or is refused."""
    path = tmp_path / "a b,c%20?#é.txt"
    environ = {each: BASE[each] for each in BASE if each != name} | {f"{name}_FILE": str(path)}
    for value in ODD_IN_FILES.values():
        path.write_bytes(value.encode())
        judge(name, value, outcome(name, environ, {}), name)


@pytest.mark.parametrize("name", KNOWN)
def test_a_value_of_config_toml_arrives_or_is_refused(name: str) -> None:
    """Each odd value in config.toml arrives or is refused."""
    setting = KNOWN[name]
    environ = {each: BASE[each] for each in BASE if each != setting.variable}
    for value in PLAIN.values():
        content: Any = [value] if setting.is_list else value
        for part in reversed(name.split(".")):
            content = {part: content}
        document = tomllib.loads(tomlkit.dumps(content))
        judge(setting.variable, value, outcome(setting.variable, environ, document), name)


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_a_line_end_and_a_byte_order_mark_are_dropped(value: str, tmp_path: Path) -> None:
    """One line end at the end, of whatever system, and a byte order mark at a file's beginning."""
    value = value.rstrip("\r")
    path = tmp_path / "secret"
    read = USED["GITHUB_WEBHOOK_SECRET"]
    from_file = BASE | {"GITHUB_WEBHOOK_SECRET": "", "GITHUB_WEBHOOK_SECRET_FILE": f"{path}\n"}
    for beginning in ("", "\ufeff"):
        for ending in ("", "\n", "\r\n"):
            path.write_bytes(f"{beginning}{value}{ending}".encode())
            assert read(load(from_file, {})) == value
            assert read(load(BASE | {"GITHUB_WEBHOOK_SECRET": value + ending}, {})) == value
    path.write_bytes(f"{value}\n\n".encode())
    assert read(load(from_file, {})) == f"{value}\n"


@pytest.mark.parametrize("value", [True, 1.10, [[]], {"a": "b"}, 7])
@pytest.mark.parametrize("name", KNOWN)
def test_a_value_in_config_toml_must_be_a_text(name: str, value: object) -> None:
    """Python's words for it (True, 1.1) are not what was typed; an id may be a number."""
    section, key = name.rsplit(".", 1)
    content: Any = {key: value}
    for part in reversed(section.split(".")):
        content = {part: content}
    if name == "github.app_id" and value == 7:
        require_texts(ConfigFile(values=content))
        return
    with pytest.raises(ConfigError, match=re.escape(f"config.toml: {name} must be")):
        load(BASE, content)


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_a_key_that_is_none_is_refused_without_a_word_of_it(value: str, tmp_path: Path) -> None:
    """SECRET_KEY and SECRET_KEY_FILE have a form of their own."""
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_bytes(value.encode())
    for name, content in (("SECRET_KEY", value), ("SECRET_KEY_FILE", str(path))):
        with pytest.raises(SecretError) as raised:
            private_keys({name: content})
        assert name in str(raised.value)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_move_to_is_an_address(value: str) -> None:
    """MOVE_TO is an address like DATABASE_URL."""
    assert variables({"MOVE_TO": value}).text("MOVE_TO") == value


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_an_address_of_a_database_is_used_or_refused_without_a_word_of_it(value: str) -> None:
    """Each odd database address is used or refused without its password."""
    said = ""
    try:
        open_engine(value).dispose()
    except DatabaseUrlError as error:
        said = str(error)
    assert value not in said
    assert "\n" not in said


@pytest.mark.parametrize("name", sorted(USED))
def test_bytes_that_are_not_utf_8_are_refused(name: str, tmp_path: Path) -> None:
    """The error for bytes that are not UTF-8 names the variable, not the bytes."""
    raw = b"hush\xff"
    path = tmp_path / "file"
    path.write_bytes(raw)
    for environ in ({name: os.fsdecode(raw)}, {f"{name}_FILE": str(path)}):
        rest = {each: BASE[each] for each in BASE if each != name}
        with pytest.raises(ConfigError, match="not UTF-8") as raised:
            USED[name](load(rest | environ, {}))
        assert name in str(raised.value)
        assert "hush" not in str(raised.value)


ODD_NAMES = [name for name in ODD.values() if len(name) < 200 and "/" not in name]


@pytest.mark.parametrize("name", [*ODD_NAMES, "a?b", "file:x", ":memory:", "x" * 200])
def test_a_data_directory_may_be_called_anything(name: str, tmp_path: Path) -> None:
    """The database is made in a directory of any name."""
    data = tmp_path / "below" / "it" / name
    data.mkdir(parents=True)
    config = load({"BOT_DATA": str(data)}, {})
    engine = open_engine(config.database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE x (y)")
    engine.dispose()
    assert (config.data, (data / "bot.sqlite").is_file()) == (data, True)
    assert [each for each in tmp_path.rglob("bot.sqlite") if each.parent != data] == []


@pytest.mark.parametrize("name", [*ODD_NAMES, "a?b"])
def test_a_file_of_certificates_may_be_called_anything(name: str, tmp_path: Path) -> None:
    """REQUESTS_CA_BUNDLE may be any existing path."""
    path = tmp_path / name
    path.touch()
    assert load({"REQUESTS_CA_BUNDLE": str(path)}, {}).ca_bundle == str(path)


@pytest.mark.parametrize("password", ODD.values(), ids=ODD)
def test_a_password_arrives_in_the_address_of_a_database(password: str) -> None:
    """Percent-encoded, as docs/reference.md says."""
    url = f"postgresql://bot:{quote(password, safe='')}@host/bot"
    engine = open_engine(load({"DATABASE_URL": url}, {}).database_url)
    assert engine.url.password == password
