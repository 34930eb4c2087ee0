"""Settings of a process: one frozen value, made from the environment and config.toml.

A process opens a secret when it needs it: the web process never opens the private key.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from sqlalchemy import URL

import bot.rules
from bot.loop.command_rate import DEFAULT_PER_HOUR
from bot.parse import Application
from bot.rule import Rule
from bot.settings import layers
from bot_deploy.config.custom_rules import custom_names, with_custom
from bot_deploy.config.keys import private_keys
from bot_deploy.config.sources import (
    KNOWN,
    ConfigError,
    Notice,
    Sources,
    label,
    read_document,
    require_texts,
    shown,
)
from luggage.crypto import open_secrets
from luggage.github import ConfigurationError
from luggage.github.tokens import load_private_key
from luggage.github.transport import BadAddress, Origin

DEFAULT_USER_AGENT = "portmanteau"
GITHUB_API = "https://api.github.com"
GITHUB = "https://github.com"
DEFAULT_PAYLOAD_DAYS = 30
DEFAULT_INSTALLATION_MEGABYTES = 1000
# The tables of config.toml that belong to no rule.
TABLES = frozenset({"keys", "keep", "limits", "rules", *(name.partition(".")[0] for name in KNOWN)})
_SHORTEST_TOKEN = 16
_LARGEST = 1_000_000


@dataclass(frozen=True, kw_only=True)
class AppSettings:
    """The GitHub App. Calling a secret opens it; `private_key` is the PEM text.

    The calls raise ConfigError for a missing value, SecretError for one that cannot be opened.
    With a `client_id`, owners of `organizations` can sign in to the console with GitHub; by default
    those of the organisation that the App belongs to.
    """

    app_id: str
    user_agent: str
    private_key: Callable[[], str] = field(repr=False)
    webhook_secrets: Callable[[], tuple[str, ...]] = field(repr=False)
    webhook_notice: Callable[[], Notice | None]
    client_id: str
    client_secret: Callable[[], str] = field(repr=False)
    organizations: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class BoardSettings:
    """The board on Parse Servers. Calling an application opens its ids and keys.

    Both raise ConfigError for an invalid address, SecretError for a value that cannot be opened.
    """

    lines: Callable[[], Application] = field(repr=False)
    mood: Callable[[], Application] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Config:
    """All settings, checked. `app` is None if no App is configured.

    `excess` returns a warning about secrets that the process can open and does not use.
    `handed_over` opens and returns the values that a part uses, and raises as the others do.
    """

    app: AppSettings | None
    data: Path
    database_url: str = field(repr=False)
    port: int
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    api_url: str
    server_url: str
    ca_bundle: str
    receive: str
    poll_seconds: float
    settle_seconds: float
    write_limits: tuple[float, int, int]
    payload_days: float
    installation_bytes: int
    commands_per_hour: int
    sentry_dsn: str = field(repr=False)
    metrics_token: Callable[[], str] = field(repr=False)
    board: BoardSettings | None
    log_format: str
    excess: Callable[[], Notice | None]
    handed_over: Callable[[str], Mapping[str, Sequence[str]]] = field(repr=False)
    rules: tuple[Rule[Any], ...]
    settings: layers.Settings

    def needed_app(self) -> AppSettings:
        """Return the App's settings. Raises ConfigError if there are none."""
        if self.app is None:
            raise ConfigError(
                "no GitHub App is configured: set GITHUB_APP_ID, GITHUB_PRIVATE_KEY and "
                "GITHUB_WEBHOOK_SECRET (or each with _FILE), or seal them into config.toml with "
                "`encrypt`; `register` creates an App, and `demo` needs none"
            )
        return self.app

    def private_key(self) -> RSAPrivateKey:
        """Open and parse the App's private key; do it once, because parsing is slow.

        Raises ConfigError without any part of the key, SecretError if it cannot be opened.
        """
        try:
            return load_private_key(self.needed_app().private_key())
        except ConfigurationError as error:
            raise ConfigError(f"{label('github.private_key')}: {error}") from None

    def webhook_secrets(self) -> tuple[str, ...] | None:
        """Return the live webhook secrets; None with BOT_RECEIVE=poll, which has no webhook.

        Raises ConfigError if there is none, SecretError if one cannot be opened.
        """
        app = self.needed_app()
        return None if self.receive == "poll" else app.webhook_secrets()

    def webhook_notice(self) -> Notice | None:
        """Return a notice about the webhook secrets, or None."""
        app = self.needed_app()
        return None if self.receive == "poll" else app.webhook_notice()


