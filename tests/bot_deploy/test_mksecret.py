"""`mksecret`: files with secrets."""

import io
import os
import re
import stat
import subprocess
import sys

import pytest

from bot_deploy import mksecret
from bot_deploy.config.private_file import make_private
from tests.support.running import ROOT


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def _umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def given(monkeypatch, content: bytes) -> None:
    """Give `content` on stdin."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.usefixtures("_umask")
def test_only_its_owner_can_read_it(tmp_path):
    """The mode is 0600, that of a new directory 0700, whatever the umask; each secret differs."""
    first, second = tmp_path / "secrets" / "one", tmp_path / "secret.two"
    os.umask(os.umask(0) & 0o077)  # the owner's own bits would lock the directory
    assert [mksecret.main(["mksecret", str(path)]) for path in (first, second)] == [0, 0]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (first, second)} == {0o600}
    assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700
    texts = [path.read_text() for path in (first, second)]
    assert all(re.fullmatch("[0-9a-f]{64}\n", text) for text in texts)
    assert texts[0] != texts[1]


@pytest.mark.parametrize("content", [b"a\nb\n", b"\xff\x00", b"no line end"])
def test_what_is_given_is_kept_byte_for_byte(content, tmp_path, monkeypatch):
    """With --read the file holds what stdin gave."""
    given(monkeypatch, content)
    assert mksecret.main(["mksecret", str(tmp_path / "secret.x"), "--read"]) == 0
    assert (tmp_path / "secret.x").read_bytes() == content


def test_a_typed_secret_is_not_shown(tmp_path, monkeypatch, capsys):
    """At a terminal it prompts, and shows nothing of the secret."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(mksecret.getpass, "getpass", lambda _prompt: "hunter2")
    assert mksecret.main(["mksecret", str(tmp_path / "secret.x"), "--read"]) == 0
    assert (tmp_path / "secret.x").read_text() == "hunter2"
    assert "hunter2" not in "".join(capsys.readouterr())


def test_a_file_is_never_overwritten(tmp_path, capsys):
    """A file that exists stays, with one line on stderr and exit code 1."""
    path = tmp_path / "secret.x"
    path.write_text("old")
    assert mksecret.main(["mksecret", str(path)]) == 1
    assert "never overwritten" in capsys.readouterr().err
    assert path.read_text() == "old"


@pytest.mark.parametrize("content", [b"", b"\n", b"  \n"])
def test_an_empty_secret_is_refused(content, tmp_path, monkeypatch, capsys):
    """Nothing is written for an empty stdin, such as that of a failed command."""
    given(monkeypatch, content)
    assert mksecret.main(["mksecret", str(tmp_path / "secret.x"), "--read"]) == 1
    assert "empty" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_a_failure_leaves_no_part(tmp_path, monkeypatch):
    """If the disk is full, no half a secret stays."""

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        make_private(tmp_path / "secret.x", b"x")
    assert not any(tmp_path.iterdir())


def test_it_needs_nothing_installed(tmp_path):
    """A bare Python runs it from a checkout: a host may have only Docker."""
    script = (
        f"import runpy, sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv = ['x', 'secret.x']; "
        "runpy.run_module('bot_deploy.mksecret', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "secret.x").read_text()) == 65
