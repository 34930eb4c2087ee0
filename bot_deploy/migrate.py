"""`migrate`: upgrades the database to the version of the code."""

import logging
import os

from bot_deploy.arguments import no_options
from bot_deploy.config import Config, load
from bot_deploy.wiring.parts import HISTORIES, open_database
from luggage import database
from luggage.telemetry import logs

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "upgrade the database to this version of the bot; safe to repeat"

log = logging.getLogger(__name__)


def main(argv: list[str]) -> int:
    """Migrate and print the revisions applied; returns 0."""
    no_options(argv, SUMMARY)
    config = load(os.environ)
    logs.configure_logging(config.log_format, name="migrate")
    applied = migrate(config)
    print("\n".join(f"applied {revision}" for revision in applied) or "up to date")
    return 0


def migrate(config: Config) -> list[str]:
    """Apply the missing revisions, one process at a time, and return them.

    Raises luggage.database's errors for a database that is newer than the code or out of reach.
    """
    engine = open_database(config)
    try:
        return database.migrate(engine, HISTORIES, log=log.info)
    finally:
        engine.dispose()
