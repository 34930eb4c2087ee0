"""Evaluation: collects what each enabled rule decides about an event.

Deliveries, schedules and previews share it; they differ in the reader and in what they do with the
actions. Nothing is performed here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.actions import ACTIONS, Action, Planned
from bot.actions.work import LOOK_FIRST, Note
from bot.events import DELIVERIES, SCHEDULE, Event
from bot.facts import NotYet
from bot.options.kinds import changed, digest
from bot.rule import Reader, Rule
from bot.settings.layers import Settings
from bot.store.enqueue import DeliveryNote
from bot.store.meters import RULE_SECONDS
from luggage.jobs import Job, NewJob, Postpone
from luggage.telemetry.meter import Meter

# A rule that cannot decide yet runs again after this many seconds, until the timeout.
NOT_YET_SECONDS = 10.0
NOT_YET_TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Decision:
    """The actions of one rule, in order, and the settings that it used.

    `settings` are those that differ from the rule's defaults, as plain JSON; `digest` identifies
    all of them. The actions queue up under `subject`, or under the delivery's where it is "".
    `not_yet` says why the rule cannot decide yet; it runs again later.
    """

    rule: str
    actions: Sequence[Action]
    settings: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    subject: str = ""
    not_yet: str = ""


def evaluate(
    rules: Sequence[Rule[Any]],
    settings: Settings,
    event: Event,
    reader: Reader,
    meter: Meter | None = None,
) -> Iterator[Decision]:
    """Yield the decision of each enabled rule about an event; raises what the reader raises."""
    meter = meter or Meter()
    for rule in rules:
        options = settings.of(rule)
        if options.enabled:
            not_yet = ""
            try:
                with meter.timed(RULE_SECONDS, rule.name):
                    actions = rule.decide(event, reader, options)
            except NotYet as reason:
                actions, not_yet = reason.meanwhile, str(reason)
            subject = "" if rule.while_paused else event.place
            yield Decision(rule.name, actions, changed(options), digest(options), subject, not_yet)


def jobs(decision: Decision, cause: Job, *, installation: int, now: float) -> Iterator[NewJob]:
    """The actions of one rule as jobs; each waits for the one before it."""
    previous: str | None = None
    for action in decision.actions:
        planned = Planned(
            action=action,
            installation=installation,
            delivery=cause.key,
            rule=decision.rule,
            settings=decision.settings,
            digest=decision.digest,
        )
        yield NewJob(
            queue=ACTIONS,
            key=action.key,
            subject=action.line(decision.subject or cause.subject),
            kind=action.kind,
            body=planned.encode(),
            run_at=now,
            after=previous,
            parent=cause.id,
            note=_first_note(cause).encode(),
        )
        previous = action.key


def reevaluation(decision: Decision, cause: Job, *, now: float) -> NewJob:
    """The job that runs an undecided rule again; raises Postpone if `cause` is one already.

    It has no subject, so neither the other rules nor later deliveries wait for it.
    """
    at = now + NOT_YET_SECONDS
    if is_reevaluation(cause):
        raise Postpone(at, decision.not_yet)
    return NewJob(
        queue=DELIVERIES,
        key=f"{cause.key}/{decision.rule}",
        kind=cause.kind,
        body=cause.body,
        run_at=at,
        parent=cause.id,
        note=replace(DeliveryNote.decode(cause.note), only=decision.rule).encode(),
    )


def is_reevaluation(job: Job) -> bool:
    """Whether a job runs one rule again that could not decide at first."""
    return bool(DeliveryNote.decode(job.note).only)


def requested(rules: Sequence[Rule[Any]], job: Job) -> Sequence[Rule[Any]]:
    """The rules that a job runs: all of `rules`, or the one that it runs again."""
    only = DeliveryNote.decode(job.note).only
    return [rule for rule in rules if not only or rule.name == only]


def _first_note(cause: Job) -> Note:
    """The note of a new action; LOOK_FIRST if another database may have acted before."""
    may_repeat = DeliveryNote.decode(cause.note).may_repeat or cause.kind == SCHEDULE
    return LOOK_FIRST if may_repeat else Note()
