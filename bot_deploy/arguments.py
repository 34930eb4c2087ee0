"""Command lines: the program's name, a parser, and types of arguments. Not a subcommand."""

import argparse
import math
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SCRIPT = "portmanteau"
_MODULE = "python -m bot_deploy"
_LAST_PORT = 65535


def program() -> str:
    """Return the words that run this program again, as they were typed: a script, a pex, or `-m`.

    All usage lines, errors and remedies name the program by it.
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
    found = shutil.which(name)
    if found and Path(found).absolute() == Path(path).absolute():
        return shlex.quote(name)
    return shlex.quote(f"./{name}" if Path(folder).absolute() == Path.cwd() else path)


class _Described(Exception):  # noqa: N818  no error: it carries the answer
    """The parser of a subcommand that was asked to describe itself."""


_describing: ContextVar[bool] = ContextVar("describing", default=False)


class Parser(argparse.ArgumentParser):
    """A parser that can be had without running its subcommand (`describe`)."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as argparse does; raises to `describe` instead where that is asked."""
        if _describing.get():
            raise _Described(self)
        return super().parse_known_args(args, namespace)


def describe(main: Callable[[list[str]], object], name: str) -> argparse.ArgumentParser:
    """Return the parser of a subcommand, whose `main` parses its arguments before all else.

    Raises TypeError for one that has no parser.
    """
    token = _describing.set(True)
    try:
        main([name])
    except _Described as found:
        parser: argparse.ArgumentParser = found.args[0]
        return parser
    finally:
        _describing.reset(token)
    raise TypeError(f"{name} does not parse its arguments")


def subcommand_parser(
    argv: list[str], description: str, *, epilog: str = ""
) -> argparse.ArgumentParser:
    """A parser for the subcommand argv[0], which calls itself as its operator does."""
    name = f"{program()} {argv[0]}"
    return Parser(prog=name, description=description, epilog=epilog or None)


def no_options(argv: list[str], description: str) -> None:
    """Parse for a subcommand that has no options; what is given ends it with exit code 2."""
    subcommand_parser(argv, description).parse_args(argv[1:])


def whole_number(text: str) -> int:
    """A number from 1. Raises ArgumentTypeError, as argparse expects it, for everything else."""
    if not (text.isascii() and text.isdecimal()) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"it must be a number from 1, not {text!r}")
    return int(text)


def port_number(text: str) -> int:
    """A port that can be listened on, 0 for a free one. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdecimal()) or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"it must be a port, from 0 to 65535, not {text!r}")
    return int(text)


def seconds(text: str) -> float:
    """A number of seconds, from 0. Raises ArgumentTypeError."""
    try:
        given = float(text)
    except ValueError:
        given = math.nan
    if not 0.0 <= given < math.inf:
        raise argparse.ArgumentTypeError(f"it must be a number of seconds from 0, not {text!r}")
    return given


def address(text: str) -> str:
    """An http(s) address that paths can be put behind. Raises ArgumentTypeError."""
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    if not (parts.scheme in {"http", "https"} and parts.hostname and plain):
        raise argparse.ArgumentTypeError(f"it must look like https://bot.example.org, not {text!r}")
    return text
