"""What the operator gave: variables, and the values of config.toml behind them. Not a subcommand.

A variable NAME may be given as NAME_FILE, the path of a file that holds the value; both at once is
an error, because it would not be clear which one counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from luggage.crypto import Secrets


class ConfigError(Exception):
    """A setting that is missing or cannot be used; the message is one line, with the remedy."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A value that the bot knows by name, and the environment variable that stands before it."""

    variable: str
    needed: bool = False
    secret: bool = False
    is_list: bool = False
    for_webhook: bool = False
    for_parse: bool = False


KNOWN: Mapping[str, Setting] = {
    "github.app_id": Setting(variable="GITHUB_APP_ID", needed=True),
    "github.user_agent": Setting(variable="GITHUB_USER_AGENT"),
    "github.private_key": Setting(variable="GITHUB_PRIVATE_KEY", needed=True, secret=True),
    "github.webhook_secrets": Setting(
        variable="GITHUB_WEBHOOK_SECRET", needed=True, secret=True, is_list=True, for_webhook=True
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
class Given:
    """Looks settings up. Raises ConfigError for a variable that cannot be read; safe to repeat."""

    environ: Mapping[str, str] = field(repr=False)
    secrets: Secrets

    def text(self, variable: str, default: str) -> str:
        """The value of a variable, or what the file it names holds; empty counts as unset."""
        value = self.environ.get(variable, "")
        path = self.environ.get(f"{variable}_FILE", "")
        if value and path:
            raise ConfigError(f"{variable} and {variable}_FILE are both set: unset one of them")
        return _read(f"{variable}_FILE", path) if path else value or default

    def value(self, name: str, default: str = "") -> str:
        """The value of a name in KNOWN: its variable's, or that of config.toml, opened now."""
        found = self.text(KNOWN[name].variable, "")
        return found or (self.secrets[name].reveal() if name in self.secrets else default)

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a list in KNOWN; in a variable they are separated by white space."""
        found = tuple(self.text(KNOWN[name].variable, "").split())
        return found or (self.secrets[name].reveal_all() if name in self.secrets else ())

    def demanded(self, name: str) -> tuple[str, ...]:
        """The values of a name in KNOWN, at least one.

        Raises ConfigError, which says how to give it.
        """
        setting = KNOWN[name]
        found = self.values(name) if setting.is_list else (self.value(name),)
        if not any(found):
            raise ConfigError(
                f"{setting.variable} is missing: set it, or {setting.variable}_FILE, or seal it "
                f"into config.toml: `encrypt {name}`"
            )
        return found

    def missing_for_parse(self) -> list[str]:
        """The names in KNOWN that a board on Parse needs and that are not given; opens nothing."""
        return [name for name in KNOWN if KNOWN[name].for_parse and not self._has(name)]

    def missing(self) -> list[str]:
        """The names in KNOWN that are needed and not given; opens nothing."""
        return [name for name in KNOWN if KNOWN[name].needed and not self._has(name)]

    def _has(self, name: str) -> bool:
        return name in self.secrets or bool(self.text(KNOWN[name].variable, ""))


def _read(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        problem = error.strerror
    except UnicodeDecodeError:
        # Not chained: the error holds the bytes of what may be a secret.
        problem = "it is not UTF-8 text"
    raise ConfigError(f"{variable}: {path} cannot be read: {problem}")
