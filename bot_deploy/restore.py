"""`restore`: puts a backup in the place of the database while the bot is stopped."""

import os
import time
from itertools import count
from pathlib import Path

from bot_deploy.arguments import progress, subcommand_parser
from bot_deploy.config import load
from bot_deploy.wiring.parts import HISTORIES, clock, open_database
from bot_deploy.wiring.stopped import require_stopped
from luggage.database.backup import dated, restore

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "put a backup in the place of the database; stop the bot first"


def main(argv: list[str]) -> int:
    """Restore and upgrade, with progress on stdout; returns 0.

    Raises BackupError for a file that is no backup and for a database with rows without --replace,
    ConfigError while a loop runs, SchemaError for a backup of a newer version.
    """
    parser = subcommand_parser(argv, f"{SUMMARY}. Upgrades it to this version of the bot.")
    parser.add_argument("path", type=Path, metavar="FILE", help="a file that `backup` wrote")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="replace a database that is not empty; its contents are kept in a file beside it",
    )
    options = parser.parse_args(argv[1:])
    config = load(os.environ)
    engine = open_database(config)
    try:
        require_stopped(engine, clock=clock, sleep=time.sleep)
        is_file = engine.dialect.name == "sqlite"
        directory = Path(str(engine.url.database)).parent if is_file else config.data
        aside = _new_file(directory, clock())
        kept = restore(
            options.path, engine, HISTORIES, aside=aside, replace=options.replace, report=progress
        )
    finally:
        engine.dispose()
    print(f"restored {options.path}; start the bot")
    if kept:
        print(f"what the database had before is in {kept}")
    return 0


def _new_file(directory: Path, at: float) -> Path:
    """Return a path for what is replaced; two of one second have two names."""
    paths = (dated(directory, "replaced", at + seconds) for seconds in count())
    return next(path for path in paths if not path.exists())
