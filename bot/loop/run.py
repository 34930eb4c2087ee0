"""Job handlers of the loop: one evaluates deliveries, the other performs actions.

Both kinds of job share one queue. Rules change nothing; schedules and previews evaluate them with
other readers. Finishing a delivery and queuing its actions is one transaction. A rule that cannot
decide, or fails, becomes a job of its own in it (docs/decisions/0166). After a while without work
the loop says on the board that it is bored.
"""

import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeVar, cast

from bot.actions import ACTIONS, Action, Planned, Superseded, UnknownAction, Work
from bot.actions.comment import obey
from bot.actions.work import UnreadableRecord, is_locked, may_appear
from bot.events import ACCOUNT, DELIVERIES, RENAMES, REPOSITORY, Event, view
from bot.loop.changed_paths import ChangedPaths
from bot.loop.command_rate import DEFAULT_PER_HOUR, CommandRate
from bot.loop.command_rate import NAME as COMMAND_RATE
from bot.loop.decision import (
    AGAIN_SECONDS,
    NOT_YET_SECONDS,
    Decision,
    decided,
    evaluate,
    is_reevaluation,
    jobs,
    reevaluation,
    requested,
)
from bot.loop.reader import github_reader
from bot.rule import Rule
from bot.rules import rules_for
from bot.settings.files import SETTINGS, Known, SettingsFiles, complaint
from bot.store.board import Board
from bot.store.enqueue import NOTHING_TO_DO, DeliveryNote
from bot.store.identities import Names
from bot.store.meters import JOB_SECONDS, JOBS_TOTAL, RULE_FAILURES_TOTAL
from bot.store.people import People
from bot.store.refusals import Refusals
from luggage.github import (
    Ambiguous,
    Blocked,
    Client,
    Forbidden,
    GithubApp,
    NotFound,
    RateLimited,
    RequestFailed,
    Transient,
    Unauthorized,
    Uninstalled,
    Unreachable,
)
from luggage.github.webhooks import documented_event
from luggage.jobs import (
    Dead,
    Done,
    Handler,
    Ignored,
    Job,
    NewJob,
    Outcome,
    Postpone,
    Queue,
    Retry,
    WrongState,
)
from luggage.telemetry.logs import log_context
from luggage.telemetry.meter import Meter

# How long a rule that cannot decide yet runs again.
NOT_YET_TIMEOUT_SECONDS = 600.0
# While GitHub is down, failed tries do not count as attempts for this many seconds.
OUTAGE_SECONDS = 24 * 3600.0
# How long a missing installation is asked for again: GitHub may not know a new one yet.
UNINSTALLED_SECONDS = 60.0

# With so many of five attempts left, rules are evaluated one by one.
_ATTEMPTS_LEFT = 2
_DEADLY = "the evaluation of all rules ended the process, or never returned"
_REMEDY = "if it is a custom rule, fix its file and restart the bot; then retry this"
# The statuses of what was deleted or transferred.
_GONE = frozenset({404, 410})
# How long names are taken to be those of the time when an action was decided.
FRESH_SECONDS = 60.0

# How many later deliveries about a pull request are looked through for a push.
_MOST_LATER = 64

_Addressed = TypeVar("_Addressed", Event, Action)

log = logging.getLogger(__name__)


