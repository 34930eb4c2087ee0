"""A directory with a config.toml and a key, and a way to run subcommands there."""

import io
import sys
from pathlib import Path

import pytest

from bot_deploy.__main__ import main
from bot_deploy.config.sources import KNOWN
from luggage.fake_github import FakeGithub
from tests.support.sealed import SHIPPED, VALUE, Result, Run

PRIVATE_KEY = FakeGithub().private_key


class Terminal(io.TextIOWrapper):
    """A standard input that claims to be a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a subcommand in an empty directory, with no settings around."""
    monkeypatch.chdir(tmp_path)
    for setting in KNOWN.values():
        monkeypatch.delenv(setting.variable, raising=False)
        monkeypatch.delenv(f"{setting.variable}_FILE", raising=False)
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.delenv("SECRET_KEY_FILE", raising=False)

    def run(name: str, *arguments: str, stdin: bytes = b"", terminal: bool = False) -> Result:
        kind = Terminal if terminal else io.TextIOWrapper
        monkeypatch.setattr(sys, "stdin", kind(io.BytesIO(stdin)))
        capsys.readouterr()
        try:
            code = main(["bot_deploy", name, *arguments], {})
        except SystemExit as end:
            code = int(end.code or 0)
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture
def config(tmp_path: Path, run: Run) -> Path:
    """Return the path of a config.toml as shipped, with a key pair; secret.key is beside it."""
    path = tmp_path / "config.toml"
    path.write_text(SHIPPED.read_text())
    assert run("keygen", "--config", str(path)).code == 0
    return path


@pytest.fixture
def full(config: Path, run: Run) -> Path:
    """Return the path of a config.toml with all that the bot needs, sealed."""
    for name in ("github.app_id", "github.private_key", "github.webhook_secrets"):
        value = PRIVATE_KEY if name == "github.private_key" else VALUE
        assert run("encrypt", name, "--config", str(config), stdin=value.encode()).code == 0
    return config
