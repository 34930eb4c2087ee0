"""Job handlers of the loop: one evaluates deliveries, the other performs actions.

Both kinds of job share one queue. Rules change nothing; schedules and previews evaluate them with
other readers. Finishing a delivery and queuing its actions is one transaction. After a while
without work the loop says on the board that it is bored.
"""

import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, TypeVar, cast

from bot.actions import ACTIONS, Action, Planned, Superseded, UnknownAction, Work
from bot.actions.work import LOOK_FIRST, Note, UnreadableRecord
from bot.events import ACCOUNT, DELIVERIES, RENAMES, REPOSITORY, SCHEDULE, Event, view
from bot.facts import NotYet
from bot.loop.changed_paths import ChangedPaths
from bot.loop.command_rate import DEFAULT_PER_HOUR, CommandRate
from bot.loop.command_rate import NAME as COMMAND_RATE
from bot.loop.reader import github_reader
from bot.options.kinds import changed, digest
from bot.rule import Reader, Rule
from bot.rules import rules_for
from bot.settings.files import SETTINGS, Known, SettingsFiles, complaint
from bot.settings.layers import Settings
from bot.store.board import Board
from bot.store.enqueue import DeliveryNote
from bot.store.identities import Names
from bot.store.meters import JOB_SECONDS, JOBS_TOTAL, RULE_SECONDS
from bot.store.people import People
from luggage.github import (
    Ambiguous,
    Client,
    GithubApp,
    RateLimited,
    RequestFailed,
    Transient,
    Unauthorized,
    Unreachable,
)
from luggage.github.webhooks import documented_event
from luggage.jobs import Dead, Done, Handler, Ignored, Job, NewJob, Outcome, Postpone, Queue, Retry
from luggage.telemetry.logs import log_context
from luggage.telemetry.meter import Meter

# A rule that cannot decide yet runs again after this many seconds, until the timeout.
NOT_YET_SECONDS = 10.0
NOT_YET_TIMEOUT_SECONDS = 600.0
# While GitHub is down, failed tries do not count as attempts for this many seconds.
OUTAGE_SECONDS = 24 * 3600.0

# How long names are taken to be those of the time when an action was decided.
FRESH_SECONDS = 60.0

# How many later deliveries about a pull request are looked through for a push.
_MOST_LATER = 64

_Addressed = TypeVar("_Addressed", Event, Action)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decision:
    """The actions of one rule, in order, and the settings that it used.

    `settings` are those that differ from the rule's defaults, as plain JSON; `digest` identifies
    all of them. The actions queue up under `subject`, or under the delivery's where it is "".
    `not_yet` says why the rule cannot decide yet; it runs again later. `names` are the ids behind
    the names of the delivery.
    """

    rule: str
    actions: Sequence[Action]
    settings: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    subject: str = ""
    not_yet: str = ""
    names: Names = field(default_factory=Names, compare=False, repr=False)

    def key(self, action: Action) -> str:
        """The key of an action in the queue, made of key names."""
        return self.names.stable(action.key)


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
    for decided in decision.actions:
        action, key = _lasting(decided, decision.names), decision.key(decided)
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
            key=key,
            subject=action.line(decision.subject or cause.subject),
            kind=action.kind,
            body=planned.encode(),
            run_at=now,
            after=previous,
            parent=cause.id,
            note=_first_note(cause).encode(),
            tenant=cause.tenant or str(installation),
            person=cause.person,
            urgent=cause.urgent or action.urgent,
        )
        previous = key


def _lasting(action: Action, names: Names) -> Action:
    """The action with key names in what it is about, of which its markers are made."""
    about = getattr(action, "about", None)
    lasting = names.stable(about) if isinstance(about, str) else about
    return action if lasting == about else replace(cast("Any", action), about=lasting)


def reevaluation(decision: Decision, cause: Job, *, now: float) -> NewJob:
    """The job that runs an undecided rule again; raises Postpone if `cause` is one already.

    It has a subject of its own, so neither the other rules nor later deliveries wait for it. The
    subject begins with the repository or organisation, so their pause holds it, too.
    """
    at, note = now + NOT_YET_SECONDS, DeliveryNote.decode(cause.note)
    if is_reevaluation(cause):
        raise Postpone(at, decision.not_yet)
    return NewJob(
        queue=DELIVERIES,
        key=f"{cause.key}/{decision.rule}",
        subject=_subject_again(cause, decision.rule),
        kind=cause.kind,
        body=cause.body,
        run_at=at,
        parent=cause.id,
        note=replace(note, only=decision.rule, push=False, commands=False).encode(),
        tenant=cause.tenant,
        person=cause.person,
        urgent=cause.urgent,
    )


