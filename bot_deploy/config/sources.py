"""What the operator gave: variables, and the values of config.toml behind them. Not a subcommand.

A variable NAME may be given as NAME_FILE, the path of a file that holds the value; both at once is
an error, because it would not be clear which one counts. A value is taken as it is: one line end at
its end is dropped, nothing else is trimmed or split (docs/decisions/0129-values-as-they-are.md).
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from luggage.crypto import Secrets

WEBHOOK_SECRET = "GITHUB_WEBHOOK_SECRET"  # noqa: S105  a name
WEBHOOK_SECRET_OLD = "GITHUB_WEBHOOK_SECRET_OLD"  # noqa: S105  a name

_LINE_END = re.compile(r"\r?\n\Z")
# How the release before was given two secrets. Both must look generated: half of a text that a
# person chose could be guessed.
_TWO_GENERATED = re.compile(r"\s*([0-9a-f]{32,})\s+([0-9a-f]{32,})\s*", re.ASCII | re.IGNORECASE)
_ORGANIZATION = re.compile(r"[\w-]{1,100}", re.ASCII)


class ConfigError(Exception):
    """A setting that is missing or cannot be used; the message is one line, with the remedy."""


def config_file(environ: Mapping[str, str]) -> Path | Traversable:
    """Return the operator's config.toml: the file that BOT_CONFIG names, or the bot's own."""
    named = environ.get("BOT_CONFIG", "")
    return Path(named) if named else resources.files("bot_deploy").joinpath("config.toml")


def read_document(environ: Mapping[str, str]) -> tuple[str, Mapping[str, Any]]:
    """Return config.toml as text and as a document.

    Raises ConfigError for a file that BOT_CONFIG names and that cannot be used.
    """
    source = config_file(environ)
    try:
        text = source.read_text(encoding="utf-8-sig")
        return text, tomllib.loads(text)
    except FileNotFoundError:
        problem = "is not there (BOT_CONFIG); `keygen` makes it, with a key pair"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        problem = "is not TOML (it is not UTF-8 text): mend it by hand"
    except tomllib.TOMLDecodeError as error:
        problem = f"is not TOML ({error}): mend it by hand"
    raise ConfigError(f"{source} {problem}")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A value that the bot knows by name, and the environment variable that overrides it.

    `old_variable` names one for a second value that is accepted too, while the first replaces it.
    """

    variable: str
    old_variable: str = ""
    needed: bool = False
    secret: bool = False
    is_list: bool = False
    is_number: bool = False
    for_webhook: bool = False
    for_parse: bool = False

    @property
    def current(self) -> tuple[str, ...]:
        """The variables that give it: itself, or the path of a file."""
        return (self.variable, f"{self.variable}_FILE")

    @property
    def variables(self) -> tuple[str, ...]:
        """The same, and those of the value that it replaces."""
        old = self.old_variable
        return (*self.current, old, f"{old}_FILE") if old else self.current


KNOWN: Mapping[str, Setting] = {
    "github.app_id": Setting(variable="GITHUB_APP_ID", needed=True, is_number=True),
    "github.user_agent": Setting(variable="GITHUB_USER_AGENT"),
    "github.private_key": Setting(variable="GITHUB_PRIVATE_KEY", needed=True, secret=True),
    "github.webhook_secrets": Setting(
        variable=WEBHOOK_SECRET,
        old_variable=WEBHOOK_SECRET_OLD,
        needed=True,
        secret=True,
        is_list=True,
        for_webhook=True,
    ),
    "github.client_id": Setting(variable="GITHUB_CLIENT_ID"),
    "github.client_secret": Setting(variable="GITHUB_CLIENT_SECRET", secret=True),
    "console.organizations": Setting(variable="BOT_CONSOLE_ORGANIZATIONS", is_list=True),
    "database.url": Setting(variable="DATABASE_URL"),
    "sentry.dsn": Setting(variable="SENTRY_DSN"),
    "metrics.token": Setting(variable="BOT_METRICS_TOKEN", secret=True),
    "board.backend": Setting(variable="BOT_BOARD"),
    "board.lines.url": Setting(variable="PARSE_LINES_URL", for_parse=True),
    "board.lines.application_id": Setting(
        variable="PARSE_LINES_APPLICATION_ID", secret=True, for_parse=True
    ),
    "board.lines.rest_key": Setting(variable="PARSE_LINES_REST_KEY", secret=True, for_parse=True),
    "board.mood.url": Setting(variable="PARSE_MOOD_URL", for_parse=True),
    "board.mood.application_id": Setting(
        variable="PARSE_MOOD_APPLICATION_ID", secret=True, for_parse=True
    ),
    "board.mood.rest_key": Setting(variable="PARSE_MOOD_REST_KEY", secret=True, for_parse=True),
}


