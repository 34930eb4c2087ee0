"""Settings of a process: one frozen value, made from the environment and config.toml.

A process opens a secret when it needs it: the web process never opens the private key.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv4Network, IPv6Network
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
from bot_deploy.config.files import ConfigFile
from bot_deploy.config.keys import private_keys
from bot_deploy.config.sources import (
    KNOWN,
    ConfigError,
    Notice,
    Sources,
    data_directory,
    read_document,
    require_texts,
    shown,
)
from luggage.crypto import KEYS_SECTION, open_secrets
from luggage.database import DatabaseUrlError, require_address
from luggage.github import ConfigurationError
from luggage.github.tokens import load_private_key
from luggage.github.transport import BadAddress, Origin

DEFAULT_USER_AGENT = "portmanteau"
GITHUB_API = "https://api.github.com"
GITHUB = "https://github.com"
DEFAULT_PAYLOAD_DAYS = 30
DEFAULT_INSTALLATION_MEGABYTES = 1000
# The values of config.toml that no variable overrides.
_IN_FILE_ONLY = ("keep.payload_days", "keep.installation_megabytes", "limits.commands_per_hour")
_NAMES = frozenset({*KNOWN, *_IN_FILE_ONLY, "rules.own"})
# The tables of config.toml that belong to no rule.
TABLES = frozenset({"keys", *(name.partition(".")[0] for name in _NAMES)})
# Where the web process listens: on all addresses, because proxies and published ports come from
# outside; but if deliveries are fetched, nobody else has to reach it.
_ALL = "0.0.0.0"  # noqa: S104  see above
_LOCAL = "127.0.0.1"
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
    """All settings, checked. `app` is None if no App is configured; `file` names config.toml.

    `excess` returns a warning about secrets that the process can open and does not use.
    `handed_over` opens and returns the values that a part uses, and raises as the others do.
    """

    file: str
    app: AppSettings | None
    data: Path
    database_url: str = field(repr=False)
    host: str
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
    labels: Callable[[str], str] = field(repr=False)
    rules: tuple[Rule[Any], ...]
    settings: layers.Settings

    def needed_app(self) -> AppSettings:
        """Return the App's settings. Raises ConfigError if there are none."""
        if self.app is None:
            raise ConfigError(
                "no GitHub App is configured: set GITHUB_APP_ID, GITHUB_PRIVATE_KEY and "
                f"GITHUB_WEBHOOK_SECRET (or each with _FILE), or seal them into {self.file} with "
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
            raise ConfigError(f"{self.labels('github.private_key')}: {error}") from None

    def webhook_secrets(self) -> tuple[str, ...] | None:
        """Return the live webhook secrets; None with BOT_RECEIVE=poll, which has no webhook.

        Raises ConfigError if there is none, SecretError if one cannot be opened.
        """
        app = self.needed_app()
        return None if self.receive == "poll" else app.webhook_secrets()

    def secrets_of(self, part: str) -> Mapping[str, Callable[[], object]]:
        """Return the secrets that a part uses, by name; each call opens and checks one.

        The calls raise what the methods raise. No network is needed.
        """
        app, board = self.needed_app(), self.board
        used: dict[str, Callable[[], object]] = {
            "github.private_key": self.private_key,
            "github.webhook_secrets": self.webhook_secrets,
            "metrics.token": self.metrics_token,
        }
        if app.client_id:
            used["github.client_secret"] = app.client_secret
        if board is not None:
            used |= {"board.lines.rest_key": board.lines, "board.mood.rest_key": board.mood}
        return {name: each for name, each in used.items() if KNOWN[name].is_for(part)}

    def webhook_notice(self) -> Notice | None:
        """Return a notice about the webhook secrets, or None."""
        app = self.needed_app()
        return None if self.receive == "poll" else app.webhook_notice()


def load(
    environ: Mapping[str, str],
    document: Mapping[str, Any] | ConfigFile | None = None,
    *,
    part: str = "",
    opened: Mapping[str, Sequence[str]] | None = None,
) -> Config:
    """Return the settings of this process. Reads files, changes nothing.

    `document` replaces config.toml. `part` is WEB or LOOP in a process that is only that, and
    `opened` are the values that `start` has handed over to it. Raises ConfigError for the first
    invalid setting, and luggage.crypto's SecretError for an invalid key.
    """
    file = document if isinstance(document, ConfigFile) else _read(environ, document)
    require_texts(file)
    # A process that `start` gave its secrets to needs no key, even if one is within its reach.
    keys = private_keys(environ) if opened is None else ()
    place = file.place if file.text else None
    secrets = open_secrets(file.values, keys, place)
    sources = Sources(environ, secrets, part, opened, file)
    data = data_directory(environ)
    if "\0" in str(data):
        raise ConfigError("BOT_DATA has a character that no path contains: set another directory")
    receive = _receive(sources)
    poll_seconds = sources.word("BOT_POLL_SECONDS", "5" if receive == "poll" else "300")
    rules = _rules(file, sources.text("BOT_RULES"), data)
    _refuse_unknown(file, [rule.name for rule in rules])
    app, board = _app(sources), _board(sources)
    return Config(
        file=file.source,
        app=app,
        data=data,
        database_url=_database_url(sources, data),
        host=_host(sources, _LOCAL if receive == "poll" else _ALL),
        port=_port(sources.word("PORT", "8000")),
        trusted_proxies=sources.trusted_proxies(),
        api_url=_github_url("GITHUB_API_URL", sources.word("GITHUB_API_URL", GITHUB_API)),
        server_url=_github_url("GITHUB_SERVER_URL", sources.word("GITHUB_SERVER_URL", GITHUB)),
        ca_bundle=_ca_bundle(sources.path("REQUESTS_CA_BUNDLE")),
        receive=receive,
        poll_seconds=_seconds("BOT_POLL_SECONDS", poll_seconds, least=0.1),
        settle_seconds=_seconds("BOT_SETTLE_SECONDS", sources.word("BOT_SETTLE_SECONDS", "1")),
        write_limits=_write_limits(sources.word("BOT_WRITE_LIMITS", "1 80 500")),
        payload_days=_days(file),
        installation_bytes=1_000_000
        * _whole(file, "keep", "installation_megabytes", DEFAULT_INSTALLATION_MEGABYTES),
        commands_per_hour=_whole(file, "limits", "commands_per_hour", DEFAULT_PER_HOUR),
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
        labels=sources.label,
        rules=rules,
        settings=_settings(rules, file),
    )


def _read(environ: Mapping[str, str], values: Mapping[str, Any] | None) -> ConfigFile:
    return read_document(environ) if values is None else ConfigFile(values=values)


def _receive(sources: Sources) -> str:
    """Return how deliveries come in: "webhook" or "poll"."""
    value = sources.value("github.receive").strip() or "webhook"
    return _one_of(sources.label("github.receive"), value, ("webhook", "poll"))


def _host(sources: Sources, default: str) -> str:
    name = "web.host"
    host = sources.value(name).strip() or default
    try:
        return str(IPv4Address(host))
    except ValueError:
        raise ConfigError(
            f"{sources.label(name)} must be an IPv4 address, such as {_LOCAL} for this machine "
            f"alone or {_ALL} for all its addresses; not {shown(host)}"
        ) from None


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


def _rules(file: ConfigFile, variable: str, data: Path) -> tuple[Rule[Any], ...]:
    source = "BOT_RULES" if variable.strip() else file.at("rules", "own")
    names = custom_names(file.values.get("rules", {}), variable, folder=data, source=source)
    return with_custom(bot.rules.RULES, names, folder=data, source=source, reserved=TABLES)


def database_in(data: Path) -> str:
    """Return the address of the SQLite database in a data directory of any name."""
    file = str(data / "bot.sqlite")
    return URL.create("sqlite", database=file).render_as_string(hide_password=False)


def _database_url(sources: Sources, data: Path) -> str:
    url = sources.value("database.url", database_in(data))
    try:
        require_address(url)
    except DatabaseUrlError as error:
        raise ConfigError(f"{sources.label('database.url')}: {error}") from None
    return url


def _app(sources: Sources) -> AppSettings | None:
    if sources.missing() == [name for name, setting in KNOWN.items() if setting.needed]:
        return None
    return AppSettings(
        app_id=_id(sources, "github.app_id", sources.required("github.app_id")),
        user_agent=_user_agent(sources),
        private_key=lambda: sources.required("github.private_key"),
        webhook_secrets=sources.webhook_secrets,
        webhook_notice=sources.webhook_notice,
        client_id=_id(sources, "github.client_id", sources.value("github.client_id")),
        client_secret=lambda: sources.required("github.client_secret"),
        organizations=sources.organizations(),
    )


def _id(sources: Sources, name: str, value: str) -> str:
    """Return an id from GitHub, without white space around it."""
    value = value.strip()
    if value and not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", value):
        raise ConfigError(f"{sources.label(name)} is not a GitHub id: copy it from the App's page")
    return value


def _user_agent(sources: Sources) -> str:
    value = sources.value("github.user_agent", DEFAULT_USER_AGENT)
    if not _is_header(value):
        raise ConfigError(
            f"{sources.label('github.user_agent')} is sent in a header, so it must be plain ASCII "
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
            f"{sources.label('sentry.dsn')} must look like https://KEY@HOST/NUMBER: copy it from "
            "Sentry, or set it to off"
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
    if _one_of(sources.label("board.backend"), backend, ("database", "parse")) == "database":
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
        url=_url(sources.label(f"{name}.url"), sources.required(f"{name}.url").strip()),
        application_id=_header(sources, f"{name}.application_id"),
        rest_key=_header(sources, f"{name}.rest_key"),
    )


def _header(sources: Sources, name: str) -> str:
    value = sources.required(name)
    if not _is_header(value):
        raise ConfigError(
            f"{sources.label(name)} has characters that no id or key contains; "
            f"run `encrypt {name}` again"
        )
    return value


def _metrics_token(sources: Sources) -> str:
    """Return the token for /metrics; "" switches /metrics off."""
    token = sources.value("metrics.token")
    if token and not (len(token) >= _SHORTEST_TOKEN and _is_header(token)):
        raise ConfigError(
            f"{sources.label('metrics.token')} must have at least {_SHORTEST_TOKEN} plain "
            "characters and no white space at its ends: "
            "`mksecret secret.metrics` generates one"
        )
    return token


def _refuse_unknown(file: ConfigFile, rules: Sequence[str]) -> None:
    """Raise ConfigError for a name in one of our tables that nothing reads, or a misspelt table."""
    for table, inside in file.values.items():
        tables = sorted({*rules, *TABLES})
        if table not in tables:
            # Operators may keep other secrets there, so only a misspelt table is refused.
            for meant in get_close_matches(table, tables, n=1, cutoff=0.75):
                place = file.at(table)
                raise ConfigError(f"{place}: [{table}] is unknown; did you mean [{meant}]?")
        elif table != KEYS_SECTION and table not in rules:
            for name in _names_in(table, inside):
                _require_known(file, name)


def _names_in(name: str, value: Any) -> Iterator[str]:
    """Yield the dotted names of the values below a table that lead to no known one."""
    if name in _NAMES:
        return
    if isinstance(value, Mapping) and any(known.startswith(f"{name}.") for known in _NAMES):
        for key, inside in value.items():
            yield from _names_in(f"{name}.{key}", inside)
    else:
        yield name


def _require_known(file: ConfigFile, name: str) -> None:
    if name in TABLES:
        raise ConfigError(f"{file.place(name)}: {name} must be a table: write [{name}]")
    table = name.partition(".")[0]
    known = sorted(each for each in _NAMES if each.startswith(f"{table}."))
    meant = get_close_matches(name, known, n=1)
    remedy = f"did you mean {meant[0]}?" if meant else f"remove it; there is {', '.join(known)}"
    raise ConfigError(f"{file.place(name)}: {name} is unknown; {remedy}")


def _settings(rules: Sequence[Rule[Any]], file: ConfigFile) -> layers.Settings:
    names = [rule.name for rule in rules]
    try:
        tables = {name: file.values[name] for name in names if name in file.values}
        return layers.Settings(operator=layers.read(rules, tables))
    except layers.SettingsError as error:
        located = layers.SettingsError(layers.placed(error.problems, file.text), file.source)
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


def _days(file: ConfigFile) -> float:
    days = file.values.get("keep", {}).get("payload_days", DEFAULT_PAYLOAD_DAYS)
    # GitHub redelivers for three days.
    if isinstance(days, bool) or not isinstance(days, int | float) or not days >= 3:  # noqa: PLR2004
        place = file.at("keep", "payload_days")
        raise ConfigError(f"{place}: keep.payload_days must be at least 3, not {days!r}")
    return float(days)


def _whole(file: ConfigFile, table: str, name: str, default: int) -> int:
    """Return a whole number from a table of config.toml; 0 for no limit."""
    number = file.values.get(table, {}).get(name, default)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= _LARGEST:
        raise ConfigError(
            f"{file.at(table, name)}: {table}.{name} must be a whole number from 0 to {_LARGEST:,} "
            f"(0 for no limit), not {number!r}"
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
        raise ConfigError(f"REQUESTS_CA_BUNDLE: there is no {shown(value)}: name a file")
    return value


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ConfigError(f"{name} must be {' or '.join(choices)}, not {shown(value)}")
    return value
