"""Parts that processes and subcommands share, made from the settings."""

import os
import pwd
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from sqlalchemy import Engine

import bot.store.tables
import luggage.jobs
from bot import parse
from bot.operations.history.deliveries import DeliveryHistory
from bot.settings.files import SettingsFiles
from bot.store.audit import AuditEntry, AuditLog, AuditPlace
from bot.store.board import SqlBoard
from bot.store.limits import SqlLimitMemory
from bot.store.meters import heard
from bot.store.people import People
from bot.store.refusals import Refusals
from bot.store.tokens import SqlTokenStore, sealing_key
from bot.store.totals import Totals
from bot.web.sessions import Sessions
from bot_deploy.config import Config
from bot_deploy.config.sources import ConfigError
from bot_deploy.wiring.data_directory import prepare_data
from luggage.database import History, check, open_engine, require_place
from luggage.github import GithubApp, Pace, make_session
from luggage.jobs import JobRow, Leadership, Queue, Wakeup, listener, notifier
from luggage.telemetry.logs import configure_sentry
from luggage.telemetry.meter import Meter

HISTORIES = (
    History(name="jobs", package=luggage.jobs.MIGRATIONS, metadata=luggage.jobs.metadata),
    History(name="bot", package="bot.store.migrations", metadata=bot.store.tables.metadata),
)
clock = time.time


def own_name() -> str:
    """Return a unique name for this process: containers may share a host name and a pid."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


@dataclass(kw_only=True)
class Parts:
    """The parts that work on the bot's database. Each is made at its first use, then kept."""

    config: Config
    engine: Engine
    meter: Meter = field(default_factory=lambda: Meter(time.monotonic))
    name: str = field(default_factory=own_name)

    @cached_property
    def queue(self) -> Queue:
        """The queue, which wakes the loops."""
        return Queue(self.engine, clock=clock, wake=notifier(self.engine, self._wake))

    @cached_property
    def board(self) -> SqlBoard:
        """The board in the database."""
        return SqlBoard(self.engine, clock=clock)

    @cached_property
    def history(self) -> DeliveryHistory:
        """The deliveries and their actions, as operators see them."""
        return DeliveryHistory(self.queue, clock=clock)

    @cached_property
    def settings(self) -> SettingsFiles:
        """The settings in force for a repository."""
        return SettingsFiles(self.engine, self.config.rules, self.config.settings, clock=clock)

    @cached_property
    def people(self) -> People:
        """What the bot remembers of people."""
        return People(self.engine, clock=clock)

    @cached_property
    def refusals(self) -> Refusals:
        """What GitHub refuses in each installation."""
        return Refusals(self.engine, clock=clock)

    def record(self, what: str, about: str = "", job: JobRow | None = None) -> None:
        """Write to the audit log what the user of this terminal has just done, about a delivery."""
        number, tenant = (0, "") if job is None else (job.id, job.tenant)
        entry = AuditEntry(_user(), AuditPlace.TERMINAL, what, about, number, tenant)
        AuditLog(self.engine, clock=clock).note(entry)

    @cached_property
    def sessions(self) -> Sessions:
        """The sessions of the console."""
        return Sessions(self.engine, clock=clock)

    @cached_property
    def totals(self) -> Totals:
        """The counters that all processes add to."""
        return Totals(self.engine, name=self.name, clock=clock)

    @cached_property
    def leadership(self) -> Leadership:
        """The leases that processes share."""
        return Leadership(self.engine, clock)

    @cached_property
    def app(self) -> GithubApp:
        """The App, which shares limits and sealed tokens with all processes."""
        key = self.config.private_key()
        tokens = SqlTokenStore(self.engine, sealing_key(key), self.leadership, self.name)
        return github_app(
            self.config,
            key,
            limits=SqlLimitMemory(self.engine),
            pace=Pace(*self.config.write_limits),
            tokens=tokens,
            watch=partial(heard, self.meter),
        )

    def wakeup(self) -> Wakeup:
        """Return a new listener for new jobs; the caller closes it."""
        return listener(self.engine, self._wake)

    @property
    def _wake(self) -> Path:
        return self.config.data / "wake"


def _user() -> str:
    """The name of the user who runs this process; its number in a container without names."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def open_database(config: Config, *, pool_size: int = 5) -> Engine:
    """Return the engine of the bot's database, in a data directory that others cannot use.

    Raises luggage.database's DatabaseUrlError for an address that cannot be used, ConfigError for a
    directory that the bot may not close.
    """
    prepare_data(config)
    return open_engine(config.database_url, pool_size=pool_size)


@contextmanager
def existing_database(config: Config) -> Iterator[Engine]:
    """Yield the engine of a database that is there, and close it; never makes one.

    Raises ConfigError if there is no SQLite file, DatabaseUrlError.
    """
    engine = open_engine(config.database_url)
    try:
        if engine.dialect.name == "sqlite":
            _require_file(Path(str(engine.url.database)))
        yield engine
    finally:
        engine.dispose()


def _require_file(database: Path) -> None:
    """Raise ConfigError for a SQLite file that is missing or new: connecting would make it one."""
    make = "`start` and `migrate` make one"
    if not database.exists():
        raise ConfigError(
            f"there is no database {database}: set BOT_DATA, or DATABASE_URL, as for the bot; "
            f"{make}"
        )
    if database.is_file() and database.stat().st_size == 0:
        require_place(database)
        raise ConfigError(f"the database {database} is empty: `restore` a backup, or start: {make}")


@contextmanager
def open_parts(config: Config) -> Iterator[Parts]:
    """Yield the parts for a subcommand, and close the database after it.

    Raises ConfigError if there is none, SchemaError if it is of another version of the bot.
    """
    with existing_database(config) as engine:
        check(engine, HISTORIES)
        yield Parts(config=config, engine=engine)


def check_database(config: Config) -> None:
    """Return if the database is of this version of the bot; raises SchemaError otherwise."""
    with open_parts(config):
        pass


def github_app(config: Config, key: RSAPrivateKey, **shared: Any) -> GithubApp:
    """Return the App. It never waits inside a job: a limit reschedules the job instead.

    `shared` are GithubApp's arguments for what processes share.
    """
    settings = config.needed_app()
    return GithubApp(
        app_id=settings.app_id,
        private_key=key,
        # No delivery is posted to this App. If one were, no signature would match.
        webhook_secrets=[secrets.token_hex()],
        user_agent=settings.user_agent,
        api_url=config.api_url,
        session=http_session(config, config.api_url),
        wait=None,
        **shared,
    )


def http_session(config: Config, address: str) -> requests.Session:
    """Return a session for requests to `address`, through the proxies of the environment."""
    return make_session(
        proxies=requests.utils.get_environ_proxies(address), verify=config.ca_bundle or True
    )


def parse_client(config: Config, application: parse.Application) -> parse.ParseClient:
    """Return a client of one application of a Parse Server, with its own session."""
    return parse.ParseClient(application, http_session(config, application.url), clock)


def report_crashes(config: Config) -> None:
    """Send crash reports from this process if an address is configured; once in a process."""
    if config.sentry_dsn:
        from bot_deploy.version import release  # noqa: PLC0415  asks git; for a report alone

        configure_sentry(config.sentry_dsn, release())