@dataclass(frozen=True)
class Notice:
    """What the operator should know of a value, without any part of it, and perhaps a remedy."""

    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class Given:
    """Looks settings up. Raises ConfigError for a variable that cannot be read; safe to repeat."""

    environ: Mapping[str, str] = field(repr=False)
    secrets: Secrets

    def text(self, variable: str, default: str = "") -> str:
        """The value of a variable, or what the file it names holds; empty counts as unset.

        As it is, but for one line end at its end, and a byte order mark at a file's beginning.
        """
        # Whatever the locale is, these are the bytes that the variable was set to.
        found = _decoded(os.fsencode(self._variable(variable)))
        path = self._variable(f"{variable}_FILE")
        if found != "" and path:
            raise ConfigError(f"{variable} and {variable}_FILE are both set: unset one of them")
        if path:
            return _read(f"{variable}_FILE", path)
        if found is None:
            raise ConfigError(f"{variable} is not UTF-8 text: set it again in this terminal")
        return found or default

    def word(self, variable: str, default: str = "") -> str:
        """The value of a variable in which white space means nothing: a number, an address."""
        return self.text(variable).strip() or default

    def path(self, variable: str, default: str = "") -> str:
        """The path that a variable holds, or the file it names, as the file system has it."""
        found = self.text(variable)
        # Not the text itself: in a locale other than UTF-8 that would name another file.
        return self._variable(variable) or found or default

    def value(self, name: str, default: str = "") -> str:
        """The value of a name in KNOWN: its variable's, or that of config.toml, opened now."""
        found = self.text(KNOWN[name].variable)
        return found or (self.secrets[name].reveal() if name in self.secrets else default)

    def demanded(self, name: str) -> str:
        """The value of a name in KNOWN.

        Raises ConfigError, which says how to give it.
        """
        found = self.value(name)
        if not found:
            raise _missing(name)
        return found

    def webhook_secrets(self) -> tuple[str, ...]:
        """The live webhook secrets: that of the variable or those of config.toml, and the old one.

        Raises ConfigError where there is none, or a blank one, by which anybody could sign.
        """
        name = "github.webhook_secrets"
        current, old = self.text(WEBHOOK_SECRET), self.text(WEBHOOK_SECRET_OLD)
        if current:
            live = (current, *two_in_one(current))
        else:
            live = self.secrets[name].reveal_all() if name in self.secrets else ()
        if not live:
            raise _missing(name)
        found = (*live, old) if old else live
        if not all(secret.strip() for secret in found):
            blank = WEBHOOK_SECRET_OLD if all(map(str.strip, live)) else label(name)
            raise ConfigError(f"{blank} has a blank secret: set the one from the App's page")
        return found

    def webhook_notice(self) -> Notice | None:
        """What to say of GITHUB_WEBHOOK_SECRET, in which white space used to separate two."""
        found = self.text(WEBHOOK_SECRET)
        if two_in_one(found):
            return Notice(
                f"{WEBHOOK_SECRET} holds two secrets; this release is the last to accept each",
                f"leave the new one there, and move the other to {WEBHOOK_SECRET_OLD}",
            )
        if found != found.strip():
            return Notice(
                f"{WEBHOOK_SECRET} begins or ends with white space, which is part of the secret",
                "if it is not at GitHub, remove it",
            )
        if found.split() != [found] and found:
            return Notice(
                f"{WEBHOOK_SECRET} has white space in it and is one secret; "
                f"a second belongs in {WEBHOOK_SECRET_OLD}"
            )
        return None

    def organizations(self) -> tuple[str, ...]:
        """The organisations of console.organizations; in the variable, spaces separate them.

        Raises ConfigError for what is no organisation's name.
        """
        name = "console.organizations"
        found = tuple(self.text(KNOWN[name].variable).split())
        found = found or (self.secrets[name].reveal_all() if name in self.secrets else ())
        for each in found:
            if not _ORGANIZATION.fullmatch(each):
                raise ConfigError(
                    f"{label(name)}: {shown(each)} is not the name of an organisation; "
                    "separate names by spaces"
                )
        return found

    def missing_for_parse(self) -> list[str]:
        """The names in KNOWN that a board on Parse needs and that are not given; opens nothing."""
        return [name for name in KNOWN if KNOWN[name].for_parse and not self._has(name)]

    def missing(self) -> list[str]:
        """The names in KNOWN that are needed and not given; opens nothing."""
        return [name for name in KNOWN if KNOWN[name].needed and not self._has(name)]

    def _has(self, name: str) -> bool:
        return name in self.secrets or bool(self.text(KNOWN[name].variable))

    def _variable(self, name: str) -> str:
        return _LINE_END.sub("", self.environ.get(name, ""))


