"""One behaviour in each file; here is the table that leads from an event to its rules."""

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

# What the bot itself needs, whatever the rules: it reads `.github/bot.toml` and hears of its
# changes, shows what a changed file would do, and says what is wrong with it.
CORE_PERMISSIONS: Mapping[str, str] = {
    "metadata": "read",
    "contents": "read",
    "pull_requests": "read",
    "issues": "write",
    "checks": "write",
}
CORE_EVENTS = frozenset({"push", "pull_request"})


@dataclass(frozen=True, slots=True)
class Needs:
    """What a GitHub App must be given: `permissions` by name, and the events it subscribes to."""

    permissions: Mapping[str, str]
    events: frozenset[str]


def rules_for(
    event: str, action: str | None, rules: Sequence[Rule[Any]] | None = None
) -> Sequence[Rule[Any]]:
    """The rules that want to see an event with this action, in the order of the table.

    A rule with a schedule wants to see the event `schedule` whose action is its own name.
    """
    table = RULES if rules is None else rules
    if event == SCHEDULE:
        return [rule for rule in table if rule.schedule and rule.name == action]
    return [rule for rule in table if (event, action or "") in rule.events]


def needs(rules: Sequence[Rule[Any]]) -> Needs:
    """The permissions and events that these rules and the bot itself need. Pure.

    Where two rules need the same permission, the stronger access counts.
    """
    permissions = dict(CORE_PERMISSIONS)
    for rule in rules:
        for name, access in rule.permissions.items():
            permissions[name] = max(
                permissions.get(name, access), access, key=ACCESS_STRENGTH.__getitem__
            )
    events = {event for rule in rules for event, _action in rule.events}
    return Needs(permissions, CORE_EVENTS | events)
