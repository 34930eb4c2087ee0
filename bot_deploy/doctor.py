"""`doctor`: is the bot well? One line for each check, with the remedy."""

# ruff: noqa: PLW0108 -- what the lambdas ask is made by the first check

import json
import os
import secrets
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import requests
from sqlalchemy import make_url

from bot.operations.doctor import (
    Finding,
    GithubChecks,
    HealthCheck,
    LocalChecks,
    Verdict,
    WebhookChecks,
    examine,
    who_answers,
)
from bot.operations.doctor.examination import ok, warning
from bot.rules import needs
from bot_deploy.arguments import program, subcommand_parser
from bot_deploy.config import Config, load
from bot_deploy.config.sources import ConfigError
from bot_deploy.wiring.parts import HISTORIES, open_database
from luggage.crypto import SecretError
from luggage.database import DatabaseUrlError
from luggage.github import GithubApp, make_session

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "tell whether the bot is well, with a remedy for what is not"

_MENDABLE = (ConfigError, SecretError, DatabaseUrlError)


def main(argv: list[str]) -> int:
    """Print a line for each check as it is made; return 0, or 1 where one failed."""
    parser = subcommand_parser(
        argv, f"{SUMMARY}. Changes nothing. Exit code 1 where a check failed."
    )
    parser.add_argument("--json", action="store_true", help="all findings as one JSON list")
    options = parser.parse_args(argv[1:])
    findings = examine(checks(os.environ), mendable=_MENDABLE)
    seen = list(_told(findings, as_json=options.json))
    if options.json:
        print(json.dumps(seen, indent=2))
    return 1 if any(one["verdict"] == Verdict.FAILED for one in seen) else 0


def checks(environ: Mapping[str, str]) -> list[HealthCheck]:
    """The checks, in their order; the first opens what the others look at."""
    ward = DoctorDependencies(environ)
    asking = ("secrets", "app")
    return [
        HealthCheck("settings", ward.settings),
        HealthCheck("secrets", lambda: ward.github.secrets(), ("settings",)),
        HealthCheck("app", lambda: ward.github.app(), ("secrets",)),
        HealthCheck("clock", lambda: ward.github.clock(), ("secrets",)),
        HealthCheck("permissions", lambda: ward.github.permissions(), asking),
        HealthCheck("events", lambda: ward.github.events(), asking),
        HealthCheck("installations", lambda: ward.github.installations(), asking),
        HealthCheck("webhook", lambda: ward.webhook.address(), asking),
        HealthCheck("deliveries", lambda: ward.webhook.deliveries(), asking),
        HealthCheck("database", lambda: ward.home.database(), ("settings",)),
        HealthCheck("disk", lambda: ward.home.disk(), ("settings",)),
        HealthCheck("loop", lambda: ward.home.loop(), ("settings", "database")),
    ]


class DoctorDependencies:
    """Where the checks are made, wired from the settings, which are read by the first of them."""

    github: GithubChecks
    webhook: WebhookChecks
    home: LocalChecks

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def settings(self) -> Finding:
        """They can be read, and used."""
        config = load(self._environ)
        session = make_session(
            proxies=requests.utils.get_environ_proxies(config.api_url),
            verify=config.ca_bundle or True,
        )
        self.github = GithubChecks(
            lambda: _app(config, session),
            needs(config.settings.enabled(config.rules)),
            server_url=config.server_url,
        )
        self.webhook = WebhookChecks(
            lambda: self.github.client,
            lambda url: who_answers(session, url),
            polls=config.receive == "poll",
            clock=time.time,
        )
        self.home = LocalChecks(
            connect=lambda: open_database(config),
            is_new=_is_new(config.database_url),
            histories=HISTORIES,
            data=config.data,
            program=program(),
            clock=time.time,
        )
        how = {"poll": "deliveries are fetched", "webhook": "deliveries come by webhook"}
        notice = config.webhook_notice() if config.app else None
        if notice and notice.remedy:
            return warning(notice.detail, notice.remedy)
        return ok(f"{config.api_url}; {how[config.receive]}")


def _app(config: Config, session: requests.Session) -> GithubApp:
    app = config.needed_app()
    config.webhook_secrets()  # opened to see that they can be
    if app.client_id:
        app.client_secret()
    return GithubApp(
        app_id=app.app_id,
        private_key=app.private_key(),
        webhook_secrets=[secrets.token_hex()],  # no delivery is read here
        user_agent=app.user_agent,
        api_url=config.api_url,
        session=session,
        wait=None,
    )


def _is_new(database_url: str) -> bool:
    """Whether it is a SQLite database that is not there yet."""
    url = make_url(database_url)
    return url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()


def _told(findings: Iterable[tuple[str, Finding]], *, as_json: bool) -> Iterable[Mapping[str, str]]:
    for name, finding in findings:
        if not as_json:
            _say(name, finding)
        yield {
            "check": name,
            "verdict": finding.verdict,
            "detail": finding.detail,
            "remedy": finding.remedy,
        }


def _say(name: str, finding: Finding) -> None:
    verdict = "FAILED" if finding.verdict is Verdict.FAILED else str(finding.verdict)
    print(f"{verdict:8} {name:14} {finding.detail}")
    if finding.remedy:
        print(f"{'':8} {'':14} -> {finding.remedy}")
    sys.stdout.flush()
