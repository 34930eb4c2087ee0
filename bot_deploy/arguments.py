"""Command lines: the program's name, the parser, and types of arguments."""

import argparse
import math
import os
import shlex
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SCRIPT = "portmanteau"
_MODULE = "python -m bot_deploy"
_LAST_PORT = 65535
_SLOW_SECONDS = 2.0


def progress(line: str) -> None:
    """Print a line about a step of long work."""
    print(f"- {line}", flush=True)


@contextmanager
def said_if_slow(step: str) -> Iterator[None]:
    """Print a line on stderr if the block takes more than two seconds; stdout may be JSON."""
    timer = threading.Timer(_SLOW_SECONDS, _say_step, [step])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _say_step(step: str) -> None:
    print(f"- {step}", file=sys.stderr, flush=True)


def program() -> str:
    """Return the words that run this program, as they were typed: a script, a pex, or `-m`.

    All usage lines, errors and remedies use it.
    """
    pex = os.environ.get("PEX", "")
    # Programs that are run from a pex inherit its variable; only the pex itself has this file.
    if pex and Path(sys.prefix, "PEX-INFO").exists():
        return _typed(pex)
    if Path(sys.argv[0]).resolve().name == SCRIPT:
        return _typed(sys.argv[0])
    return _MODULE


def _typed(path: str) -> str:
    """Return the shortest words that run the file at `path` from a shell here."""
    folder, name = os.path.split(path)
    on_path = shutil.which(name)
    if on_path and Path(on_path).absolute() == Path(path).absolute():
        return shlex.quote(name)
    return shlex.quote(f"./{name}" if Path(folder).absolute() == Path.cwd() else path)


class _Described(Exception):  # noqa: N818  no error: it carries the parser
    """The parser of a subcommand, for `describe`."""


_describing: ContextVar[bool] = ContextVar("describing", default=False)


class Parser(argparse.ArgumentParser):
    """A parser that `describe` gets without running the subcommand."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as argparse does; raises _Described under `describe`."""
        if _describing.get():
            raise _Described(self)
        return super().parse_known_args(args, namespace)


def describe(main: Callable[[list[str]], object], name: str) -> argparse.ArgumentParser:
    """Return the parser of a subcommand whose `main` parses its arguments first.

    Raises TypeError if it has no parser.
    """
    token = _describing.set(True)
    try:
        main([name])
    except _Described as described:
        parser: argparse.ArgumentParser = described.args[0]
        return parser
    finally:
        _describing.reset(token)
    raise TypeError(f"{name} does not parse its arguments")


CONFIG_HELP = "config.toml to use (default: BOT_CONFIG, or config.toml in the data directory)"


class _ConfigOption(argparse.Action):
    """--config: sets BOT_CONFIG for this process and its children."""

    def __call__(self, _parser: Any, _options: Any, values: Any, _option: Any = None) -> None:
        """Set the variable."""
        os.environ["BOT_CONFIG"] = values


def subcommand_parser(
    argv: list[str], description: str, *, epilog: str = "", config: bool = True
) -> argparse.ArgumentParser:
    """Return a parser for the subcommand argv[0], named as the operator typed it.

    With `config` it has the option --config, for a subcommand that reads the settings.
    """
    name = f"{program()} {argv[0]}"
    parser = Parser(prog=name, description=description, epilog=epilog or None)
    if config:
        parser.add_argument(
            "--config",
            action=_ConfigOption,
            default=argparse.SUPPRESS,
            metavar="PATH",
            help=CONFIG_HELP,
        )
    return parser


def no_options(argv: list[str], description: str) -> None:
    """Parse the arguments of a subcommand without options of its own; exit code 2 for others."""
    subcommand_parser(argv, description).parse_args(argv[1:])


def whole_number(text: str) -> int:
    """Return a whole number of at least 1. Raises ArgumentTypeError for other text."""
    if not (text.isascii() and text.isdecimal()) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)


def port_number(text: str) -> int:
    """Return a port; 0 asks for a free one. Raises ArgumentTypeError for other text."""
    if not (text.isascii() and text.isdecimal()) or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"must be a port from 0 to 65535, not {text!r}")
    return int(text)


def seconds(text: str) -> float:
    """Return a number of seconds, 0 or more. Raises ArgumentTypeError for other text."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0.0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of seconds, 0 or more, not {text!r}")
    return number


def address(text: str) -> str:
    """Return an http(s) address to append paths to. Raises ArgumentTypeError for other text."""
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    if not (parts.scheme in {"http", "https"} and parts.hostname and plain):
        raise argparse.ArgumentTypeError(f"must look like https://bot.example.org, not {text!r}")
    return text
