"""Contract of each of the secrets' subcommands."""

import importlib
import os
from pathlib import Path

import pytest

from bot_deploy.config import load
from bot_deploy.config.secrets_file import config_to_write
from bot_deploy.config.sources import ConfigError
from luggage.crypto import SecretError
from tests.support.sealed import COMMANDS, SHIPPED, VALUE, Run, private_half, shown


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str, run: Run) -> None:
    """Each subcommand explains itself, with exit code 0."""
    result = run(name, "--help")
    assert (result.code, f"usage: python -m bot_deploy {name}" in result.out) == (0, True)


@pytest.mark.parametrize("name", COMMANDS)
def test_is_a_subcommand(name: str) -> None:
    """Each subcommand carries the marker and a summary of one line."""
    module = importlib.import_module(f"bot_deploy.{name}")
    assert (module.BOT_DEPLOY_MAIN_OK, module.SUMMARY.count("\n")) == (True, 0)


@pytest.mark.parametrize("name", ["keys", "secrets_file"])
def test_is_no_subcommand(name: str) -> None:
    """What the subcommands share is none of them."""
    assert not hasattr(importlib.import_module(f"bot_deploy.config.{name}"), "BOT_DEPLOY_MAIN_OK")


@pytest.mark.parametrize("name", COMMANDS)
def test_wrong_usage(name: str, run: Run) -> None:
    """An argument too many ends with exit code 2, and is not repeated: it may be a secret."""
    result = run(name, "github.app_id", "--value", VALUE)
    assert (result.code, VALUE in shown(result)) == (2, False)


@pytest.mark.parametrize(
    "arguments",
    [
        ["encrypt", "github.app_id", "--config", "nowhere.toml"],
        ["decrypt", "github.app_id", "--config", "nowhere.toml"],
        ["list", "--config", "nowhere.toml"],
        ["rotate", "--config", "nowhere.toml"],
        ["check", "--config", "nowhere.toml"],
        ["textconv", "nowhere.toml"],
        ["check", "--key-file", "nowhere.toml"],
        ["encrypt", "github.app_id", "--file", "nowhere.toml", "--config", "config.toml"],
    ],
    ids=" ".join,
)
def test_missing_files(arguments: list[str], config: Path, run: Run) -> None:
    """A file that is not there ends with exit code 1 and one line on stderr that names it."""
    result = run(*arguments)
    line = f"python -m bot_deploy {arguments[0]}: "
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith(line)
    assert "nowhere.toml" in result.err


@pytest.mark.parametrize("name", ["keygen", "list", "rotate", "check", "decrypt", "encrypt"])
@pytest.mark.parametrize("content", [b"<<<<<<< mine\n", b"a = '\xff'\n"])
def test_broken_config(name: str, content: bytes, run: Run) -> None:
    """A config.toml that is not valid TOML, or not UTF-8, ends in one line that says so."""
    Path("broken.toml").write_bytes(content)
    arguments = ["github.app_id"] if name in ("decrypt", "encrypt") else []
    result = run(name, *arguments, "--config", "broken.toml")
    assert (result.code, result.err.count("\n"), "fix it by hand" in result.err) == (1, 1, True)


def test_the_shipped_config_is_found(run: Run) -> None:
    """Reading needs no option: the config.toml beside the code is meant."""
    assert "invite.message" in run("list").out


