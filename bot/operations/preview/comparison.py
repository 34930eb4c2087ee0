"""What changed settings would have done differently for the deliveries that are stored.

Both settings are given the same deliveries and the same facts; what differs is what they want. An
action counts once, where its key appears first, as in the queue. Nothing is performed, and nothing
is put into the queue.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bot.actions import Action
from bot.loop.evaluate import Wanted, wanted
from bot.operations.preview.past import Past
from bot.rule import Reader, Rule
from bot.rules import rules_for
from bot.settings.layers import Settings

# How many stored deliveries a preview looks at, unless it is told otherwise.
LAST = 200
# What one preview may ask of GitHub: searches, which cost most, are limited to 30 a minute.
MOST_QUESTIONS = 20

log = logging.getLogger(__name__)


class How(StrEnum):
    """How an action differs under the changed settings."""

    MORE = "more"
    LESS = "less"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Difference:
    """An action that would be done, not be done, or be done otherwise, because of a delivery."""

    how: How
    action: Action
    because_of: Past


@dataclass
class Preview:
    """The differences, oldest first, and how much they rest on.

    `looked_at` counts deliveries, `unjudged` those of them for which a fact is not known.
    """

    differences: list[Difference] = field(default_factory=list)
    looked_at: int = 0
    unjudged: int = 0
    questions: int = 0

    def counts(self) -> Mapping[tuple[str, How], int]:
        """How many actions of each kind differ, and how."""
        return Counter((each.action.kind, each.how) for each in self.differences)


_Wishes = dict[str, tuple[Action, Past]]


def preview(
    rules: Sequence[Rule[Any]],
    pasts: Sequence[Past],
    settings: Callable[[Past], tuple[Settings, Settings]],
    reader: Callable[[Past], Reader],
) -> Preview:
    """Compare what two settings want done about past deliveries.

    `settings` gives those that hold and those that would hold for a delivery. Pure but for the
    reader's questions.
    """
    made, before, after = Preview(), _Wishes(), _Wishes()
    for past in pasts:
        judged = _judge(rules, past, settings(past), reader(past))
        made.looked_at += 1
        made.unjudged += judged is None
        for wishes, actions in zip((before, after), judged or ((), ()), strict=True):
            for action in actions:
                wishes.setdefault(action.key, (action, past))
    made.differences = _differences(before, after)
    return made


def _judge(
    rules: Sequence[Rule[Any]], past: Past, settings: tuple[Settings, Settings], reader: Reader
) -> tuple[Sequence[Action], Sequence[Action]] | None:
    """What both settings want; None where it cannot be told."""
    seeing = rules_for(past.event.name, past.event.action, rules)
    try:
        first, second = (list(wanted(seeing, told, past.event, reader)) for told in settings)
    except Exception as error:  # noqa: BLE001  GitHub's errors, missing facts, and faults of rules
        log.debug("the preview cannot judge %s: %s", past.guid, error)
        return None
    if any(each.not_yet for each in [*first, *second]):
        return None
    return _actions(first), _actions(second)


def _actions(wants: Sequence[Wanted]) -> Sequence[Action]:
    return [action for each in wants for action in each.actions]


def _differences(before: _Wishes, after: _Wishes) -> list[Difference]:
    more = [Difference(How.MORE, *after[key]) for key in after if key not in before]
    less = [Difference(How.LESS, *before[key]) for key in before if key not in after]
    other = [
        Difference(How.OTHER, *after[key])
        for key in after
        if key in before and after[key][0] != before[key][0]
    ]
    return sorted([*more, *less, *other], key=lambda each: each.because_of.received_at)