def label(name: str) -> str:
    """A name in KNOWN as an error says it, with its variable."""
    return f"{name} ({KNOWN[name].variable})"


def shown(value: str, longest: int = 60) -> str:
    """A value that is no secret, in quotes, on one line, and not too long for a message."""
    cut = value if len(value) <= longest else f"{value[:longest]}…"
    return ascii(cut) if not cut.isprintable() else repr(cut)


def two_in_one(text: str) -> tuple[str, ...]:
    """The two secrets in a text that is two generated ones with white space between; else none."""
    match = _TWO_GENERATED.fullmatch(text)
    return match.groups() if match else ()


def from_file(raw: bytes) -> str | None:
    """The value in the bytes of a file or a stream, None where they are not UTF-8 text.

    Without what editors add: a byte order mark at the beginning, a line end at the end.
    """
    return _decoded(raw.removeprefix(b"\xef\xbb\xbf"))


def require_texts(document: Mapping[str, Any]) -> None:
    """Return when config.toml has each value in KNOWN as text.

    Raises ConfigError: of 1.10 or true, TOML does not keep what somebody typed.
    """
    for name, setting in KNOWN.items():
        value = _leaf(document, name)
        kinds = (str, int) if setting.is_number else (str,)
        several = value if isinstance(value, list) and setting.is_list else [value]
        for each in several if value is not None else ():
            if isinstance(each, bool) or not isinstance(each, kinds):
                wanted = "a list of texts in quotes" if setting.is_list else "a text in quotes"
                raise ConfigError(f"config.toml: {name} must be {wanted}")


def _leaf(document: Any, name: str) -> Any:
    for part in name.split("."):
        document = document.get(part) if isinstance(document, Mapping) else None
    return document


def _missing(name: str) -> ConfigError:
    variable = KNOWN[name].variable
    return ConfigError(
        f"{variable} is missing: set it, or {variable}_FILE, or seal it into config.toml: "
        f"`encrypt {name}`"
    )


def _decoded(raw: bytes) -> str | None:
    try:
        return _LINE_END.sub("", raw.decode())
    except UnicodeDecodeError:
        return None


def _read(variable: str, path: str) -> str:
    try:
        found = from_file(Path(path).read_bytes())
    except OSError as error:
        problem = error.strerror
    else:
        # Not raised in an `except`: the error of the codec holds the bytes of what may be a secret.
        if found is not None:
            return found
        problem = "it is not UTF-8 text"
    raise ConfigError(f"{variable}: {path} cannot be read: {problem}")
