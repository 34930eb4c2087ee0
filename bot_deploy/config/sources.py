"""Sources of settings: environment variables, and config.toml, which they override.

A variable NAME may be set as NAME_FILE, the path of a file with the value, but not as both.
Only one line end at the end of a value is dropped (docs/decisions/0129-unchanged-values.md).
"""

import errno
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot_deploy.config.files import ConfigFile, UnusableTextError, read_bytes

if TYPE_CHECKING:  # `start` needs the names alone, and stays small
    from luggage.crypto import Secret

# The processes that `start` runs. They can also be started separately.
WEB, LOOP = "web", "loop"
PARTS = (WEB, LOOP)
TITLES = {WEB: "the web process", LOOP: "the loop"}

WEBHOOK_SECRET = "GITHUB_WEBHOOK_SECRET"  # noqa: S105  a name
WEBHOOK_SECRET_OLD = "GITHUB_WEBHOOK_SECRET_OLD"  # noqa: S105  a name

# How a process can open what it does not use, and what to do about it.
_BY_KEY, _IN_CLEAR = "by its key", "in clear in"
_REMEDIES = {
    _BY_KEY: "give it the key of its part, which `rotate --parts` makes",
    _IN_CLEAR: "seal it: `encrypt`",
}

# The errors of a path at which no file can be.
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}

_LINE_END = re.compile(r"\r?\n\Z")
# Two secrets in one variable, as the release before took them. Both must look generated: half of a
# text that a person chose could be guessed.
_TWO_GENERATED = re.compile(r"\s*([0-9a-f]{32,})\s+([0-9a-f]{32,})\s*", re.ASCII | re.IGNORECASE)
_ORGANIZATION = re.compile(r"[\w-]{1,100}", re.ASCII)


class ConfigError(Exception):
    """A missing or invalid setting; the message is one line, with the remedy."""


def data_directory(environ: Mapping[str, str]) -> Path:
    """Return the data directory. Raises ConfigError if BOT_DATA cannot be read."""
    return Path(Sources(environ, {}).path("BOT_DATA", "var"))


def operators_file(environ: Mapping[str, str]) -> Path:
    """Return the operator's config.toml, in BOT_CONFIG or the data directory; it may not exist.

    It lies outside of the bot's own files, so an upgrade leaves it alone: docs/decisions/0202.
    """
    return Path(environ.get("BOT_CONFIG", "") or data_directory(environ) / "config.toml")


def config_file(environ: Mapping[str, str]) -> Path | Traversable:
    """Return the config.toml in use: the operator's, or the bot's own if there is none."""
    mine = operators_file(environ)
    if environ.get("BOT_CONFIG") or _exists(mine):
        return mine
    return resources.files("bot_deploy").joinpath("config.toml")


def config_name(environ: Mapping[str, str]) -> str:
    """Return the file in use, for messages."""
    source = config_file(environ)
    return str(source) if source == operators_file(environ) else "the bot's own config.toml"


def key_file(environ: Mapping[str, str]) -> Path | None:
    """Return the file with the private key: SECRET_KEY_FILE's, or secret.key next to config.toml.

    Returns None if SECRET_KEY is set, or neither file is there.
    """
    if path := environ.get("SECRET_KEY_FILE"):
        return Path(path)
    if environ.get("SECRET_KEY"):
        return None
    config = operators_file(environ)
    beside = config.parent / "secret.key"
    in_use = environ.get("BOT_CONFIG") or _exists(config)
    return beside if in_use and _exists(beside) else None


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except OSError as error:
        if error.errno in _ABSENT:
            return False
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:  # a path with a NUL
        return False
    return True


def read_document(environ: Mapping[str, str]) -> ConfigFile:
    """Return config.toml. Raises ConfigError if it cannot be used."""
    source = config_file(environ)
    try:
        return ConfigFile.parse(str(source), read_bytes(source))
    except UnusableTextError as error:
        problem = str(error)
    except FileNotFoundError:
        problem = (
            f"{source} does not exist: set BOT_CONFIG to another, or run `keygen`, which creates it"
        )
    except OSError as error:
        problem = f"{source} cannot be read ({error.strerror}): set BOT_CONFIG to a file"
    raise ConfigError(problem)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A value of config.toml, and the variable that overrides it.

    `old_variable` holds a second value that is still accepted while the first replaces it. `only`
    names the process that uses the value; "" if both do.
    """

    variable: str
    only: str = ""
    old_variable: str = ""
    needed: bool = False
    secret: bool = False
    is_list: bool = False
    is_number: bool = False
    for_webhook: bool = False
    for_parse: bool = False

    def is_for(self, part: str) -> bool:
        """Return whether a process uses the value; the part "" is all of the bot."""
        return not part or self.only in ("", part)

    @property
    def current(self) -> tuple[str, ...]:
        """The variables for the value: its own, and the one with a file's path."""
        return (self.variable, f"{self.variable}_FILE")

    @property
    def variables(self) -> tuple[str, ...]:
        """All variables, including those of the old value."""
        old = self.old_variable
        return (*self.current, old, f"{old}_FILE") if old else self.current