def load(
    environ: Mapping[str, str],
    document: Mapping[str, Any] | None = None,
    *,
    part: str = "",
    opened: Mapping[str, Sequence[str]] | None = None,
) -> Config:
    """Return the settings of this process. Reads files, changes nothing.

    `document` replaces the parsed config.toml. `part` is WEB or LOOP in a process that is only
    that, and `opened` are the values that `start` has handed over to it. Raises ConfigError for the
    first invalid setting, and luggage.crypto's SecretError for an invalid key.
    """
    text = ""
    if document is None:
        text, document = read_document(environ)
    require_texts(document)
    sources = Sources(environ, open_secrets(document, private_keys(environ)), part, opened)
    data = Path(sources.path("BOT_DATA", "var"))
    receive = _one_of("BOT_RECEIVE", sources.word("BOT_RECEIVE", "webhook"), ("webhook", "poll"))
    poll_seconds = sources.word("BOT_POLL_SECONDS", "5" if receive == "poll" else "300")
    rules = _rules(document, sources.text("BOT_RULES"), data)
    app, board = _app(sources), _board(sources)
    return Config(
        app=app,
        data=data,
        database_url=sources.value("database.url", database_in(data)),
        port=_port(sources.word("PORT", "8000")),
        trusted_proxies=sources.trusted_proxies(),
        api_url=_github_url("GITHUB_API_URL", sources.word("GITHUB_API_URL", GITHUB_API)),
        server_url=_github_url("GITHUB_SERVER_URL", sources.word("GITHUB_SERVER_URL", GITHUB)),
        ca_bundle=_ca_bundle(sources.path("REQUESTS_CA_BUNDLE")),
        receive=receive,
        poll_seconds=_seconds("BOT_POLL_SECONDS", poll_seconds, least=0.1),
        settle_seconds=_seconds("BOT_SETTLE_SECONDS", sources.word("BOT_SETTLE_SECONDS", "1")),
        write_limits=_write_limits(sources.word("BOT_WRITE_LIMITS", "1 80 500")),
        payload_days=_days(document),
        installation_bytes=1_000_000
        * _whole(document, "keep", "installation_megabytes", DEFAULT_INSTALLATION_MEGABYTES),
        commands_per_hour=_whole(document, "limits", "commands_per_hour", DEFAULT_PER_HOUR),
        sentry_dsn=_dsn(sources),
        metrics_token=lambda: _metrics_token(sources),
        board=board,
        log_format=_one_of("LOG_FORMAT", sources.word("LOG_FORMAT", "text"), ("text", "json")),
        excess=sources.excess,
        handed_over=lambda part: {
            name: values
            for name in _used(part, app, receive, board)
            if (values := sources.values(name))
        },
        rules=rules,
        settings=_settings(rules, document, text),
    )


def _used(
    part: str, app: AppSettings | None, receive: str, board: BoardSettings | None
) -> Iterator[str]:
    """Yield the names in KNOWN whose values a process uses with these settings."""
    unused = {
        *(name for name in KNOWN if KNOWN[name].for_webhook and receive == "poll"),
        *(name for name in KNOWN if KNOWN[name].for_parse and board is None),
        *(() if app and app.client_id else ("github.client_secret",)),
    }
    return (name for name in KNOWN if KNOWN[name].is_for(part) and name not in unused)


def _rules(document: Mapping[str, Any], variable: str, data: Path) -> tuple[Rule[Any], ...]:
    names = custom_names(document.get("rules", {}), variable, folder=data)
    source = "BOT_RULES" if variable.strip() else "config.toml"
    return with_custom(bot.rules.RULES, names, folder=data, source=source, reserved=TABLES)


