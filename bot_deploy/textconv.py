"""`textconv`: prints config.toml for `git diff`, with fingerprints for sealed values."""

import sys
from pathlib import Path

from bot_deploy.arguments import subcommand_parser
from bot_deploy.config.secrets_file import parse
from luggage.crypto import conceal

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "print a file for `git diff`, with a fingerprint for each sealed value"


def main(argv: list[str]) -> int:
    """Print the file; returns 0, or 1 if it cannot be read."""
    parser = subcommand_parser(
        argv, f"{SUMMARY}; see docs/howto/secrets.md for the set-up", config=False
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="file to print")
    options = parse(parser, argv)
    # Git gets all bytes back unchanged, except sealed values.
    text = options.file.read_bytes().decode(errors="surrogateescape")
    sys.stdout.buffer.write(conceal(text).encode(errors="surrogateescape"))
    return 0