KNOWN: Mapping[str, Setting] = {
    "github.app_id": Setting(variable="GITHUB_APP_ID", needed=True, is_number=True),
    "github.user_agent": Setting(variable="GITHUB_USER_AGENT"),
    "github.receive": Setting(variable="BOT_RECEIVE"),
    "github.private_key": Setting(
        variable="GITHUB_PRIVATE_KEY", only=LOOP, needed=True, secret=True
    ),
    "github.webhook_secrets": Setting(
        variable=WEBHOOK_SECRET,
        only=WEB,
        old_variable=WEBHOOK_SECRET_OLD,
        needed=True,
        secret=True,
        is_list=True,
        for_webhook=True,
    ),
    "github.client_id": Setting(variable="GITHUB_CLIENT_ID"),
    "github.client_secret": Setting(variable="GITHUB_CLIENT_SECRET", only=WEB, secret=True),
    "console.organizations": Setting(variable="BOT_CONSOLE_ORGANIZATIONS", is_list=True),
    "web.host": Setting(variable="BOT_HOST"),
    "web.trusted_proxies": Setting(variable="BOT_TRUSTED_PROXIES", is_list=True),
    "database.url": Setting(variable="DATABASE_URL"),
    "sentry.dsn": Setting(variable="SENTRY_DSN"),
    "metrics.token": Setting(variable="BOT_METRICS_TOKEN", only=WEB, secret=True),
    "board.backend": Setting(variable="BOT_BOARD"),
    **{
        f"board.{board}.{value}": Setting(
            variable=f"PARSE_{board}_{value}".upper(),
            # The web process shows the lines and takes the mood from the database.
            only=LOOP if board == "mood" else "",
            secret=value != "url",
            for_parse=True,
        )
        for board in ("lines", "mood")
        for value in ("url", "application_id", "rest_key")
    },
}


def part_of(name: str) -> str:
    """Return the process that alone uses a value; "" for one that both use, or for an unknown."""
    return KNOWN[name].only if name in KNOWN else ""


