"""What subcommands understand on their command line in the same way. Not a subcommand."""

import argparse
import math
from urllib.parse import urlsplit

_LAST_PORT = 65535


def subcommand_parser(
    argv: list[str], description: str, *, epilog: str = ""
) -> argparse.ArgumentParser:
    """A parser for the subcommand argv[0], which calls itself as its operator does."""
    program = f"python -m bot_deploy {argv[0]}"
    return argparse.ArgumentParser(prog=program, description=description, epilog=epilog or None)


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