@pytest.mark.parametrize("data", ["var", "elsewhere"])
def test_the_operators_files_lie_with_the_data(
    data: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no option and no variable, all subcommands and the bot find config.toml and its key."""
    monkeypatch.setenv("BOT_DATA", data)
    before = SHIPPED.read_bytes()
    assert run("keygen").code == 0
    for name in ("github.app_id", "github.private_key", "github.webhook_secrets"):
        assert run("encrypt", name, stdin=b"1234").code == 0
    assert run("decrypt", "github.app_id").out == "1234\n"
    assert load(os.environ).needed_app().webhook_secrets() == ("1234",)
    assert Path(data).stat().st_mode & 0o777 == 0o700
    assert Path(data, "secret.key").stat().st_mode & 0o777 == 0o600
    assert run("rotate").code == 0
    assert run("decrypt", "github.app_id").code == 1
    Path(data, "secret.key.new").replace(Path(data, "secret.key"))
    assert run("decrypt", "github.app_id").code == 0
    assert sorted(Path().iterdir()) == [Path(data)]
    assert SHIPPED.read_bytes() == before


def test_a_process_that_got_its_secrets_leaves_the_key_alone(run: Run) -> None:
    """`start` gives each process what it uses: it does not read a key that lies around."""
    assert run("keygen").code == 0
    assert run("encrypt", "github.app_id", stdin=b"1234").code == 0
    Path("var/secret.key").write_text("no key")
    with pytest.raises(SecretError, match=r"var/secret\.key"):
        load(os.environ)
    assert load(os.environ, part="web", opened={"github.app_id": ["1"]}).needed_app().app_id == "1"


@pytest.mark.parametrize("pex", [True, False])
@pytest.mark.parametrize("used", [True, False])
def test_a_checkout_with_keys_of_its_own_keeps_them(
    pex: bool, used: bool, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A config.toml that an earlier release sealed secrets into stays the one that is written."""
    here = (tmp_path / "pex" if pex else tmp_path) / "bot_deploy"
    monkeypatch.setattr("bot_deploy.config.secrets_file._HERE", here)
    own = Path("bot_deploy", "config.toml")
    for package in (here, own.parent):
        package.mkdir(parents=True, exist_ok=True)
        Path(package, "config.toml").write_text(SHIPPED.read_text())
    Path("setup.py").touch()
    if used:
        assert run("keygen", "--config", str(own)).code == 0
    place = config_to_write(None)
    assert place.resolve() == (own if used else Path("var", "config.toml")).resolve()
    # The second key of a pair goes where the first one is.
    assert run("keygen", "--add", "--private-key", "added.key").code == 0
    assert place.exists()
    Path("var").mkdir(exist_ok=True)
    Path("var/config.toml").touch()
    assert config_to_write(None) == Path("var/config.toml")


def test_an_installed_bot_keeps_its_secrets_in_a_file_that_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`keygen` makes the file that BOT_CONFIG names; the other subcommands and the bot read it."""
    monkeypatch.setattr("bot_deploy.config.secrets_file._HERE", SHIPPED.parent)
    monkeypatch.setenv("BOT_CONFIG", "mine.toml")
    before = SHIPPED.read_bytes()
    missing = run("encrypt", "github.app_id", stdin=b"1234")
    assert missing.code == 1
    assert "mine.toml does not exist: name another, or run `keygen`" in missing.err
    with pytest.raises(ConfigError, match=r"mine\.toml does not exist"):
        load(os.environ)
    assert run("keygen").code == 0
    assert run("encrypt", "github.app_id", stdin=b"1234").code == 0
    assert "github.app_id" in run("list").out
    assert Path("mine.toml").stat().st_mode & 0o777 == 0o644
    key = Path("secret.key").read_text()
    for name in ("github.private_key", "github.webhook_secrets"):
        assert run("encrypt", name, stdin=b"x").code == 0
    assert load({**os.environ, "SECRET_KEY": key}).needed_app().app_id == "1234"
    assert SHIPPED.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<<<<", "is not valid TOML"),
        (b"a = '\xff'", "is not valid TOML .it is not UTF-8"),
        (None, "cannot be read"),
    ],
)
def test_a_named_config_that_cannot_be_used(
    content: bytes | None, problem: str, tmp_path: Path
) -> None:
    """The bot says which file, and what is wrong with it."""
    named = tmp_path / "named.toml"
    if content is None:
        named.mkdir()
    else:
        named.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"named.toml(:1:\d+: it)? {problem}"):
        load({"BOT_CONFIG": str(named)})


def test_no_output_shows_a_secret(full: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """No subcommand but decrypt, whether it succeeds or fails, shows a value or a key."""
    monkeypatch.setenv("SECRET_KEY", private_half().reveal())
    runs = [
        ["list"],
        ["check"],
        ["keygen"],
        ["encrypt", "sentry.dsn"],
        ["encrypt", "github.webhook_secrets"],
        ["encrypt", "github.nothing"],
        ["decrypt", "github.nothing"],
        ["rotate"],
        ["check"],
        ["decrypt", "github.app_id"],
    ]
    results = [run(*words, "--config", str(full), stdin=VALUE.encode()) for words in runs]
    everything = "".join(map(shown, results))
    assert [secret for secret in (VALUE, "luggage_private_") if secret in everything] == []


def test_no_file_shows_a_secret(full: Path, run: Run) -> None:
    """Of all files around, only the key files hold a private half, and none holds a value."""
    run("rotate", "--config", str(full), "--key-file", "secret.key")
    texts = {path.name: path.read_text() for path in Path().iterdir()}
    assert sorted(name for name, text in texts.items() if "luggage_private_" in text) == [
        "secret.key",
        "secret.key.new",
    ]
    assert not any(VALUE in text for text in texts.values())
