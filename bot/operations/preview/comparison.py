"""Comparison of two settings on the stored deliveries.

Both get the same deliveries and the same facts; their decisions differ. An action counts once,
where its key appears first, as in the queue. Nothing is performed or queued.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bot.actions import Action
from bot.loop.decision import Decision, evaluate
from bot.operations.preview.past import Past
from bot.options.kinds import Problem
from bot.rule import Reader, Rule
from bot.rules import rules_for
from bot.settings.layers import Settings

# How many stored deliveries a preview evaluates by default.
LAST = 200
# Limits a preview's questions to GitHub: searches are the scarcest, 30 a minute.
MOST_QUESTIONS = 20
# One delivery more may begin just before.
MOST_SECONDS = 10.0

log = logging.getLogger(__name__)


class How(StrEnum):
    """How an action differs under the changed settings."""

    MORE = "more"
    LESS = "less"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Difference:
    """An action that would be done, not done, or done differently."""

    how: How
    action: Action
    because_of: Past


@dataclass
class Preview:
    """The differences, oldest first, and what they are based on.

    `looked_at` counts deliveries; `unjudged` counts those for which a fact is unknown, `too_late`
    those that were not looked at because the time was over. `ignored` are the values in the file
    that have no effect.
    """

    differences: list[Difference] = field(default_factory=list)
    looked_at: int = 0
    unjudged: int = 0
    too_late: int = 0
    questions: int = 0
    ignored: Sequence[Problem] = ()

    def counts(self) -> Mapping[tuple[str, How], int]:
        """How many actions of each kind differ, and how."""
        return Counter((each.action.kind, each.how) for each in self.differences)


_Actions = dict[str, tuple[Action, Past]]


def preview(
    rules: Sequence[Rule[Any]],
    pasts: Sequence[Past],
    settings: Callable[[Past], tuple[Settings, Settings]],
    reader: Callable[[Past], Reader],
    is_over: Callable[[], bool] = lambda: False,
) -> Preview:
    """Compare the decisions of two settings about past deliveries, until the time is over.

    `settings` returns the current and the changed settings for a delivery. Pure but for the
    reader's questions.
    """
    result, before, after = Preview(), _Actions(), _Actions()
    for past in pasts:
        if is_over():
            result.too_late = len(pasts) - result.looked_at
            break
        judged = _judge(rules, past, settings(past), reader(past))
        result.looked_at += 1
        result.unjudged += judged is None
        for seen, actions in zip((before, after), judged or ((), ()), strict=True):
            for action in actions:
                seen.setdefault(action.key, (action, past))
    result.differences = _differences(before, after)
    return result


def _judge(
    rules: Sequence[Rule[Any]], past: Past, settings: tuple[Settings, Settings], reader: Reader
) -> tuple[Sequence[Action], Sequence[Action]] | None:
    """The actions under both settings; None if a fact is unknown."""
    handling = rules_for(past.event.name, past.event.action, rules)
    try:
        first, second = (list(evaluate(handling, each, past.event, reader)) for each in settings)
    except Exception as error:  # noqa: BLE001  GitHub's errors, missing facts, bugs of rules
        log.debug("the preview cannot judge %s: %s", past.guid, error)
        return None
    for decision in [*first, *second]:
        if decision.not_yet:
            log.debug("the preview cannot judge %s: %s", past.guid, decision.not_yet)
            return None
    return _actions(first), _actions(second)


def _actions(decisions: Sequence[Decision]) -> Sequence[Action]:
    return [action for each in decisions for action in each.actions]


def _differences(before: _Actions, after: _Actions) -> list[Difference]:
    more = [Difference(How.MORE, *after[key]) for key in after if key not in before]
    less = [Difference(How.LESS, *before[key]) for key in before if key not in after]
    other = [
        Difference(How.OTHER, *after[key])
        for key in after
        if key in before and after[key][0] != before[key][0]
    ]
    return sorted([*more, *less, *other], key=lambda each: each.because_of.received_at)