def _subject_again(cause: Job, rule: str) -> str:
    place = cause.subject.partition("#")[0]
    return f"{place}/again/{cause.key}/{rule}" if place else ""


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


class SettingsPreview(Protocol):
    """Creates check runs about changed settings."""

    @property
    def name(self) -> str:
        """The rule that its actions are recorded under."""

    @property
    def events(self) -> Collection[tuple[str, str]]:
        """The events and actions that may be about a pull request that changes the settings."""

    def check(self, client: Client, event: Event) -> Sequence[Action]:
        """The check run for a pull request; raises luggage.github's RequestFailed."""


class Updater:
    """Evaluates deliveries and performs actions, one job at a time. Threads may share it."""

    def __init__(  # noqa: PLR0913  dependencies, passed by name
        self,
        *,
        app: GithubApp,
        queue: Queue,
        people: People,
        settings: SettingsFiles,
        clock: Callable[[], float],
        meter: Meter | None = None,
        previewer: SettingsPreview,
        commands_per_hour: int = DEFAULT_PER_HOUR,
    ) -> None:
        self._app = app
        self._queue = queue
        self._people = people
        self._settings = settings
        self._clock = clock
        self._meter = meter or Meter()
        self._previewer = previewer
        self._rate = CommandRate(queue, clock, commands_per_hour)
        self._paths = ChangedPaths()
        self._own_id: int | None = None

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The handler of each queue, for a worker."""
        return measured({DELIVERIES: self.decide, ACTIONS: self.perform}, self._meter)

    def decide(self, job: Job) -> Outcome:
        """Evaluate a delivery and queue the actions of the rules; safe to repeat.

        Raises Postpone, Retry or Dead if GitHub cannot be asked.
        """
        with self._github_errors(job):
            event, people = self._learned(view(job.kind, json.loads(job.body)), job)
            rules = requested(rules_for(event.name, event.action, self._settings.rules), job)
            if not (self._settings.heard(event) or self._is_previewed(event) or rules):
                return Ignored(_unwanted(event), forget=True)
            if event.installation is None:
                return Ignored("the event has no installation")
            if self._is_overtaken(job):
                return Ignored("a newer push to this pull request waits")
            planned = list(self._planned(event, rules, event.installation, job, people))
            if not planned:
                return Ignored("no rule had anything to do")
            log.info("decided: %s", ", ".join(new.key for new in planned))
            return Done(put=planned)

    def perform(self, job: Job) -> Outcome:
        """Perform an action at GitHub.

        Raises Postpone, Retry or Dead if GitHub did not perform it. Safe to repeat.
        """
        try:
            planned = Planned.decode(job.body)
        except UnknownAction as error:
            raise Dead(str(error)) from error
        with self._github_errors(job):
            try:
                client, people = self._client(planned.installation, job), self._then(planned, job)
                action = self._addressed(planned.action, people.names, client)
                result = action.perform(self._work(client, people, job))
            except Superseded as why:
                return Ignored(str(why))
            except UnreadableRecord as error:
                raise Dead(str(error)) from error
            log.info("done: %s", planned.action.describe())
            return Done(result=result.encode())

    def _then(self, planned: Planned, job: Job) -> People:
        """The cache for the names that an action was decided with."""
        is_old = self._clock() - job.created_at > FRESH_SECONDS
        return self._people.of_encoded(planned.names, is_old=is_old)

    def _work(self, client: Client, people: People, job: Job) -> Work:
        return Work(
            client=client,
            people=people,
            jobs=self._queue,
            job=job,
            is_ours=partial(self._is_ours, client),
            clock=self._clock,
        )

    def _learned(self, event: Event, job: Job) -> tuple[Event, People]:
        """Store the names and memberships that an event shows.

        Returns the event with the names of now, and the cache for its own names.

        Raises Postpone for an organisation that was paused under its former name.
        """
        people, renamed = self._people.seen(event.identities, at=job.created_at)
        people.learn(event)
        paused = {name.lower() for name in self._queue.paused_parts()} if renamed else set()
        for each in renamed:
            if each.kind == ACCOUNT and each.new and each.old in paused - {each.new}:
                self._queue.pause_part(each.new)
                if job.subject.partition("/")[0].lower() == each.new:
                    raise Postpone(self._clock(), f"{each.old}, now {each.new}, is paused")
        if event.installation is not None:
            event = self._addressed(event, people.names, self._client(event.installation, job))
        return event, people

    def _addressed(self, about: _Addressed, names: Names, client: Client) -> _Addressed:
        """An event or an action with the names that its repository and organisation have by now.

        Raises RequestFailed if GitHub cannot be asked for a name that another has taken over.
        """
        changes: dict[str, Any] = {}
        organization, repository = (getattr(about, n, None) for n in ("organization", "repository"))
        if organization:
            changes["organization"] = self._name(ACCOUNT, organization, names, client)
        if isinstance(repository, str):
            changes["repository"] = self._name(REPOSITORY, repository, names, client)
        elif repository is not None:
            name = self._name(REPOSITORY, repository.full_name, names, client)
            changes["repository"] = replace(repository, full_name=name)
        changed = {name: new for name, new in changes.items() if new != getattr(about, name)}
        return replace(cast("Any", about), **changed) if changed else about

    @staticmethod
    def _name(kind: str, name: str, names: Names, client: Client) -> str:
        now = names.now(kind, name)
        named = None if now else names.find(kind, name)
        if named is None:
            return now
        if kind == REPOSITORY:
            return str(client.get("/repositories/{number}", number=named.id)["full_name"])
        return str(client.get("/user/{number}", number=named.id)["login"])

    def _planned(
        self,
        event: Event,
        rules: Sequence[Rule[Any]],
        installation: int,
        job: Job,
        people: People,
    ) -> Iterator[NewJob]:
        client = self._client(installation, job).read_only()
        event = self._rate.heard(event, job)
        self._rate.note(event, job)
        decisions = self._decisions(client, event, rules, people, again=is_reevaluation(job))
        told = self._rate.told(event, job, [each for one in decisions for each in one.actions])
        for each in [*decisions, *([Decision(COMMAND_RATE, [told])] if told else [])]:
            decision = replace(each, names=people.names)
            if decision.not_yet:
                yield from self._reevaluate(decision, job)
            yield from jobs(decision, job, installation=installation, now=self._clock())

    def _client(self, installation: int, job: Job) -> Client:
        return self._app.client_for(
            installation, waiter=str(job.id), person=job.person, urgent=job.urgent
        )

    def _is_overtaken(self, job: Job) -> bool:
        """Whether a later push to the same pull request waits: rules look at the newest commit."""
        if not DeliveryNote.decode(job.note).push:
            return False
        later = self._queue.later(job, limit=_MOST_LATER)
        return any(DeliveryNote.decode(row.note).push for row in later)

    def dry_run(self, event: Event) -> Sequence[Decision]:
        """The rules' decisions about an event; queues and performs nothing.

        Raises luggage.github's RequestFailed if GitHub cannot be asked. Safe to repeat.
        """
        rules = rules_for(event.name, event.action, self._settings.rules)
        if event.installation is None or not (rules or event.push or self._is_previewed(event)):
            return []
        client = self._app.client_for(event.installation).read_only()
        people, _renamed = self._people.seen(event.identities)
        decisions = self._decisions(client, event, rules, people)
        return [replace(each, names=people.names) for each in decisions]

    def _decisions(
        self,
        client: Client,
        event: Event,
        rules: Sequence[Rule[Any]],
        people: People,
        *,
        again: bool = False,
    ) -> Sequence[Decision]:
        effective = self._settings.effective(client, event)
        reader = github_reader(client, people, self._queue, clock=self._clock, paths=self._paths)
        by_rules = list(evaluate(rules, effective.settings, event, reader, self._meter))
        if again:  # The first run handled complaints and previews.
            return by_rules
        complaints = self._complaints(effective.files, people.names)
        return [*complaints, *by_rules, *self._previews(client, event)]

    def _reevaluate(self, decision: Decision, job: Job) -> Iterator[NewJob]:
        now = self._clock()
        if now - job.created_at < NOT_YET_TIMEOUT_SECONDS:
            yield reevaluation(decision, job, now=now)
        else:
            log.warning("%s could not decide: %s", decision.rule, decision.not_yet)

    def _complaints(self, files: Sequence[Known], names: Names) -> Iterator[Decision]:
        """Complaints about settings files that are not in the queue yet."""
        for action in filter(None, map(complaint, files)):
            if not self._queue.known(ACTIONS, [names.stable(action.key)]):
                yield Decision(SETTINGS, [action])

    def _previews(self, client: Client, event: Event) -> Iterator[Decision]:
        if self._is_previewed(event):
            yield Decision(self._previewer.name, self._previewer.check(client, event))

    def _is_previewed(self, event: Event) -> bool:
        return (event.name, event.action or "") in self._previewer.events

    @contextmanager
    def _github_errors(self, job: Job) -> Iterator[None]:
        """Map each kind of failure to an outcome of the job (docs/architecture.md)."""
        try:
            yield
        except RateLimited as error:
            raise Postpone(error.retry_at, str(error)) from error
        except (Unreachable, Ambiguous, Transient, Unauthorized) as error:
            counted = self._clock() - job.created_at >= OUTAGE_SECONDS
            raise Retry(str(error), counted=counted) from error
        except RequestFailed as error:
            raise Dead(str(error)) from error

    def _is_ours(self, client: Client, text: Mapping[str, Any]) -> bool:
        """Whether our App wrote a text, by the App's id or else by its account's."""
        user, by = text.get("user") or {}, text.get("performed_via_github_app") or {}
        if user.get("type") != "Bot":
            return False
        if by.get("id") is not None:
            return str(by["id"]) == str(self._app.app_id)
        if self._own_id is None:
            # GitHub: "Get the authenticated app", "Get a user". The account's login has the slug.
            login = f"{self._app.app_client.get('/app')['slug']}[bot]"
            self._own_id = int(client.get("/users/{login}", login=login)["id"])
        return bool(user.get("id") == self._own_id)


def _unwanted(event: Event) -> str:
    """The reason for events that no rule wants; their payload is not kept."""
    if (event.name, event.action) in RENAMES:
        return f"the new name is stored ({event.action})"
    action = f" ({event.action})" if event.action else ""
    return f"no rule handles this event{action}"


def job_log_context(job: Job) -> AbstractContextManager[None]:
    """The context that adds the delivery to log lines and crash reports."""
    if job.queue == DELIVERIES:
        return log_context(delivery=job.key)
    try:
        return log_context(delivery=Planned.decode(job.body).delivery, job=job.key)
    except (KeyError, TypeError, ValueError):  # another version of the bot wrote it
        return log_context(job=job.key)


def measured(handlers: Mapping[str, Handler], meter: Meter) -> dict[str, Handler]:
    """The handlers, with each attempt counted and timed."""
    return {queue: _Measured(handler, meter) for queue, handler in handlers.items()}


@dataclass(frozen=True)
class _Measured:
    """A handler that counts its attempts by outcome."""

    handler: Handler
    meter: Meter

    def __call__(self, job: Job) -> Outcome:
        """Handle the job; raises the exceptions of the handler."""
        kind = documented_event(job.kind) if job.queue == DELIVERIES else job.kind
        label = "failed"
        try:
            with self.meter.timed(JOB_SECONDS, job.queue, kind):
                outcome = self.handler(job)
            label = "done" if isinstance(outcome, Done) else "ignored"
        except (Postpone, Retry, Dead) as signal:
            label = _SIGNALS[type(signal)]
            raise
        finally:
            self.meter.add(JOBS_TOTAL, job.queue, label)
        return outcome


_SIGNALS: Mapping[type[Exception], str] = {Postpone: "postponed", Retry: "retried", Dead: "dead"}


class Boredom:
    """Writes one line to the board for each period without work."""

    def __init__(self, board: Board, *, after_seconds: float = 60.0) -> None:
        self._board = board
        self._after_seconds = after_seconds
        self._bored = False

    def __call__(self, idle_seconds: float) -> None:
        """Record how long the worker has been idle; 0 while it is busy."""
        if idle_seconds < self._after_seconds:
            self._bored = False
        elif not self._bored:
            self._bored = True
            self._board.say("I'm bored")
