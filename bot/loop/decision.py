"""Decisions: what a rule wants for an event, and the jobs that come of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self, cast

from bot.actions import ACTIONS, Action, Planned, React
from bot.actions.work import LOOK_FIRST, Note
from bot.events import DELIVERIES, SCHEDULE, Event
from bot.facts import NotYet
from bot.options.kinds import changed, digest
from bot.rule import Reader, Rule
from bot.settings.layers import Settings
from bot.store.enqueue import DeliveryNote
from bot.store.identities import Names
from bot.store.meters import RULE_SECONDS
from luggage.github import GithubError
from luggage.jobs import AWAY, Job, LeaseLost, NewJob
from luggage.telemetry.meter import Meter

# A rule that cannot decide yet runs again after this many seconds.
NOT_YET_SECONDS = 10.0
# A rule that failed runs again after this many seconds, alone; a 404 is asked again as soon.
AGAIN_SECONDS = 2.0

_LONGEST_WORDS = 500


@dataclass(frozen=True, slots=True)
class Decision:
    """The actions of one rule, in order, and the settings that it used.

    `settings` are those that differ from the rule's defaults, as plain JSON; `digest` identifies
    all of them. The actions queue up under `subject`, or under the delivery's where it is "".
    `not_yet` says why the rule has not decided; it runs again later. `error` is what it failed
    with, None while GitHub is still computing. `names` are the ids behind the names of the
    delivery.
    """

    rule: str
    actions: Sequence[Action]
    settings: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    subject: str = ""
    not_yet: str = ""
    error: BaseException | None = None
    names: Names = field(default_factory=Names, compare=False, repr=False)

    def key(self, action: Action) -> str:
        """The key of an action in the queue, made of key names."""
        return self.names.stable(action.key)

    def failed(self, error: BaseException) -> Self:
        """The decision of a rule that failed: it has no actions."""
        return replace(self, actions=(), not_yet=_words(error), error=error)


def _words(error: BaseException) -> str:
    """An error in words: those of our own say all, others need the name of their class."""
    name = type(error).__name__
    try:
        text = str(error)[:_LONGEST_WORDS]
    except Exception:  # noqa: BLE001  a custom rule's error may fail in this, too
        text = ""
    return text if text and isinstance(error, GithubError) else f"{name}: {text}"


def evaluate(
    rules: Sequence[Rule[Any]],
    settings: Settings,
    event: Event,
    reader: Reader,
    meter: Meter | None = None,
) -> Iterator[Decision]:
    """Yield the decision of each enabled rule about an event.

    A rule that fails stops no other: its decision has the error. Raises only what says that the
    database is away.
    """
    meter = meter or Meter()
    for rule in rules:
        options = settings.of(rule)
        if options.enabled:
            subject = "" if rule.while_paused else event.place
            fresh = Decision(rule.name, (), changed(options), digest(options), subject)
            with meter.timed(RULE_SECONDS, rule.name):
                decision = decided(fresh, event, partial(rule.decide, event, reader, options))
            yield decision


def decided(fresh: Decision, event: Event, decide: Callable[[], Sequence[Action]]) -> Decision:
    """The decision of one rule; raises only what says that the database is away."""
    try:
        actions = decide()
    except NotYet as reason:
        fresh = replace(fresh, not_yet=str(reason), error=reason.__cause__)
        actions = reason.meanwhile
    except (LeaseLost, *AWAY):
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001  custom rules may raise anything
        return fresh.failed(error)
    try:
        welcome = [action for action in actions if not _is_unwelcome(action, event)]
    except Exception as error:  # noqa: BLE001  custom rules may return anything
        return fresh.failed(error)
    return replace(fresh, actions=welcome)


def _is_unwelcome(action: Action, event: Event) -> bool:
    """Whether an action would only tell something in a conversation that somebody has locked."""
    if not isinstance(action, Action):
        raise TypeError(f"a rule returns a list of actions, and {action!r} is none")
    issue, repository = event.issue, event.repository
    if not action.courtesy or issue is None or repository is None or not issue.is_locked:
        return False
    # A reaction names its text, which is the one of the event.
    is_here = isinstance(action, React) and action.repository == repository.full_name
    return is_here or action.subject.lower() == event.place.lower()


def jobs(decision: Decision, cause: Job, *, installation: int, now: float) -> Iterator[NewJob]:
    """The actions of one rule as jobs; raises what an action raises, and ValueError for its key.

    Each waits for the last work before it that is about the same issue, or about none. No action
    waits for a courtesy.
    """
    work: list[tuple[str, str]] = []
    for each in decision.actions:
        action, key = _lasting(each, decision.names), decision.key(each)
        planned = Planned(
            action=action,
            installation=installation,
            delivery=cause.key,
            rule=decision.rule,
            settings=decision.settings,
            digest=decision.digest,
            names=decision.names.encode(),
        )
        yield NewJob(
            queue=ACTIONS,
            key=_storable(key),
            subject=_line(action, decision.subject or cause.subject),
            kind=action.kind,
            body=planned.encode(),
            run_at=now,
            after=_awaited(action, work),
            parent=cause.id,
            note=_first_note(cause).encode(),
            tenant=cause.tenant or str(installation),
            person=cause.person,
            urgent=cause.urgent or action.urgent,
        )
        if not action.courtesy:
            work.append((_issue_of(action), key))


def _storable(key: str) -> str:
    """The key; raises ValueError for one that a database refuses."""
    key.encode()
    if "\0" in key:
        raise ValueError("the key of an action contains NUL")
    return key


def _line(action: Action, delivery: str) -> str:
    """The subject of an action's job; a reaction has one of its own, so that nothing waits for it.

    It begins with the repository or organisation, so that their pause holds it, too.
    """
    line = action.line(delivery)
    place = line.partition("#")[0]
    return f"{place}/{action.key}" if isinstance(action, React) and place else line


def _issue_of(action: Action) -> str:
    """The issue that an action is about, "" for none."""
    return action.subject if "#" in action.subject else ""


def _awaited(action: Action, work: Sequence[tuple[str, str]]) -> str | None:
    """The key of the work that an action waits for, of those before it."""
    issue = _issue_of(action)
    near = [key for where, key in work if where in {"", issue}]
    if not near and not issue:
        near = [key for _, key in work]
    return near[-1] if near else None


def _lasting(action: Action, names: Names) -> Action:
    """The action with key names in what it is about, of which its markers are made."""
    about = getattr(action, "about", None)
    lasting = names.stable(about) if isinstance(about, str) else about
    return action if lasting == about else replace(cast("Any", action), about=lasting)


def reevaluation(decision: Decision, cause: Job, *, now: float) -> NewJob:
    """The job that runs an undecided rule again, alone.

    It has a subject of its own, so neither the other rules nor later deliveries wait for it. The
    subject begins with the repository or organisation, so their pause holds it, too. Failures of
    one rule about one issue share a subject: their order stays.
    """
    note = DeliveryNote.decode(cause.note)
    at = cause.created_at if note.at is None else note.at
    note = replace(note, only=decision.rule, push=False, commands=False, why=decision.not_yet)
    note = replace(note, at=at)
    again_at = now + (NOT_YET_SECONDS if decision.error is None else AGAIN_SECONDS)
    return NewJob(
        queue=DELIVERIES,
        key=f"{cause.key}/{decision.rule}",
        subject=_subject_again(decision, cause),
        kind=cause.kind,
        body=cause.body,
        run_at=getattr(decision.error, "retry_at", again_at),
        parent=cause.id,
        note=note.encode(),
        tenant=cause.tenant,
        person=cause.person,
        urgent=cause.urgent,
    )


def _subject_again(decision: Decision, cause: Job) -> str:
    place, _, number = cause.subject.partition("#")
    line = cause.key if decision.error is None else number or "all"
    return f"{place}/again/{line}/{decision.rule}" if place else ""


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