class RuleFailed(Retry):
    """A rule failed by itself: a bug in the bot or in a custom rule."""


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
        refusals: Refusals | None = None,
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
        self._refusals = refusals
        self._own_id: int | None = None

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The handler of each queue, for a worker."""
        return measured({DELIVERIES: self.decide, ACTIONS: self.perform}, self._meter)

    def decide(self, job: Job) -> Outcome:
        """Evaluate a delivery and queue the actions of the rules; safe to repeat.

        Raises Postpone, Retry or Dead if GitHub cannot be asked.
        """
        try:
            with self._github_errors(job):
                return self._decide(job)
        except Superseded as why:
            return Ignored(str(why))

    def _decide(self, job: Job) -> Outcome:
        event, people = self._learned(view(job.kind, json.loads(job.body)), job)
        rules = requested(rules_for(event.name, event.action, self._settings.rules), job)
        if not (self._settings.heard(event) or self._is_previewed(event) or rules):
            return Ignored(_unwanted(event), forget=True)
        if event.installation is None:
            return Ignored("the event has no installation")
        if self._is_overtaken(job):
            return Ignored("a newer push to this pull request waits")
        planned = self._apart(event, rules, job) or list(
            self._planned(event, rules, event.installation, job, people)
        )
        if not planned:
            return Ignored(_nothing(event))
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
                client = self._serving(action, planned.action, people, job) or client
                result = obey(action, self._work(client, people, job))
            except Superseded as why:
                return Ignored(str(why))
            except Forbidden as error:
                tells = planned.action.courtesy or planned.action.declines
                if not (tells and is_locked(error)):
                    raise
                return Ignored(f"the conversation is locked: {error}")
            except UnreadableRecord as error:
                raise Dead(str(error)) from error
            log.info("done: %s", planned.action.describe())
            return Done(result=result.encode())

    def _serving(self, action: Action, before: Action, people: People, job: Job) -> Client | None:
        """The client for a repository that was transferred since; None if it was not."""
        old, new = (getattr(each, "repository", None) for each in (before, action))
        if not isinstance(old, str) or not isinstance(new, str) or old == new:
            return None
        installation = self._transferred_to(old, new, people.names)
        return None if installation is None else self._client(installation, job)

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
        sent_at = DeliveryNote.decode(job.note).at
        at = job.created_at if sent_at is None else sent_at
        people, renamed = self._people.seen(event.identities, at=at)
        if not is_reevaluation(job):  # What was news then may be outdated.
            people.learn(event)
        paused = {name.lower() for name in self._queue.paused_parts()} if renamed else set()
        for each in renamed:
            if each.kind == ACCOUNT and each.new and each.old in paused - {each.new}:
                self._queue.pause_part(each.new)
                if job.subject.partition("/")[0].lower() == each.new:
                    raise Postpone(self._clock(), f"{each.old}, now {each.new}, is paused")
        if event.installation is not None:
            client = self._client(event.installation, job)
            event = self._followed(self._addressed(event, people.names, client), event, people)
        return event, people

    def _followed(self, event: Event, before: Event, people: People) -> Event:
        """The event as one of the organisation that its repository was transferred to."""
        if event.repository is None or before.repository is None or event == before:
            return event
        names = (before.repository.full_name, event.repository.full_name)
        installation = self._transferred_to(*names, people.names)
        if installation is None:
            return event
        owner = names[1].partition("/")[0]
        organization = owner if event.organization else None
        return replace(event, installation=installation, organization=organization)

    def _transferred_to(self, before: str, now: str, names: Names) -> int | None:
        """The installation that serves a repository now, if it was transferred; else None.

        Raises Superseded where the App is not installed: the work was meant for another owner.
        """
        old, new = (name.partition("/")[0] for name in (before, now))
        was, owner = (names.find(ACCOUNT, login) for login in (old, new))
        if old.lower() == new.lower() or (was and owner and was.id == owner.id):
            return None
        # GitHub: "Get a repository installation for the authenticated app".
        path = "/repos/{owner}/{name}/installation"
        name = now.partition("/")[2]
        try:
            return int(self._app.app_client.get(path, owner=new, name=name)["id"])
        except NotFound as error:
            words = f"{before} was transferred to {new}, where the App is not installed"
            raise Superseded(words) from error

    def _addressed(self, about: _Addressed, names: Names, client: Client) -> _Addressed:
        """An event or an action with the names that its repository and organisation have by now.

        Raises RequestFailed if GitHub cannot be asked for a name that another has taken over, and
        Superseded if it knows the id no more.
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
        try:
            if kind == REPOSITORY:
                return str(client.get("/repositories/{number}", number=named.id)["full_name"])
            return str(client.get("/user/{number}", number=named.id)["login"])
        except NotFound as error:
            raise Superseded(f"GitHub no longer has {name}, {kind} {named.id}") from error

    def _planned(
        self,
        event: Event,
        rules: Sequence[Rule[Any]],
        installation: int,
        job: Job,
        people: People,
    ) -> Iterator[NewJob]:
        client = self._client(installation, job).read_only()
        only = DeliveryNote.decode(job.note).only
        if not only:  # The bot has listened to what a rule is asked about again.
            event = self._rate.heard(event, job)
            self._rate.note(event, job)
        decisions = self._decisions(client, event, rules, people, only=only)
        told = self._rate.told(event, job, [each for one in decisions for each in one.actions])
        for decision in [*decisions, *([Decision(COMMAND_RATE, [told])] if told else [])]:
            named = replace(decision, names=people.names)
            yield from self._queued(named, event, installation, job)

    def _queued(
        self, decision: Decision, event: Event, installation: int, job: Job
    ) -> Sequence[NewJob]:
        """The jobs of one rule: its actions, and its reevaluation if it has not decided.

        The reevaluation itself raises Postpone, Retry or Dead instead, or Superseded.
        """
        now = self._clock()
        try:
            planned = list(jobs(decision, job, installation=installation, now=now))
        except Exception as error:  # noqa: BLE001  an action of a custom rule cannot be stored
            decision, planned = decision.failed(error), []
        self._renew(decision, planned)
        if not decision.not_yet:
            return planned
        self._report(decision)
        if decision.error is None and now - job.created_at >= NOT_YET_TIMEOUT_SECONDS:
            return planned
        if not is_reevaluation(job):
            again = reevaluation(decision, job, now=now)
            self._revive(again)
            return [*planned, again]
        # This try ends without a result. Their keys make it safe to queue the actions twice.
        self._queue.put_all(planned)
        with self._github_errors(job, about=f"the rule {decision.rule} cannot decide: "):
            raise _ended(decision, event, job, now)

    def _renew(self, decision: Decision, planned: Sequence[NewJob]) -> None:
        """Make what GitHub refused ready, where somebody orders it again."""
        for action, new in zip(decision.actions, planned, strict=False):
            if getattr(action, "again", ""):
                self._queue.renew(new)

    def _revive(self, again: NewJob) -> None:
        """Make a reevaluation ready that an earlier evaluation of the delivery has queued."""
        known = self._queue.find(again.queue, again.key)
        if known is not None:
            with suppress(WrongState):  # It is in progress.
                self._queue.revive(known, done_too=True)

    def _report(self, decision: Decision) -> None:
        """Log why a rule has not decided, and count it if it failed."""
        error = decision.error
        log.log(
            logging.WARNING if error is None or isinstance(error, RequestFailed) else logging.ERROR,
            "the rule %s could not decide: %s",
            decision.rule,
            decision.not_yet,
            exc_info=None if isinstance(error, RequestFailed) else error,
        )
        if error is not None:
            self._meter.add(RULE_FAILURES_TOTAL, decision.rule)

    def _apart(self, event: Event, rules: Sequence[Rule[Any]], job: Job) -> Sequence[NewJob]:
        """The evaluation of each rule alone, if two attempts have ended their process.

        So only the deadly rule dies. Failures of GitHub do not count as attempts for a day.
        """
        names = [rule.name for rule in rules]
        if self._is_previewed(event):
            names.append(self._previewer.name)
        is_worn = job.max_attempts - job.attempt <= _ATTEMPTS_LEFT and not is_reevaluation(job)
        if not is_worn or self._clock() - job.created_at >= OUTAGE_SECONDS or len(names) == 1:
            return []
        log.warning("each rule is evaluated alone from now on: %s", _DEADLY)
        decisions = [Decision(name, (), not_yet=_DEADLY) for name in names]
        return [reevaluation(each, job, now=self._clock()) for each in decisions]

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
        only: str = "",
    ) -> Sequence[Decision]:
        effective = self._settings.effective(client, event)
        reader = github_reader(client, people, self._queue, clock=self._clock, paths=self._paths)
        decisions = list(evaluate(rules, effective.settings, event, reader, self._meter))
        if only in {"", self._previewer.name}:
            decisions += self._previews(client, event)
        # The first run has handled the complaints.
        return decisions if only else [*self._complaints(effective.files, people.names), *decisions]

    def _complaints(self, files: Sequence[Known], names: Names) -> Iterator[Decision]:
        """Complaints about settings files that are not in the queue yet."""
        for action in filter(None, map(complaint, files)):
            if not self._queue.known(ACTIONS, [names.stable(action.key)]):
                yield Decision(SETTINGS, [action])

    def _previews(self, client: Client, event: Event) -> Iterator[Decision]:
        if self._is_previewed(event):
            fresh = Decision(self._previewer.name, ())
            yield decided(fresh, event, partial(self._previewer.check, client, event))

    def _is_previewed(self, event: Event) -> bool:
        return (event.name, event.action or "") in self._previewer.events

    @contextmanager
    def _github_errors(self, job: Job, about: str = "") -> Iterator[None]:
        """Map each kind of failure to an outcome of the job (docs/architecture.md)."""
        now = self._clock()
        try:
            yield
        except RateLimited as error:
            raise Postpone(error.retry_at, f"{about}{error}") from error
        except (Unreachable, Ambiguous, Transient, Unauthorized, Blocked) as error:
            if isinstance(error, Blocked) and self._refusals and job.tenant.isdecimal():
                self._refusals.heard(int(job.tenant), job.subject.partition("/")[0], error)
            if isinstance(error, Uninstalled) and now - job.created_at >= UNINSTALLED_SECONDS:
                raise Dead(f"{about}{error}") from error
            counted = now - job.created_at >= OUTAGE_SECONDS
            raise Retry(f"{about}{error}", counted=counted) from error
        except RequestFailed as error:
            if may_appear(error, job, now):
                raise Retry(f"{about}{error}", now + AGAIN_SECONDS, counted=False) from error
            raise Dead(f"{about}{error}") from error

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