def database_in(data: Path) -> str:
    """Return the address of the SQLite database in a data directory of any name."""
    file = str(data / "bot.sqlite")
    return URL.create("sqlite", database=file).render_as_string(hide_password=False)


def _app(sources: Sources) -> AppSettings | None:
    if sources.missing() == [name for name, setting in KNOWN.items() if setting.needed]:
        return None
    return AppSettings(
        app_id=_id("github.app_id", sources.required("github.app_id")),
        user_agent=_user_agent(sources.value("github.user_agent", DEFAULT_USER_AGENT)),
        private_key=lambda: sources.required("github.private_key"),
        webhook_secrets=sources.webhook_secrets,
        webhook_notice=sources.webhook_notice,
        client_id=_id("github.client_id", sources.value("github.client_id")),
        client_secret=lambda: sources.required("github.client_secret"),
        organizations=sources.organizations(),
    )


def _id(name: str, value: str) -> str:
    """Return an id from GitHub, without white space around it."""
    value = value.strip()
    if value and not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", value):
        raise ConfigError(f"{label(name)} is not a GitHub id: copy it from the App's page")
    return value


def _user_agent(value: str) -> str:
    if not _is_header(value):
        raise ConfigError(
            f"{label('github.user_agent')} is sent in a header, so it must be plain ASCII "
            f"without white space at its ends; not {shown(value)}"
        )
    return value


def _is_header(value: str) -> bool:
    """Return whether an HTTP header transports a text unchanged."""
    return value.isascii() and value.isprintable() and value == value.strip() != ""


def _dsn(sources: Sources) -> str:
    """Return the address for crash reports; "off" overrides config.toml's."""
    dsn = sources.value("sentry.dsn").strip()
    if dsn in ("", "off"):
        return ""
    if not _is_dsn(dsn):
        # Without the value: part of it may be a secret.
        raise ConfigError(
            f"{label('sentry.dsn')} must look like https://KEY@HOST/NUMBER: copy it from Sentry, "
            "or set it to off"
        )
    return dsn


def _is_dsn(value: str) -> bool:
    """Return whether sentry_sdk would take it, without loading sentry_sdk."""
    try:
        parts = urlsplit(value)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    project = parts.path.rpartition("/")[2]
    complete = parts.scheme in ("http", "https") and parts.hostname and parts.username and has_port
    return bool(complete) and project.isascii() and project.isdigit() and _is_unbroken(value)


def _board(sources: Sources) -> BoardSettings | None:
    """Return the board on Parse; None for the board in the database."""
    backend = sources.value("board.backend", "database").strip()
    if _one_of("board.backend (BOT_BOARD)", backend, ("database", "parse")) == "database":
        return None
    if missing := sources.missing_for_parse():
        raise ConfigError(
            f'board.backend is "parse", but {", ".join(missing)} is missing: run '
            f"`encrypt {missing[0]}` and so on, or set {KNOWN[missing[0]].variable}"
        )
    return BoardSettings(
        lines=lambda: _application(sources, "board.lines"),
        mood=lambda: _application(sources, "board.mood"),
    )


def _application(sources: Sources, name: str) -> Application:
    return Application(
        url=_url(label(f"{name}.url"), sources.required(f"{name}.url").strip()),
        application_id=_header(sources, f"{name}.application_id"),
        rest_key=_header(sources, f"{name}.rest_key"),
    )


def _header(sources: Sources, name: str) -> str:
    value = sources.required(name)
    if not _is_header(value):
        raise ConfigError(
            f"{label(name)} has characters that no id or key contains; run `encrypt {name}` again"
        )
    return value


def _metrics_token(sources: Sources) -> str:
    """Return the token for /metrics; "" switches /metrics off."""
    token = sources.value("metrics.token")
    if token and not (len(token) >= _SHORTEST_TOKEN and _is_header(token)):
        raise ConfigError(
            f"{label('metrics.token')} must have at least {_SHORTEST_TOKEN} plain characters and "
            "no white space at its ends: "
            "`mksecret secret.metrics` generates one"
        )
    return token


