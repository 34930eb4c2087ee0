"""Sealing values and opening them: `encrypt` and `decrypt`."""

import stat
from pathlib import Path

import pytest

from bot_deploy.config.sources import KNOWN
from tests.support.odd import ODD, ODD_IN_FILES
from tests.support.sealed import SHIPPED, VALUE, Run, plain, private_half, shown

PEM = "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (b"hunter2", "hunter2"),
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b" hunter2 \n\n", " hunter2 \n"),
        ("hünter2".encode(), "hünter2"),
    ],
)
def test_encrypt_from_stdin(given: bytes, kept: str, config: Path, run: Run) -> None:
    """A value from stdin is sealed as it is, but for one line end at its end."""
    result = run("encrypt", "sentry.dsn", "--config", str(config), stdin=given)
    assert (result.code, plain(config, "sentry.dsn")) == (0, (kept,))


@pytest.mark.parametrize("name", ["github.webhook_secrets", "github.client_secret"])
def test_any_text_can_be_sealed(name: str, config: Path, run: Run) -> None:
    """From stdin and from a file, by whatever editor; a rotation keeps it, `check` opens it."""
    key, rest = "secret.key", ("--config", str(config))
    for number, value in enumerate(ODD_IN_FILES.values()):
        how = ["--replace"] if KNOWN[name].is_list and number else []
        if number % 2:
            Path("an odd name").write_bytes(b"\xef\xbb\xbf" + value.encode() + b"\r\n")
            result = run("encrypt", name, *how, "--file", "an odd name", *rest)
        else:
            result = run("encrypt", name, *how, *rest, stdin=value.encode() + b"\r\n")
        assert (result.code, plain(config, name, key)) == (0, (value,)), value
        decrypted = run("decrypt", name, *rest, "--key-file", key)
        assert (decrypted.code, decrypted.out) == (0, f"{value}\n")
        assert len(value) < 20 or value not in shown(result)
    run("rotate", *rest, "--key-file", key)
    assert plain(config, name, f"{key}.new") == (value,)
    assert f"{name}: opens" in run("check", *rest, "--key-file", f"{key}.new").out


def test_a_list_keeps_odd_texts_apart(config: Path, run: Run) -> None:
    """However many there are, each is one."""
    for value in ODD.values():
        raw = f"{value}\n".encode()
        options = ["--append", "--config", str(config)]
        assert run("encrypt", "github.webhook_secrets", *options, stdin=raw).code == 0
    expected = tuple(value.removesuffix("\r") for value in ODD.values())
    assert plain(config, "github.webhook_secrets") == expected


def test_encrypt_from_a_file(config: Path, run: Run) -> None:
    """A private key of many lines comes from a file, and comes back as it was."""
    Path("a.pem").write_text(PEM)
    run("encrypt", "github.private_key", "--file", "a.pem", "--config", str(config))
    result = run(
        "decrypt", "github.private_key", "--config", str(config), "--key-file", "secret.key"
    )
    assert (result.code, result.out) == (0, PEM)


@pytest.mark.parametrize("given", [b"", b"\n", b"\xff\xfehunter2"])
def test_encrypt_refuses(given: bytes, config: Path, run: Run) -> None:
    """An empty value, or one that is no text, is refused without repeating it."""
    before = config.read_text()
    result = run("encrypt", "sentry.dsn", "--config", str(config), stdin=given)
    assert (result.code, "hunter2" in result.err, config.read_text()) == (1, False, before)


def test_encrypt_unknown_name(config: Path, run: Run) -> None:
    """A name that is not known is refused with those that are, before any value is read."""
    result = run("encrypt", "github.privatekey", "--config", str(config), stdin=VALUE.encode())
    assert result.code == 1
    assert "github.private_key, github.receive, github.user_agent" in result.err
    assert "invite.message" in result.err


def test_encrypt_new_name(config: Path, run: Run) -> None:
    """Told so, a new name is made, with its section."""
    run("encrypt", "parse.master_key", "--new", "--config", str(config), stdin=VALUE.encode())
    assert plain(config, "parse.master_key") == (VALUE,)


def test_encrypt_changes_its_place_alone(config: Path, run: Run) -> None:
    """The commented example becomes the value; all other lines stay."""
    before = config.read_text().splitlines()
    run("encrypt", "sentry.dsn", "--config", str(config), stdin=VALUE.encode())
    after = config.read_text().splitlines()
    place = before.index('# dsn = "sealed:..."')
    assert after.pop(place).startswith('dsn = "sealed:')
    assert after == before[:place] + before[place + 1 :]


def test_encrypt_keeps_mode_and_link(config: Path, run: Run) -> None:
    """The file keeps its mode, and a symbolic link to it stays a link."""
    config.chmod(0o640)
    Path("link.toml").symlink_to(config)
    run("encrypt", "sentry.dsn", "--config", "link.toml", stdin=VALUE.encode())
    assert (stat.S_IMODE(config.stat().st_mode), Path("link.toml").is_symlink()) == (0o640, True)
    assert plain(config, "sentry.dsn") == (VALUE,)


def test_encrypt_without_a_pair(config: Path, run: Run) -> None:
    """Without a public key nothing is sealed, and keygen is pointed at."""
    config.write_text(SHIPPED.read_text())
    result = run("encrypt", "sentry.dsn", "--config", str(config), stdin=VALUE.encode())
    assert (result.code, "`keygen`" in result.err) == (1, True)


def test_webhook_secrets_are_a_list(config: Path, run: Run) -> None:
    """The first webhook secret makes a list, and a second is added to it."""
    for how in ([], ["--append"]):
        run("encrypt", "github.webhook_secrets", *how, "--config", str(config), stdin=b"x")
    assert plain(config, "github.webhook_secrets") == ("x", "x")


def test_a_list_wants_to_be_told(full: Path, run: Run) -> None:
    """A list that has a value is not changed without a word on how."""
    before = full.read_text()
    result = run("encrypt", "github.webhook_secrets", "--config", str(full), stdin=b"x")
    assert (result.code, "--append" in result.err, full.read_text()) == (1, True, before)


def test_a_list_is_replaced(full: Path, run: Run) -> None:
    """A list can be replaced by one value."""
    run("encrypt", "github.webhook_secrets", "--replace", "--config", str(full), stdin=b"x")
    assert plain(full, "github.webhook_secrets") == ("x",)


def test_decrypt_with_the_environment(
    full: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key of the environment opens values, and is not shown."""
    monkeypatch.setenv("SECRET_KEY", private_half().reveal())
    result = run("decrypt", "github.webhook_secrets", "--config", str(full))
    assert (result.code, shown(result)) == (0, f"{VALUE}\n")


def test_decrypt_unknown_name(full: Path, run: Run) -> None:
    """A name that is not there is answered with those that are."""
    result = run("decrypt", "github.nothing", "--config", str(full))
    assert (result.code, "which has: github.app_id, github.private_key" in result.err) == (1, True)


def test_decrypt_without_a_key(full: Path, run: Run) -> None:
    """Without a key, a value stays closed, and the line says how to give one."""
    full.with_name("secret.key").unlink()
    result = run("decrypt", "github.app_id", "--config", str(full))
    assert (result.code, result.out, "set SECRET_KEY_FILE" in result.err) == (1, "", True)