@dataclass(frozen=True)
class Notice:
    """A note to the operator about a value, without any part of it; a warning has a remedy."""

    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class Sources:
    """The environment, and config.toml's values. Raises ConfigError for an unreadable variable.

    `opened` are the values in KNOWN that `start` opened for this process; they replace both. `file`
    is the config.toml, for messages.
    """

    environ: Mapping[str, str] = field(repr=False)
    secrets: "Mapping[str, Secret]"
    part: str = ""
    opened: Mapping[str, Sequence[str]] | None = field(default=None, repr=False)
    file: ConfigFile = field(default_factory=ConfigFile)

    def label(self, name: str) -> str:
        """Return a name in KNOWN with its variable, or with its place in the file that sets it."""
        is_in_file = self.opened is None and not any(map(self._variable, KNOWN[name].current))
        if is_in_file and name in self.secrets and self.file.text:
            return f"{self.file.place(name)}: {name}"
        return label(name)

    def text(self, variable: str, default: str = "") -> str:
        """Return the value of a variable or of its file; an empty variable counts as unset.

        Raises ConfigError if both are set, or the value cannot be read as UTF-8 text.
        """
        # The bytes of the variable, in any locale.
        value = _decoded(os.fsencode(self._variable(variable)))
        path = self._variable(f"{variable}_FILE")
        if value != "" and path:
            raise ConfigError(f"{variable} and {variable}_FILE are both set: unset one of them")
        if path:
            return _read(f"{variable}_FILE", path)
        if value is None:
            raise ConfigError(f"{variable} is not UTF-8 text: set it again")
        return value or default

    def word(self, variable: str, default: str = "") -> str:
        """Return a value without the white space around it, for numbers and addresses."""
        return self.text(variable).strip() or default

    def path(self, variable: str, default: str = "") -> str:
        """Return a path, encoded as the file system has it."""
        text = self.text(variable)
        # In a locale other than UTF-8, the decoded text would name another file.
        return self._variable(variable) or text or default

    def value(self, name: str, default: str = "") -> str:
        """Return the value of a name in KNOWN: its variable's, or config.toml's, opened now."""
        if self.opened is not None:
            return next(iter(self.opened.get(name, ())), default)
        text = self.text(KNOWN[name].variable)
        return text or (self.secrets[name].reveal() if name in self.secrets else default)

    def required(self, name: str) -> str:
        """Return the value of a name in KNOWN. Raises ConfigError, with the remedy, without one."""
        value = self.value(name)
        if not value:
            raise self._missing(name)
        return value

    def values(self, name: str) -> tuple[str, ...]:
        """Return all values of a name in KNOWN; none if it is not set. Raises as the others do."""
        if not self._has(name):
            return ()
        if name == "github.webhook_secrets":
            return self.webhook_secrets()
        if name == "console.organizations":
            return self.organizations()
        return self._list(name) if KNOWN[name].is_list else (self.value(name),)

    def webhook_secrets(self) -> tuple[str, ...]:
        """Return the live webhook secrets: the variable's or config.toml's, and the old one.

        Raises ConfigError for none, or a blank one, which anyone could sign with.
        """
        name = "github.webhook_secrets"
        if self.opened is not None:
            if name not in self.opened:
                raise self._missing(name)
            return tuple(self.opened[name])
        current, old = self.text(WEBHOOK_SECRET), self.text(WEBHOOK_SECRET_OLD)
        if current:
            live = (current, *two_in_one(current))
        else:
            live = self.secrets[name].reveal_all() if name in self.secrets else ()
        if not live:
            raise self._missing(name)
        both = (*live, old) if old else live
        if not all(map(str.strip, both)):
            blank = WEBHOOK_SECRET_OLD if all(map(str.strip, live)) else self.label(name)
            raise ConfigError(f"{blank} is blank: copy the secret from the App's page")
        return both

    def webhook_notice(self) -> Notice | None:
        """Return a notice about white space in GITHUB_WEBHOOK_SECRET, which once separated two."""
        if self.opened is not None:  # `start` has given it
            return None
        secret = self.text(WEBHOOK_SECRET)
        if two_in_one(secret):
            return Notice(
                f"{WEBHOOK_SECRET} holds two secrets; the next release will accept only one",
                f"keep the new one there, and move the old one to {WEBHOOK_SECRET_OLD}",
            )
        if secret != secret.strip():
            return Notice(
                f"{WEBHOOK_SECRET} begins or ends with white space, which is part of the secret",
                "if the secret on the App's page has none, remove it",
            )
        if secret and secret.split() != [secret]:
            return Notice(
                f"{WEBHOOK_SECRET} contains white space and counts as one secret; "
                f"put a second one in {WEBHOOK_SECRET_OLD}"
            )
        return None

    def organizations(self) -> tuple[str, ...]:
        """Return console.organizations; in the variable, spaces separate them.

        Raises ConfigError for an invalid name.
        """
        name = "console.organizations"
        logins = self._list(name)
        for login in logins:
            if not _ORGANIZATION.fullmatch(login):
                raise ConfigError(
                    f"{self.label(name)}: {shown(login)} is not the name of an organisation; "
                    "separate names with spaces"
                )
        return logins

    def trusted_proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Return web.trusted_proxies; in the variable, spaces separate them.

        Raises ConfigError for an invalid address.
        """
        name = "web.trusted_proxies"
        return tuple(_network(self.label(name), text) for text in self._list(name))

    def _list(self, name: str) -> tuple[str, ...]:
        """Return the values of a list; in the variable, spaces separate them."""
        if self.opened is not None:
            return tuple(self.opened.get(name, ()))
        values = tuple(self.text(KNOWN[name].variable).split())
        return values or (self.secrets[name].reveal_all() if name in self.secrets else ())

    def missing_for_parse(self) -> list[str]:
        """Return the names in KNOWN that a board on Parse lacks in this part; opens nothing."""
        needed = (name for name, setting in KNOWN.items() if setting.for_parse)
        return [name for name in needed if KNOWN[name].is_for(self.part) and not self._has(name)]

    def missing(self) -> list[str]:
        """Return the names in KNOWN that every bot needs and that are not set; opens nothing."""
        return [name for name in KNOWN if KNOWN[name].needed and not self._has(name)]

    def excess(self) -> Notice | None:
        """Return a warning about secrets that this part can open and does not use.

        Opens nothing. `start` itself, and subcommands, are no part: they use all.
        """
        found = {name: how for name in KNOWN if (how := self._excess(name))}
        if not found:
            return None
        names = ", ".join(f"{name} ({self._seen(how)})" for name, how in found.items())
        remedies = {_REMEDIES.get(how, f"unset {how} for it") for how in found.values()}
        return Notice(
            f"{TITLES[self.part]} can open what it does not use: {names}",
            "; ".join(sorted(remedies)),
        )

    def _seen(self, how: str) -> str:
        return f"{how} {self.file.source}" if how == _IN_CLEAR else how

    def _excess(self, name: str) -> str:
        """Return what gives away a secret of another part; "" if nothing does."""
        setting = KNOWN[name]
        if self.opened is not None or not setting.secret or setting.is_for(self.part):
            return ""
        if variable := next(filter(self._variable, setting.variables), ""):
            return variable
        if name in self.secrets and self.secrets[name].can_be_opened():
            return _BY_KEY if self.secrets[name].is_sealed() else _IN_CLEAR
        return ""

    def _missing(self, name: str) -> ConfigError:
        variable = KNOWN[name].variable
        return ConfigError(
            f"{variable} is missing: set it or {variable}_FILE, or seal it into {self.file.source} "
            f"with `encrypt {name}`"
        )

    def _has(self, name: str) -> bool:
        if self.opened is not None:
            return name in self.opened
        return name in self.secrets or bool(self.text(KNOWN[name].variable))

    def _variable(self, name: str) -> str:
        return _LINE_END.sub("", self.environ.get(name, ""))


def label(name: str) -> str:
    """Return a name in KNOWN with its variable, for messages."""
    return f"{name} ({KNOWN[name].variable})"


def shown(value: str, longest: int = 60) -> str:
    """Return a public value in quotes, on one line, short enough for a message."""
    cut = value if len(value) <= longest else f"{value[:longest]}…"
    return ascii(cut) if not cut.isprintable() else repr(cut)


def two_in_one(text: str) -> tuple[str, ...]:
    """Return two generated secrets that white space separates; of another text, nothing."""
    match = _TWO_GENERATED.fullmatch(text)
    return match.groups() if match else ()


def from_file(raw: bytes) -> str | None:
    """Return the value in a file's bytes, without a byte order mark and the last line end.

    Returns None if it is not UTF-8 text.
    """
    return _decoded(raw.removeprefix(b"\xef\xbb\xbf"))


def require_texts(file: ConfigFile) -> None:
    """Raise ConfigError unless each value in KNOWN is a text: TOML would change 1.10 or true."""
    for name, setting in KNOWN.items():
        value = _leaf(file.values, name)
        kinds = (str, int) if setting.is_number else (str,)
        values = value if isinstance(value, list) and setting.is_list else [value]
        for each in values if value is not None else ():
            if isinstance(each, bool) or not isinstance(each, kinds):
                expected = "a list of texts in quotes" if setting.is_list else "a text in quotes"
                raise ConfigError(f"{file.place(name)}: {name} must be {expected}")


def _leaf(document: Any, name: str) -> Any:
    for part in name.split("."):
        document = document.get(part) if isinstance(document, Mapping) else None
    return document


def _network(label: str, text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ConfigError(
            f"{label}: {shown(text)} is not an address or network such as 10.0.0.0/8; "
            "separate several by spaces"
        ) from None


def _decoded(raw: bytes) -> str | None:
    try:
        return _LINE_END.sub("", raw.decode())
    except UnicodeDecodeError:
        return None


def _read(variable: str, path: str) -> str:
    try:
        value = from_file(read_bytes(Path(path)))
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        problem = getattr(error, "strerror", None) or "it is no path"
    else:
        # Raised outside of `except`: the codec's error holds the bytes, which may be a secret.
        if value is not None:
            return value
        problem = "it is not UTF-8 text"
    raise ConfigError(f"{variable}: {path} cannot be read ({problem}): name a file with the value")
