"""`encrypt`: seals one value into config.toml."""

import argparse
import getpass
import sys
from pathlib import Path

from bot_deploy.config import secrets_file
from bot_deploy.config.files import read_bytes
from bot_deploy.config.sources import KNOWN, from_file, part_of
from luggage.crypto import NameUnknown, SecretError
from luggage.crypto.document import Document

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "seal one value into config.toml, from a prompt, stdin or a file"


class InputError(SecretError):
    """An empty or malformed value; the message does not repeat it."""


def main(argv: list[str]) -> int:
    """Seal the value; returns 0, or 1 for a name or value that is refused."""
    parser = secrets_file.new_parser(
        argv,
        "Seal one value into config.toml. The value comes from --file, from stdin, or, on a "
        "terminal, from a prompt that does not show it. One line end at its end is dropped.",
    )
    parser.add_argument(
        "name", metavar="NAME", help="name of the value, such as github.private_key"
    )
    parser.add_argument("--file", type=Path, metavar="PATH", help="read the value from this file")
    parser.add_argument(
        "--new", action="store_true", help="allow a NAME that the bot does not know"
    )
    many = parser.add_mutually_exclusive_group()
    many.add_argument("--append", action="store_true", help="add the value to the list NAME")
    many.add_argument("--replace", action="store_true", help="replace all values of the list NAME")
    options = secrets_file.parse(parser, argv)
    path = secrets_file.config_to_write(options.config)
    _trial(secrets_file.edit(secrets_file.read_config(path)), options)
    value = _read_value(options.name, options.file)
    # Again: the prompt may have waited long.
    document = secrets_file.edit(secrets_file.read_config(path))
    _seal(document, options, value)
    secrets_file.write_config(path, document)
    key = document.key_for(part_of(options.name))
    secrets_file.say(f"{options.name}: sealed for {key.id} in {path}")
    return 0


def _trial(document: Document, options: argparse.Namespace) -> None:
    """Raise what sealing would raise, before anyone types the secret."""
    known = sorted({*KNOWN, *document.names()})
    if options.name not in known and not options.new:
        raise NameUnknown(
            f"{options.name} is unknown; use --new to add it, or one of {', '.join(known)}"
        )
    table = options.name.partition(".")[0]
    if options.name not in known and table in {name.partition(".")[0] for name in KNOWN}:
        raise NameUnknown(f"the bot reads no {options.name}: name another table than [{table}]")
    _seal(document, options, "a trial")


def _seal(document: Document, options: argparse.Namespace, value: str) -> None:
    name = options.name
    sealed = document.key_for(part_of(name)).seal(name, value)
    first_of_list = name in KNOWN and KNOWN[name].is_list and name not in document.names()
    if options.append or options.replace or first_of_list:
        document.put_in_list(name, sealed, keep=options.append)
    else:
        document.put(name, sealed)


def _read_value(name: str, file: Path | None) -> str:
    value = from_file(read_bytes(file) if file else _read_stdin(name))
    if value is None:
        raise InputError(
            f"the value of {name} is not UTF-8 text: encode it first, for example in base64"
        )
    if not value:
        raise InputError(f"the value of {name} is empty, so nothing was sealed")
    return value


def _read_stdin(name: str) -> bytes:
    if not sys.stdin.isatty():
        return sys.stdin.buffer.read()
    try:
        value = getpass.getpass(f"{name} (not shown): ")
    except EOFError:
        value = ""
    except UnicodeDecodeError:
        # A terminal with another encoding than its locale; the error holds what was typed.
        return b"\xff"
    if value.startswith("-----BEGIN"):
        raise InputError(
            f"{name} has several lines and the prompt reads only one: use --file or stdin"
        )
    return value.encode(errors="surrogateescape")
