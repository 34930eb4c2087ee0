"""One behaviour in each file; here is the table that leads from an event to its rules."""

from collections.abc import Sequence

from bot.rule import Rule
from bot.rules import invite, ping

RULES: tuple[Rule, ...] = (invite.RULE, ping.RULE)


def rules_for(event: str, action: str | None) -> Sequence[Rule]:
    """The rules that want to see an event with this action, in the order of the table."""
    return [rule for rule in RULES if (event, action) in rule.events]
