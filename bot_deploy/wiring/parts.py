"""What several processes open in the same way. Not a subcommand."""

import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from sqlalchemy import Engine

import bot.store.tables
import luggage.jobs
from bot import parse
from bot.parse import Application
from bot_deploy.config import Config
from luggage.database import History, check, open_engine
from luggage.github import make_session
from luggage.jobs import Queue, notifier
from luggage.telemetry.logs import configure_sentry

HISTORIES = (
    History(name="jobs", package=luggage.jobs.MIGRATIONS, metadata=luggage.jobs.metadata),
    History(name="bot", package="bot.store.migrations", metadata=bot.store.tables.metadata),
)


def open_database(config: Config, *, pool_size: int = 5) -> Engine:
    """The engine of the bot's database; makes the data directory where it is missing.

    Raises luggage.database's DatabaseUrlError for an address that cannot be used.
    """
    Path(config.data).mkdir(mode=0o700, parents=True, exist_ok=True)
    return open_engine(config.database_url, pool_size=pool_size)


def check_database(config: Config) -> None:
    """Return when the database is of this version of the bot; raises SchemaError otherwise."""
    engine = open_database(config)
    try:
        check(engine, HISTORIES)
    finally:
        engine.dispose()


@contextmanager
def open_queue(config: Config) -> Iterator[tuple[Engine, Queue]]:
    """Give the engine and the queue to a subcommand that looks or decides, and close them.

    Raises SchemaError where the database is of another version of the bot.
    """
    engine = open_database(config)
    try:
        check(engine, HISTORIES)
        yield engine, Queue(engine, clock=time.time, wake=notifier(engine, config.data / "wake"))
    finally:
        engine.dispose()


def report_crashes(config: Config) -> None:
    """Have this process send crash reports, if there is an address for them; once in a process."""
    if config.sentry_dsn:
        from bot_deploy.version import release  # noqa: PLC0415  asks git; for a report alone

        configure_sentry(config.sentry_dsn, release())


def own_name() -> str:
    """A name for this process that no other has or had: containers may share host and number."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def parse_client(config: Config, application: Application) -> parse.ParseClient:
    """The client of one application of a Parse Server, with a session of its own."""
    session = make_session(
        proxies=requests.utils.get_environ_proxies(application.url),
        verify=config.ca_bundle or True,
    )
    return parse.ParseClient(application, session, time.time)
