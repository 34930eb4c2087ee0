"""Planned action: an action with its rule, cause and installation, as the queue stores it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from bot.actions.base import Action, kinds


class UnknownAction(ValueError):  # noqa: N818
    """A stored action that no loaded class can read; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """An action as it waits in the queue.

    `delivery` is the delivery behind it. `settings` are those of `rule` that differ from its
    defaults, as plain JSON; `digest` identifies all of them.
    """

    action: Action
    installation: int
    delivery: str
    rule: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""

    def encode(self) -> bytes:
        """All of it as JSON, for the queue."""
        return json.dumps({**asdict(self), "kind": self.action.kind}).encode()

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """What `encode` was given.

        Raises UnknownAction for an action of a custom rule that is not loaded, or of another
        version of the bot.
        """
        said = json.loads(body)
        kind, values = said.pop("kind"), said.pop("action")
        if kind not in kinds():
            raise UnknownAction(
                f"this bot knows no action {kind!r}. If a custom rule defines it: name its file "
                "under [rules] own in config.toml (or in BOT_RULES), restart, and retry this. If a "
                "newer version of the bot stored it: install that version. Or discard it."
            )
        try:
            # JSON has no tuples; a frozen value has no lists.
            action = kinds()[kind](**{name: _frozen(value) for name, value in values.items()})
        except TypeError as error:
            raise UnknownAction(
                f"the stored action {kind!r} does not fit this version of the bot or of its custom "
                f"rule: {error}. Install the version that stored it, and retry this. Or discard it."
            ) from error
        return cls(**said, action=action)


def planned_of(body: bytes | None) -> Planned | None:
    """The stored action; None when its body has expired, or no loaded class can read it."""
    try:
        return None if body is None else Planned.decode(body)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
