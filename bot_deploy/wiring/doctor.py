"""Health checks of `doctor`, built from the settings that the first check reads."""

# ruff: noqa: PLW0108 -- the lambdas use objects that the first check creates

import os
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import make_url

from bot.operations.doctor import (
    Finding,
    GithubChecks,
    HealthCheck,
    LocalChecks,
    WebhookChecks,
    healthz_problem,
)
from bot.operations.doctor.examination import failed, ok, warning
from bot.rules import needs
from bot_deploy.arguments import program
from bot_deploy.config import Config, load
from bot_deploy.config.sources import TITLES, WEB, config_name
from bot_deploy.wiring.data_directory import exposed
from bot_deploy.wiring.listening import receives
from bot_deploy.wiring.open_files import notice_of
from bot_deploy.wiring.parts import HISTORIES, clock, github_app, http_session
from luggage.database import may_write, open_engine
from luggage.github import GithubApp
from luggage.serving import descriptors

# The checks that need the private key, which the web process does not have.
_OF_THE_APP = frozenset(
    {"secrets", "app", "clock", "permissions", "events", "installations", "webhook", "deliveries"}
)


def checks(environ: Mapping[str, str], part: str = "") -> list[HealthCheck]:
    """Return the checks in their order; the first creates what the others depend on.

    With `part`, WEB or LOOP, they are those of a process that is started by itself.
    """
    made = DoctorDependencies(environ, part)
    listed = _listed(made)
    if not part:
        return listed
    own = [each for each in listed[1:] if part != WEB or each.name not in _OF_THE_APP]
    return [listed[0], HealthCheck("privilege", made.privilege, ("settings",)), *own]


def _listed(made: "DoctorDependencies") -> list[HealthCheck]:
    app = ("secrets", "app")
    return [
        HealthCheck("settings", made.settings),
        HealthCheck("secrets", lambda: made.github.secrets(), ("settings",)),
        HealthCheck("app", lambda: made.github.app(), ("secrets",)),
        HealthCheck("clock", lambda: made.github.clock(), ("secrets",)),
        HealthCheck("permissions", lambda: made.github.permissions(), app),
        HealthCheck("events", lambda: made.github.events(), app),
        HealthCheck("installations", lambda: made.github.installations(), app),
        HealthCheck("webhook", lambda: made.webhook.address(), app),
        HealthCheck("deliveries", lambda: made.webhook.deliveries(), app),
        HealthCheck("database", lambda: made.local.database(), ("settings",)),
        HealthCheck("disk", lambda: made.local.disk(), ("settings",)),
        HealthCheck("modes", lambda: modes(made.config), ("settings",)),
        HealthCheck("descriptors", lambda: open_files(descriptors.limit()), ("settings",)),
        HealthCheck("loop", lambda: made.local.loop(), ("settings", "database")),
        HealthCheck("refusals", lambda: made.local.refusals(), ("settings", "database")),
    ]


class DoctorDependencies:
    """The three groups of checks; `settings` makes them."""

    config: Config
    github: GithubChecks
    webhook: WebhookChecks
    local: LocalChecks

    def __init__(self, environ: Mapping[str, str], part: str) -> None:
        self._environ = environ
        self._part = part

    def settings(self) -> Finding:
        """Read the settings, and make the checks that need them."""
        self.config = config = load(self._environ, part=self._part)
        session = http_session(config, config.api_url)
        self.github = GithubChecks(
            lambda: _app(config, self._part),
            needs(config.settings.enabled(config.rules)),
            server_url=config.server_url,
        )
        self.webhook = WebhookChecks(
            lambda: self.github.client,
            lambda url: healthz_problem(session, url),
            polls=config.receive == "poll",
            clock=clock,
        )
        self.local = LocalChecks(
            connect=lambda: open_engine(config.database_url),
            is_new=is_new(config.database_url),
            histories=HISTORIES,
            data=config.data,
            program=program(),
            clock=clock,
        )
        notice = config.webhook_notice() if config.app and self._part in ("", WEB) else None
        if notice and notice.remedy:
            return warning(notice.detail, notice.remedy)
        name = config_name(self._environ)
        return ok(f"{name}; {config.api_url}; {receives(config)}")

    def privilege(self) -> Finding:
        """The process can open each secret that it uses, and no other."""
        self.config.needed_app()
        if self._part == WEB:  # `secrets` examines the loop's private key
            self.config.webhook_secrets()
        self.config.handed_over(self._part)
        if notice := self.config.excess():
            return warning(notice.detail, notice.remedy)
        return ok(f"{TITLES[self._part]} can open the secrets that it uses, and no other")


def modes(config: Config) -> Finding:
    """Others cannot use the data directory and the database in it."""
    if config.data.exists():
        if not (config.data.is_dir() and may_write(config.data)):
            detail = f"the data directory {config.data} cannot be used by user {os.geteuid()}"
            return failed(detail, "set BOT_DATA to a directory that the bot's user may write")
        for each in exposed(config):
            remedy = each.remedy or f"the next start closes it; or run `chmod go= {each.path}` now"
            return warning(str(each), remedy)
    return ok("others cannot use the data directory")


def open_files(files: int) -> Finding:
    """The web process may have enough files open."""
    if notice := notice_of(files):
        return warning(notice.detail, notice.remedy)
    return ok(f"a worker may hold {descriptors.most_connections(files)} connections")


def is_new(database_url: str) -> bool:
    """Return whether the address is of a SQLite file that does not exist yet."""
    url = make_url(database_url)
    return url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()


def _app(config: Config, part: str) -> GithubApp:
    # Opened here only to report a secret that cannot be opened.
    if not part:
        config.webhook_secrets()
        if config.needed_app().client_id:
            config.needed_app().client_secret()
    return github_app(config, config.private_key())
