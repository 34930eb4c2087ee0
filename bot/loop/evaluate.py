"""Evaluation: asks each rule what it wants because of an event, by the settings that hold for it.

A delivery, a schedule and a preview do the same. They differ in the reader, and in what becomes of
the actions. Nothing is performed here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.actions import ACTIONS, Action, Planned
from bot.actions.records import LOOK_FIRST, Note
from bot.events import DELIVERIES, SCHEDULE, Event
from bot.facts import NotYet
from bot.options.kinds import changed, digest
from bot.rule import Reader, Rule
from bot.settings.layers import Settings
from bot.store.enqueue import DeliveryNote
from bot.store.meters import RULE_SECONDS
from luggage.jobs import Job, NewJob, Postpone
from luggage.telemetry.meter import Meter

# How soon a rule that cannot decide yet is asked again, and how long that goes on, in seconds.
NOT_YET_SECONDS = 10.0
NOT_YET_PATIENCE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one rule wants done, in its order, and the settings that it used.

    `settings` are those that differ from the rule's defaults, as plain JSON; `digest` identifies
    all of them. `subject` is the line in which the actions wait, "" for that of the delivery.
    `not_yet` says why the rule cannot decide yet, so that it is asked again.
    """

    rule: str
    actions: Sequence[Action]
    settings: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    subject: str = ""
    not_yet: str = ""


def wanted(
    rules: Sequence[Rule[Any]],
    settings: Settings,
    event: Event,
    reader: Reader,
    meter: Meter | None = None,
) -> Iterator[Wanted]:
    """What the enabled rules want because of an event, rule by rule.

    Raises what the reader raises. It only asks the reader, and tells the meter how long each rule
    takes.
    """
    meter = meter or Meter()
    for rule in rules:
        told = settings.of(rule)
        if told.enabled:
            not_yet = ""
            try:
                with meter.timed(RULE_SECONDS, rule.name):
                    actions = rule.decide(event, reader, told)
            except NotYet as reason:
                actions, not_yet = reason.meanwhile, str(reason)
            subject = "" if rule.while_paused else event.place
            yield Wanted(rule.name, actions, changed(told), digest(told), subject, not_yet)


def jobs(wants: Wanted, because_of: Job, *, installation: int, now: float) -> Iterator[NewJob]:
    """The actions of one rule as jobs; each waits for the one before it."""
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
            subject=action.line(wants.subject or because_of.subject),
            kind=action.kind,
            body=planned.encode(),
            run_at=now,
            after=before,
            parent=because_of.id,
            note=_first_note(because_of).encode(),
        )
        before = action.key


def asked_again(wants: Wanted, because_of: Job, *, now: float) -> NewJob:
    """A job that asks the one rule again that cannot decide yet; the other rules do not wait.

    It has no subject, so later deliveries about the same issue do not wait either. Raises Postpone
    where `because_of` is such a job already.
    """
    at = now + NOT_YET_SECONDS
    if is_asked_again(because_of):
        raise Postpone(at, wants.not_yet)
    return NewJob(
        queue=DELIVERIES,
        key=f"{because_of.key}/{wants.rule}",
        kind=because_of.kind,
        body=because_of.body,
        run_at=at,
        parent=because_of.id,
        note=replace(DeliveryNote.decode(because_of.note), only=wants.rule).encode(),
    )


def is_asked_again(job: Job) -> bool:
    """Whether a job asks one rule again, which could not decide when the delivery came in."""
    return bool(DeliveryNote.decode(job.note).only)


def asked(rules: Sequence[Rule[Any]], job: Job) -> Sequence[Rule[Any]]:
    """The rules that a job asks: all of these, or the one that it asks again."""
    only = DeliveryNote.decode(job.note).only
    return [rule for rule in rules if not only or rule.name == only]


def _first_note(because_of: Job) -> Note:
    """The note of a new action: it looks first where another database may have acted before."""
    repeats = DeliveryNote.decode(because_of.note).may_repeat or because_of.kind == SCHEDULE
    return LOOK_FIRST if repeats else Note()
