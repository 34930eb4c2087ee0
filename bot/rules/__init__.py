"""Built-in rules, one module each, and the table that maps events to rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.events import SCHEDULE
from bot.rule import ACCESS_STRENGTH, Rule
from bot.rules import commands, conflicts, invite, label, nudge, pause, ping, welcome

RULES: tuple[Rule[Any], ...] = (
    invite.RULE,
    welcome.RULE,
    pause.RULE,
    ping.RULE,
    commands.RULE,
    label.RULE,
    conflicts.RULE,
    nudge.RULE,
)

# The bot itself reads `.github/bot.toml`, previews changes of it and reports its errors.
CORE_PERMISSIONS: Mapping[str, str] = {
    "metadata": "read",
    "contents": "read",
    "pull_requests": "read",
    "issues": "write",
    "checks": "write",
}
CORE_EVENTS = frozenset({"push", "pull_request"})
# The bot works without them, as each event shows the ids of what it is about. They name the former
# name of a repository that was renamed or transferred.
HELPFUL_EVENTS = frozenset({"repository"})


@dataclass(frozen=True, slots=True)
class Needs:
    """The permissions (by name) and webhook events that a GitHub App needs."""

    permissions: Mapping[str, str]
    events: frozenset[str]


def rules_for(
    event: str, action: str | None, rules: Sequence[Rule[Any]] | None = None
) -> Sequence[Rule[Any]]:
    """The rules that handle an event with this action, in the order of the table.

    A rule with a schedule handles the event `schedule` whose action is its own name.
    """
    table = RULES if rules is None else rules
    if event == SCHEDULE:
        return [rule for rule in table if rule.schedule and rule.name == action]
    return [rule for rule in table if (event, action or "") in rule.events]


def needed_by(rules: Sequence[Rule[Any]]) -> Mapping[str, Mapping[str, str]]:
    """Who needs which access to a permission: permission -> rule, or "" for the bot -> access."""
    found = {name: {"": access} for name, access in CORE_PERMISSIONS.items()}
    for rule in rules:
        for name, access in rule.permissions.items():
            found.setdefault(name, {})[rule.name] = access
    return found


def needs(rules: Sequence[Rule[Any]]) -> Needs:
    """The permissions and events that the bot and these rules need; the strongest access wins."""
    permissions = {
        name: max(each.values(), key=ACCESS_STRENGTH.__getitem__)
        for name, each in needed_by(rules).items()
    }
    events = {event for rule in rules for event, _action in rule.events}
    return Needs(permissions, CORE_EVENTS | events)
