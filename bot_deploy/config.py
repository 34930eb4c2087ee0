"""The settings: from the environment, and behind it from config.toml, where secrets are sealed.

This is where the environment becomes one frozen value; everything else is handed what it needs.
Secrets are opened by the process that needs them, when it needs them: the web process never opens
the private key.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any

import bot.rules
from bot.parse import Application
from bot.rule import Rule
from bot.settings import layers
from bot.settings.custom_rules import TABLES
from bot_deploy.given import KNOWN, ConfigError, Given
from bot_deploy.keys import private_keys
from bot_deploy.own_rules import own_names, with_own
from luggage.crypto import open_secrets

DEFAULT_USER_AGENT = "portmanteau"
DEFAULT_PAYLOAD_DAYS = 30
_SHORTEST_TOKEN = 16


@dataclass(frozen=True, kw_only=True)
class AppSettings:
    """The GitHub App. Its secrets are opened by calling for them.

    `webhook_secrets` gives one, or two while one replaces the other. They raise ConfigError for
    what is missing, and luggage.crypto's SecretError for what cannot be opened. Without a
    `client_id` nobody can sign in with GitHub at the console; owners of `organizations` can (none:
    of the one that the App belongs to).
    """

    app_id: str
    user_agent: str
    private_key: Callable[[], str] = field(repr=False)
    webhook_secrets: Callable[[], tuple[str, ...]] = field(repr=False)
    client_id: str
    client_secret: Callable[[], str] = field(repr=False)
    organizations: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class BoardSettings:
    """The board on Parse Servers. Its ids and keys are opened by calling for them.

    Both raise ConfigError for an address that is none, SecretError for what cannot be opened.
    """

    lines: Callable[[], Application] = field(repr=False)
    mood: Callable[[], Application] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Config:
    """All settings, checked. `app` is None where no App is configured at all."""

    app: AppSettings | None
    data: Path
    database_url: str = field(repr=False)
    port: int
    api_url: str
    server_url: str
    ca_bundle: str
    receive: str
    poll_seconds: float
    settle_seconds: float
    write_limits: tuple[float, int, int]
    payload_days: float
    sentry_dsn: str = field(repr=False)
    metrics_token: Callable[[], str] = field(repr=False)
    board: BoardSettings | None
    log_format: str
    rules: tuple[Rule[Any], ...]
    settings: layers.Settings

    def needed_app(self) -> AppSettings:
        """The App's settings.

        Raises ConfigError when there are none.
        """
        if self.app is None:
            raise ConfigError(
                "no GitHub App is configured: set GITHUB_APP_ID, GITHUB_PRIVATE_KEY and "
                "GITHUB_WEBHOOK_SECRET (or each with _FILE), or seal them into config.toml with "
                "`encrypt`; `register` makes one, and `demo` needs none"
            )
        return self.app

    def webhook_secrets(self) -> tuple[str, ...] | None:
        """The live webhook secrets; None with BOT_RECEIVE=poll, where there is no webhook.

        Raises ConfigError where one is missing, SecretError where one cannot be opened.
        """
        app = self.needed_app()
        return None if self.receive == "poll" else app.webhook_secrets()


def load(environ: Mapping[str, str], document: Mapping[str, Any] | None = None) -> Config:
    """The settings of this process. Reads files, changes nothing; safe to repeat.

    `document` stands for the parsed config.toml of this package. Raises ConfigError for the first
    setting that cannot be used, and luggage.crypto's SecretError for a key that cannot.
    """
    text = ""
    if document is None:
        text = resources.files(__package__).joinpath("config.toml").read_text(encoding="utf-8")
        document = tomllib.loads(text)
    given = Given(environ, open_secrets(document, private_keys(environ)))
    data = Path(given.text("BOT_DATA", "var"))
    receive = _one_of("BOT_RECEIVE", given.text("BOT_RECEIVE", "webhook"), ("webhook", "poll"))
    poll_seconds = given.text("BOT_POLL_SECONDS", "5" if receive == "poll" else "300")
    rules = with_own(bot.rules.RULES, own_names(document, given.text("BOT_RULES", "")), folder=data)
    return Config(
        app=_app(given),
        data=data,
        database_url=given.value("database.url", f"sqlite:///{data / 'bot.sqlite'}"),
        port=_port(given.text("PORT", "8000")),
        api_url=_url("GITHUB_API_URL", given.text("GITHUB_API_URL", "https://api.github.com")),
        server_url=_url("GITHUB_SERVER_URL", given.text("GITHUB_SERVER_URL", "https://github.com")),
        ca_bundle=given.text("REQUESTS_CA_BUNDLE", ""),
        receive=receive,
        poll_seconds=_seconds("BOT_POLL_SECONDS", poll_seconds, least=0.1),
        settle_seconds=_seconds("BOT_SETTLE_SECONDS", given.text("BOT_SETTLE_SECONDS", "1")),
        write_limits=_write_limits(given.text("BOT_WRITE_LIMITS", "1 80 500")),
        payload_days=_days(document),
        sentry_dsn=_dsn(given),
        metrics_token=lambda: _metrics_token(given),
        board=_board(given),
        log_format=_one_of("LOG_FORMAT", given.text("LOG_FORMAT", "text"), ("text", "json")),
        rules=rules,
        settings=_settings(rules, document, text),
    )


def _app(given: Given) -> AppSettings | None:
    if given.missing() == [name for name, setting in KNOWN.items() if setting.needed]:
        return None
    return AppSettings(
        app_id=given.demanded("github.app_id")[0],
        user_agent=given.value("github.user_agent", DEFAULT_USER_AGENT),
        private_key=lambda: given.demanded("github.private_key")[0],
        webhook_secrets=lambda: given.demanded("github.webhook_secrets"),
        client_id=given.value("github.client_id"),
        client_secret=lambda: given.demanded("github.client_secret")[0],
        organizations=given.values("console.organizations"),
    )


def _dsn(given: Given) -> str:
    """The address for crash reports; "off" switches off what config.toml says."""
    found = given.value("sentry.dsn")
    return "" if found == "off" else found


def _board(given: Given) -> BoardSettings | None:
    """The board on Parse; None for the one in the database."""
    backend = given.value("board.backend", "database")
    if _one_of("board.backend (BOT_BOARD)", backend, ("database", "parse")) == "database":
        return None
    if missing := given.missing_for_parse():
        raise ConfigError(
            f"the board is to be on Parse (board.backend), but there is no {', '.join(missing)}: "
            f"`encrypt {missing[0]}` and so on, or set {KNOWN[missing[0]].variable}"
        )
    return BoardSettings(
        lines=lambda: _application(given, "board.lines"),
        mood=lambda: _application(given, "board.mood"),
    )


def _application(given: Given, name: str) -> Application:
    return Application(
        url=_url(f"{name}.url", given.demanded(f"{name}.url")[0]),
        application_id=_header(given, f"{name}.application_id"),
        rest_key=_header(given, f"{name}.rest_key"),
    )


def _header(given: Given, name: str) -> str:
    (found,) = given.demanded(name)
    if not (found.isascii() and found.isprintable()):
        raise ConfigError(f"{name} has characters that no id or key has; `encrypt {name}` again")
    return found


def _metrics_token(given: Given) -> str:
    """What /metrics asks for; "" where there is to be no /metrics."""
    found = given.value("metrics.token")
    if found and not (len(found) >= _SHORTEST_TOKEN and found.isascii() and found.isprintable()):
        raise ConfigError(
            f"metrics.token (BOT_METRICS_TOKEN) must have {_SHORTEST_TOKEN} plain characters or "
            "more: make one with python -c 'import secrets; print(secrets.token_hex(16))'"
        )
    return found


def _settings(
    rules: Sequence[Rule[Any]], document: Mapping[str, Any], text: str
) -> layers.Settings:
    names = [rule.name for rule in rules]
    for name in document.keys() - {*names, *TABLES}:
        # Anybody may keep secrets of their own there; but a slip must not pass for one.
        for meant in get_close_matches(name, [*names, *TABLES], n=1, cutoff=0.75):
            raise ConfigError(f"config.toml: [{name}] is not known; is [{meant}] meant?")
    try:
        tables = {name: document[name] for name in names if name in document}
        return layers.Settings((layers.read(rules, tables),))
    except layers.PolicyError as error:
        located = layers.PolicyError(layers.placed(error.problems, text), "config.toml")
        raise ConfigError(str(located)) from error


def _write_limits(value: str) -> tuple[float, int, int]:
    try:
        seconds, per_minute, per_hour = value.split()
        limits = float(seconds), int(per_minute), int(per_hour)
    except ValueError:
        limits = -1.0, 0, 0
    # A day's pause could be a slip; a number below 0 certainly is one.
    if not (0 <= limits[0] <= 3600 and min(limits[1:]) >= 0):  # noqa: PLR2004
        raise ConfigError(
            "BOT_WRITE_LIMITS must be three numbers, 0 for no limit: seconds between writes, "
            f"writes a minute, writes an hour (GitHub asks for `1 80 500`), not {value!r}"
        )
    return limits


def _days(document: Mapping[str, Any]) -> float:
    keep = document.get("keep", {})
    days = keep.get("payload_days", DEFAULT_PAYLOAD_DAYS) if isinstance(keep, dict) else None
    # GitHub shows a delivery for three days; until then it may be asked for again.
    if isinstance(days, bool) or not isinstance(days, int | float) or not days >= 3:  # noqa: PLR2004
        raise ConfigError(f"config.toml: keep.payload_days must be a number from 3, not {days!r}")
    return float(days)


def _port(value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value) <= 65535):  # noqa: PLR2004
        raise ConfigError(f"PORT must be a number up to 65535, not {value!r}")
    return int(value)


def _seconds(name: str, value: str, *, least: float = 0.0) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not least <= seconds <= 3600:  # noqa: PLR2004
        raise ConfigError(
            f"{name} must be a number of seconds from {least:g} to 3600, not {value!r}"
        )
    return seconds


def _url(name: str, value: str) -> str:
    if not value.startswith(("https://", "http://")):
        raise ConfigError(f"{name} must begin with https:// (or http://), not {value!r}")
    return value.rstrip("/")


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ConfigError(f"{name} must be {' or '.join(choices)}, not {value!r}")
    return value
