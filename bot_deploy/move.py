"""`move`: copies the database from SQLite to PostgreSQL while the bot is stopped."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import Engine, make_url
from sqlalchemy.exc import ArgumentError

from bot_deploy.arguments import subcommand_parser
from bot_deploy.config import load
from bot_deploy.config.settings import database_in
from bot_deploy.config.sources import ConfigError, Sources
from bot_deploy.wiring.parts import HISTORIES
from bot_deploy.wiring.stopped import require_stopped
from luggage import database
from luggage.crypto import open_secrets
from luggage.database.transfer import TransferError, transfer

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "copy the database from SQLite to PostgreSQL; stop the bot first"

_TO = "PostgreSQL address (default: MOVE_TO, then DATABASE_URL); put a password only there"


def main(argv: list[str]) -> int:
    """Move, with progress on stdout; returns 0 after every table was compared.

    Raises ConfigError for addresses that cannot be used, a source in use and a target with rows;
    SchemaError if the source is of another version of the bot.
    """
    parser = subcommand_parser(argv, SUMMARY)
    parser.add_argument(
        "--from", dest="source", help="SQLite address (default: the database in BOT_DATA)"
    )
    parser.add_argument("--to", dest="target", help=_TO)
    arguments = parser.parse_args(argv[1:])
    config = load(os.environ)
    source = arguments.source or database_in(config.data)
    target = arguments.target or variables(os.environ).text("MOVE_TO", config.database_url)
    check_addresses(source, target, typed=(arguments.source, arguments.target))
    old, new = database.open_engine(source), database.open_engine(target)
    try:
        moved = move(old, new, clock=time.time, sleep=time.sleep)
    finally:
        old.dispose()
        new.dispose()
    print(f"copied {moved} rows. Set DATABASE_URL for all processes, then start them.")
    print(f"{old.url.database} is unchanged; the bot no longer uses it.")
    return 0


def variables(environ: Mapping[str, str]) -> Sources:
    """Return the sources of settings without config.toml."""
    return Sources(environ, open_secrets({}, ()))


def check_addresses(source: str, target: str, *, typed: tuple[str | None, ...]) -> None:
    """Return if the addresses can be used; raises ConfigError otherwise. Connects to nothing."""
    try:
        old, new = make_url(source), make_url(target)
        with_password = [url for url in typed if url and make_url(url).password is not None]
    except (ArgumentError, ValueError):
        # Without its cause, which may quote the address with its password.
        raise ConfigError("an address cannot be read; see docs/howto/many-machines.md") from None
    if with_password:
        raise ConfigError(
            "everyone on this machine can see a password on the command line: put the address "
            "in MOVE_TO, or in a file that MOVE_TO_FILE names"
        )
    if old.get_backend_name() != "sqlite" or not Path(old.database or "").is_file():
        raise ConfigError(f"--from: {old.render_as_string()} is not an existing SQLite database")
    if not new.drivername.startswith("postgres"):
        raise ConfigError(
            f"--to: {new.render_as_string()} is not PostgreSQL: set --to, MOVE_TO or DATABASE_URL"
        )


def move(
    old: Engine, new: Engine, *, clock: Callable[[], float], sleep: Callable[[float], None]
) -> int:
    """Move all tables once no loop runs, and return the number of rows.

    Raises ConfigError, SchemaError. Safe to repeat after an abort: the target stays empty until the
    end.
    """
    database.check(old, HISTORIES)
    require_stopped(old, clock=clock, sleep=sleep)
    database.migrate(new, HISTORIES, log=print)
    try:
        return transfer(old, new, [history.metadata for history in HISTORIES], report=print)
    except TransferError as error:
        raise ConfigError(str(error)) from error
