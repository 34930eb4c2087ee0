"""The private keys that the environment gives."""

import logging
import os
from pathlib import Path

import pytest

from bot_deploy.config.keys import KeyFileError, KeyGivenTwiceError, private_keys
from luggage.crypto import NotAKey, PrivateKey

KEY = PrivateKey(b"1" * 32)
OTHER = PrivateKey(b"2" * 32)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """Return the path of a key file that only its owner can read."""
    path = tmp_path / "key"
    path.write_text(f"{KEY.reveal()}\n{OTHER.reveal()}\n")
    path.chmod(0o600)
    return path


def test_from_the_variable() -> None:
    """SECRET_KEY holds the key itself, or several."""
    keys = private_keys({"SECRET_KEY": f"{KEY.reveal()},{OTHER.reveal()}"})
    assert [key.id for key in keys] == [KEY.id, OTHER.id]


def test_from_the_file(key_file: Path) -> None:
    """SECRET_KEY_FILE names a file with a key on each line; an empty SECRET_KEY counts as unset."""
    keys = private_keys({"SECRET_KEY": "", "SECRET_KEY_FILE": str(key_file)})
    assert [key.id for key in keys] == [KEY.id, OTHER.id]


@pytest.mark.parametrize("environ", [{}, {"SECRET_KEY": "", "SECRET_KEY_FILE": ""}])
def test_none(environ: dict[str, str]) -> None:
    """Without either there are no keys, which is an error only when a value is opened."""
    assert private_keys(environ) == ()


def test_both(key_file: Path) -> None:
    """Both at once is an error: which one counts would be a guess."""
    with pytest.raises(KeyGivenTwiceError, match="unset one of them"):
        private_keys({"SECRET_KEY": KEY.reveal(), "SECRET_KEY_FILE": str(key_file)})


def test_not_a_key_in_the_variable() -> None:
    """What is no key is refused by the variable's name, without repeating it."""
    with pytest.raises(NotAKey, match=r"^SECRET_KEY is not a private key") as caught:
        private_keys({"SECRET_KEY": "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"hunter2", bytes(range(256)), b"\xff" * 100_000])
def test_not_a_key_in_the_file(key_file: Path, content: bytes) -> None:
    """What is no key, be it text or not, is refused by the file's name, without repeating it."""
    key_file.write_bytes(content)
    with pytest.raises(
        NotAKey, match=rf"^SECRET_KEY_FILE \({key_file}\) is not a private key"
    ) as caught:
        private_keys({"SECRET_KEY_FILE": str(key_file)})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "reason"), [("nowhere", "No such file or directory"), (".", "Is a directory")]
)
def test_unreadable(tmp_path: Path, path: str, reason: str) -> None:
    """A file that cannot be read is named with the reason and a remedy, in one line."""
    with pytest.raises(KeyFileError, match=rf"cannot be read \({reason}\): correct the path.*"):
        private_keys({"SECRET_KEY_FILE": str(tmp_path / path)})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o602])
def test_others_may_use_it(key_file: Path, mode: int) -> None:
    """A file of our own that others may read or write is refused, with the remedy."""
    key_file.chmod(mode)
    with pytest.raises(KeyFileError, match=rf"mode 0{mode:o}.*: run chmod 600 {key_file}"):
        private_keys({"SECRET_KEY_FILE": str(key_file)})


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700])
def test_only_ours(key_file: Path, mode: int, caplog: pytest.LogCaptureFixture) -> None:
    """A file that only its owner may use is taken without a word."""
    key_file.chmod(mode)
    assert (len(private_keys({"SECRET_KEY_FILE": str(key_file)})), caplog.records) == (2, [])


def test_a_read_only_mount(key_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A read-only file that others may read is taken with a warning, as containers mount such."""
    key_file.chmod(0o444)
    with caplog.at_level(logging.WARNING):
        assert len(private_keys({"SECRET_KEY_FILE": str(key_file)})) == 2
    assert "mode 0444" in caplog.text


def test_a_key_file_of_another_user_is_a_warning(
    key_file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of another user that all may read gives a warning: the bot cannot change its mode."""
    key_file.chmod(0o644)
    someone = os.geteuid() + 1
    monkeypatch.setattr("bot_deploy.config.keys.os.geteuid", lambda: someone)
    with caplog.at_level(logging.WARNING):
        assert len(private_keys({"SECRET_KEY_FILE": str(key_file)})) == 2
    assert "mode 0644" in caplog.text


def test_a_pipe() -> None:
    """The key may come through a pipe, as a shell's <(pass show key) gives it."""
    reader, writer = os.pipe()
    os.write(writer, KEY.reveal().encode())
    os.close(writer)
    try:
        assert len(private_keys({"SECRET_KEY_FILE": f"/dev/fd/{reader}"})) == 1
    finally:
        os.close(reader)
