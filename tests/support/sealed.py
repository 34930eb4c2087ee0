"""Helpers for tests of sealed secrets: run subcommands and inspect the results."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bot_deploy
from luggage.crypto import PrivateKey, open_secrets, parse_private_keys

COMMANDS = ["keygen", "encrypt", "decrypt", "list", "rotate", "check", "textconv"]
VALUE = "hunter2-is-my-value"
SHIPPED = Path(bot_deploy.__file__).with_name("config.toml")


@dataclass(frozen=True)
class Result:
    """The result of a subcommand: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


def shown(result: Result) -> str:
    """Return everything that a result prints."""
    return result.out + result.err


def private_half(path: str = "secret.key") -> PrivateKey:
    """Return the key in a file of the current directory."""
    return parse_private_keys(Path(path).read_text())[0]


def plain(config: Path, name: str, key: str = "secret.key") -> tuple[str, ...]:
    """Return the values under `name`, opened with the key in the file `key`."""
    document = tomllib.loads(config.read_text())
    return open_secrets(document, [private_half(key)])[name].reveal_all()
