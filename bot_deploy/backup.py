"""`backup`: writes all that the bot knows into one file, while it runs."""

import argparse
import os
from pathlib import Path

from bot_deploy.arguments import progress, subcommand_parser
from bot_deploy.config import load
from bot_deploy.wiring.parts import HISTORIES, clock, existing_database
from luggage.database.backup import back_up, dated

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "write all that the bot knows into one file; the bot may run"

# The names in a directory sort by time.
_PATTERN = "bot-*.backup"


def main(argv: list[str]) -> int:
    """Write and check a backup, with progress on stdout; returns 0.

    Raises BackupError for a file that exists and for a damaged database, SchemaError for another
    version's.
    """
    parser = subcommand_parser(
        argv,
        f"{SUMMARY}. The file restores into SQLite and into PostgreSQL. Keep it as secret as the "
        "database.",
    )
    parser.add_argument(
        "path",
        type=Path,
        metavar="FILE",
        help="a new file, or a directory for a file with the time",
    )
    parser.add_argument(
        "--keep", type=_count, metavar="N", help="in the directory, delete all but the last N files"
    )
    options = parser.parse_args(argv[1:])
    if options.keep and not options.path.is_dir():
        parser.error(f"--keep needs a directory, and {options.path} is none")
    with existing_database(load(os.environ)) as engine:
        path = dated(options.path, "bot", clock()) if options.path.is_dir() else options.path
        size = back_up(engine, path, HISTORIES, report=progress)
    print(f"wrote and checked {path} ({size / 1e6:.1f} MB)")
    for old in sorted(options.path.glob(_PATTERN))[: -options.keep] if options.keep else ():
        old.unlink()
        print(f"deleted {old}")
    return 0


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of files from 1 on")
    return int(text)
