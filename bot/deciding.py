"""Let rules decide an event, each by the settings that hold for it; nothing is done here.

The same for a delivery, for a schedule and for a preview: what differs is the reader, and what
becomes of the actions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.actions import ACTIONS, Action, Planned
from bot.events import Event
from bot.intake import RECOVERED
from bot.metrics import RULE_SECONDS
from bot.options import changed, digest
from bot.perform import LOOK_FIRST
from bot.policy import Settings
from bot.rule import Reader, Rule
from luggage.jobs import Job, NewJob
from luggage.meter import Meter


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one rule wants done, in its order, and the settings by which it wants it.

    `settings` are those that differ from the rule's defaults, as plain JSON; `digest` names all.
    `subject` is in whose line the actions wait, "" for that of the delivery.
    """

    rule: str
    actions: Sequence[Action]
    settings: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    subject: str = ""


def wanted(
    rules: Sequence[Rule[Any]],
    settings: Settings,
    event: Event,
    reader: Reader,
    meter: Meter | None = None,
) -> Iterator[Wanted]:
    """What the rules that are switched on want because of an event, rule by rule.

    Raises what the reader raises. Pure but for the reader's questions, and for what the meter is
    told of the time that each rule takes.
    """
    meter = meter or Meter()
    for rule in rules:
        told = settings.of(rule)
        if told.enabled:
            with meter.timed(RULE_SECONDS, rule.name):
                actions = rule.decide(event, reader, told)
            subject = "" if rule.while_paused else event.place
            yield Wanted(rule.name, actions, changed(told), digest(told), subject)


def jobs(wants: Wanted, because_of: Job, *, installation: int, now: float) -> Iterator[NewJob]:
    """The actions of one rule as jobs, each waiting for the one before it."""
    before: str | None = None
    for action in wants.actions:
        planned = Planned(
            action=action,
            installation=installation,
            delivery=because_of.key,
            rule=wants.rule,
            settings=wants.settings,
            digest=wants.digest,
        )
        yield NewJob(
            queue=ACTIONS,
            key=action.key,
            subject=getattr(action, "subject", wants.subject or because_of.subject),
            kind=action.kind,
            body=planned.encode(),
            run_at=now,
            after=before,
            parent=because_of.id,
            note=LOOK_FIRST if because_of.note == RECOVERED else "",
        )
        before = action.key