def _settings(
    rules: Sequence[Rule[Any]], document: Mapping[str, Any], text: str
) -> layers.Settings:
    names = [rule.name for rule in rules]
    for name in document.keys() - {*names, *TABLES}:
        # Operators may keep other secrets there, so only a misspelt table is refused.
        for meant in get_close_matches(name, [*names, *TABLES], n=1, cutoff=0.75):
            raise ConfigError(f"config.toml: [{name}] is unknown; did you mean [{meant}]?")
    try:
        tables = {name: document[name] for name in names if name in document}
        return layers.Settings(operator=layers.read(rules, tables))
    except layers.SettingsError as error:
        located = layers.SettingsError(layers.placed(error.problems, text), "config.toml")
        raise ConfigError(str(located)) from error


def _write_limits(value: str) -> tuple[float, int, int]:
    try:
        seconds, per_minute, per_hour = value.split()
        limits = float(seconds), int(per_minute), int(per_hour)
    except ValueError:
        limits = -1.0, 0, 0
    # More than an hour between writes is a typing error.
    if not (0 <= limits[0] <= 3600 and min(limits[1:]) >= 0):  # noqa: PLR2004
        raise ConfigError(
            "BOT_WRITE_LIMITS must be three numbers: seconds between writes, writes per minute and "
            f"writes per hour, 0 for no limit (GitHub asks for `1 80 500`); not {shown(value)}"
        )
    return limits


def _days(document: Mapping[str, Any]) -> float:
    keep = document.get("keep", {})
    days = keep.get("payload_days", DEFAULT_PAYLOAD_DAYS) if isinstance(keep, dict) else None
    # GitHub redelivers for three days.
    if isinstance(days, bool) or not isinstance(days, int | float) or not days >= 3:  # noqa: PLR2004
        raise ConfigError(f"config.toml: keep.payload_days must be at least 3, not {days!r}")
    return float(days)


def _whole(document: Mapping[str, Any], table: str, name: str, default: int) -> int:
    """Return a whole number from a table of config.toml; 0 for no limit."""
    values = document.get(table, {})
    number = values.get(name, default) if isinstance(values, dict) else None
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= _LARGEST:
        raise ConfigError(
            f"config.toml: {table}.{name} must be a whole number from 0 to {_LARGEST:,} (0 for no "
            f"limit), not {number!r}"
        )
    return number


def _port(value: str) -> int:
    if not (re.fullmatch("[0-9]{1,5}", value) and int(value) <= 65535):  # noqa: PLR2004
        raise ConfigError(f"PORT must be a number from 0 to 65535, not {shown(value)}")
    return int(value)


def _seconds(name: str, value: str, *, least: float = 0.0) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not least <= seconds <= 3600:  # noqa: PLR2004
        raise ConfigError(
            f"{name} must be a number of seconds from {least:g} to 3600, not {shown(value)}"
        )
    return seconds


def _github_url(name: str, value: str) -> str:
    value = _url(name, value)
    try:
        return Origin(value).url
    except BadAddress:
        raise ConfigError(f"{name} must look like https://HOST, not {shown(value)}") from None


def _url(name: str, value: str) -> str:
    if not value.startswith(("https://", "http://")):
        raise ConfigError(f"{name} must begin with https:// (or http://), not {shown(value)}")
    if not _is_unbroken(value):
        raise ConfigError(f"{name} has characters that no address contains: {shown(value)}")
    return value.rstrip("/")


def _is_unbroken(value: str) -> bool:
    """Return whether a text has only printable characters and no white space."""
    return value.isprintable() and not any(map(str.isspace, value))


def _ca_bundle(value: str) -> str:
    try:
        exists = not value or Path(value).exists()
    except OSError:  # too long for a path, or in an unreadable directory
        exists = False
    if not exists:
        raise ConfigError(f"REQUESTS_CA_BUNDLE: there is no {shown(value)}")
    return value


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ConfigError(f"{name} must be {' or '.join(choices)}, not {shown(value)}")
    return value