def _ended(decision: Decision, event: Event, job: Job, now: float) -> BaseException:
    """What ends a try to evaluate a rule alone."""
    error = decision.error
    if error is None:
        return Postpone(now + NOT_YET_SECONDS, decision.not_yet)
    if not isinstance(error, RequestFailed):
        return RuleFailed(f"the rule {decision.rule} failed: {decision.not_yet} -- {_REMEDY}")
    if _is_gone(error, event) and not may_appear(error, job, now):
        return Superseded(f"GitHub no longer shows {event.place}: {error}")
    return error


def _nothing(event: Event) -> str:
    """The reason for events about which no rule wants anything."""
    where = " in the locked conversation" if event.issue and event.issue.is_locked else ""
    return f"{NOTHING_TO_DO}{where}"


def _is_gone(error: BaseException | None, event: Event) -> bool:
    """Whether GitHub answered 404 or 410 about the issue or pull request that an event is about."""
    repository, issue = event.repository, event.issue
    if not isinstance(error, NotFound) or repository is None or issue is None:
        return False
    root = f"/repos/{repository.full_name}"
    asked = f"{error.path}/".startswith(
        (f"{root}/issues/{issue.number}/", f"{root}/pulls/{issue.number}/")
    )
    return asked and error.status in _GONE


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


_SIGNALS: Mapping[type[Exception], str] = {
    Postpone: "postponed",
    Retry: "retried",
    RuleFailed: "failed",
    Dead: "dead",
}


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
