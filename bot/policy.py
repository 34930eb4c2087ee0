"""The settings that decide what rules do, read from plain data and checked.

A text is a `string.Template`: `$person` and `$organization` are filled in, and nothing else can be
reached from it, as `str.format` would allow with `{person.__class__}`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template
from typing import Any

WELCOME = """\
Thank you, @$person! This is your first pull request that we have merged. :tada:

If you would like to keep helping, we would love to have you: I have just sent you an invitation to
join **$organization**. It is yours to accept, to leave lying, or to decline; you can go on
contributing exactly as before, and I will not ask again.
"""
_NAMES = frozenset({"person", "organization"})


class PolicyError(Exception):
    """A setting that cannot be used; the message names it, and says what would be right."""


@dataclass(frozen=True, slots=True)
class InviteSettings:
    """When people are invited, and what they are told.

    `merged_pull_requests`: how many it takes, in the whole organisation; at least 1.
    `message`: Markdown with `$person` and `$organization`.
    """

    merged_pull_requests: int = 1
    message: str = WELCOME

    def welcome(self, person: str, organization: str) -> str:
        """The message with the names filled in; `$$` stands for a dollar sign."""
        return Template(self.message).substitute(person=person, organization=organization)


@dataclass(frozen=True, slots=True)
class Settings:
    """All that rules may be told; each part has defaults under which the bot is safe."""

    invite: InviteSettings = field(default_factory=InviteSettings)


def read(values: Mapping[str, Any]) -> Settings:
    """The settings in `values`, as a TOML document gives them: `{"invite": {...}}`.

    Raises PolicyError for an unknown key, a wrong type, or a template that asks for another name.
    """
    invite = values.get("invite", {})
    if not isinstance(invite, Mapping):
        raise PolicyError("[invite] must be a table")
    unknown = set(invite) - {"merged_pull_requests", "message"}
    if unknown:
        raise PolicyError(
            f"invite.{min(unknown)} is not a setting; known are merged_pull_requests, message"
        )
    return Settings(
        invite=InviteSettings(
            merged_pull_requests=_count(invite.get("merged_pull_requests", 1)),
            message=_message(invite.get("message", WELCOME)),
        )
    )


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 100:  # noqa: PLR2004
        raise PolicyError(
            f"invite.merged_pull_requests must be a whole number from 1 to 100, not {value!r}"
        )
    return int(value)


def _message(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise PolicyError("invite.message must be a text")
    template = Template(str(value))
    unknown = set(template.get_identifiers()) - _NAMES
    if unknown or not template.is_valid():
        raise PolicyError(
            "invite.message may use $person and $organization (and $$ for a dollar sign)"
            + (f", not ${min(unknown)}" if unknown else "")
        )
    return template.template
