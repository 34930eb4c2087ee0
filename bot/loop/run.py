"""Job handlers of the loop: one evaluates deliveries, the other performs actions.

Both kinds of job share one queue. Rules change nothing. Finishing a delivery and queuing its
actions is one transaction. After a while without work the loop says on the board that it is bored.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from bot.actions import ACTIONS, Action, Planned, Superseded, UnknownAction, Work
from bot.actions.work import UnreadableRecord
from bot.events import DELIVERIES, Event, view
from bot.loop.evaluate import (
    NOT_YET_TIMEOUT_SECONDS,
    Decision,
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
from bot.store.meters import measured
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
from luggage.jobs import Dead, Done, Handler, Ignored, Job, NewJob, Outcome, Postpone, Queue, Retry
from luggage.telemetry.logs import log_context
from luggage.telemetry.meter import Meter

# While GitHub is down, failed tries do not count as attempts for this many seconds.
OUTAGE_SECONDS = 24 * 3600.0

log = logging.getLogger(__name__)


class SettingsPreview(Protocol):
    """Creates check runs about changed settings."""

    @property
    def name(self) -> str:
        """The rule that its actions are recorded under."""

    def wants(self, event: Event) -> bool:
        """Whether an event may be about a pull request that changes the settings."""

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
    ) -> None:
        self._app = app
        self._queue = queue
        self._people = people
        self._settings = settings
        self._clock = clock
        self._meter = meter or Meter()
        self._previewer = previewer
        self._own_login: str | None = None

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The handler of each queue, for a worker."""
        return measured({DELIVERIES: self.decide, ACTIONS: self.perform}, self._meter)

    def decide(self, job: Job) -> Outcome:
        """Evaluate a delivery and queue the actions of the rules; safe to repeat.

        Raises Postpone, Retry or Dead if GitHub cannot be asked.
        """
        with self._github_errors(job):
            event = view(job.kind, json.loads(job.body))
            self._people.learn(event)
            rules = requested(rules_for(event.name, event.action, self._settings.rules), job)
            if not (self._settings.heard(event) or self._previewer.wants(event) or rules):
                return Ignored("no rule handles this event")
            if event.installation is None:
                return Ignored("the event has no installation")
            planned = list(self._planned(event, rules, event.installation, job))
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
                result = planned.action.perform(self._work(planned, job))
            except Superseded as why:
                return Ignored(str(why))
            except UnreadableRecord as error:
                raise Dead(str(error)) from error
            log.info("done: %s", planned.action.describe())
            return Done(result=result.encode())

    def _work(self, planned: Planned, job: Job) -> Work:
        return Work(
            client=self._app.client_for(planned.installation, waiter=str(job.id)),
            people=self._people,
            jobs=self._queue,
            job=job,
            own_login=self._login,
            clock=self._clock,
        )

    def _planned(
        self, event: Event, rules: Sequence[Rule[Any]], installation: int, job: Job
    ) -> Iterator[NewJob]:
        client = self._app.client_for(installation, waiter=str(job.id)).read_only()
        for decision in self._decisions(client, event, rules, again=is_reevaluation(job)):
            if decision.not_yet:
                yield from self._reevaluate(decision, job)
            yield from jobs(decision, job, installation=installation, now=self._clock())

    def dry_run(self, event: Event) -> Sequence[Decision]:
        """The rules' decisions about an event; queues and performs nothing.

        Raises luggage.github's RequestFailed if GitHub cannot be asked. Safe to repeat.
        """
        rules = rules_for(event.name, event.action, self._settings.rules)
        if event.installation is None or not (rules or event.push or self._previewer.wants(event)):
            return []
        client = self._app.client_for(event.installation).read_only()
        return self._decisions(client, event, rules)

    def _decisions(
        self, client: Client, event: Event, rules: Sequence[Rule[Any]], *, again: bool = False
    ) -> Sequence[Decision]:
        effective = self._settings.effective(client, event)
        reader = github_reader(client, self._people, self._queue, clock=self._clock)
        by_rules = list(evaluate(rules, effective.settings, event, reader, self._meter))
        if again:  # The first run handled complaints and previews.
            return by_rules
        return [*self._complaints(effective.files), *by_rules, *self._previews(client, event)]

    def _reevaluate(self, decision: Decision, job: Job) -> Iterator[NewJob]:
        now = self._clock()
        if now - job.created_at < NOT_YET_TIMEOUT_SECONDS:
            yield reevaluation(decision, job, now=now)
        else:
            log.warning("%s could not decide: %s", decision.rule, decision.not_yet)

    def _complaints(self, files: Sequence[Known]) -> Iterator[Decision]:
        """Complaints about settings files that are not in the queue yet."""
        for action in filter(None, map(complaint, files)):
            if not self._queue.known(ACTIONS, [action.key]):
                yield Decision(SETTINGS, [action])

    def _previews(self, client: Client, event: Event) -> Iterator[Decision]:
        if self._previewer.wants(event):
            yield Decision(self._previewer.name, self._previewer.check(client, event))

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

    def _login(self) -> str:
        """The login under which our app writes. GitHub: "Get the authenticated app"."""
        if self._own_login is None:
            self._own_login = f"{self._app.app_client.get('/app')['slug']}[bot]"
        return self._own_login


def job_log_context(job: Job) -> AbstractContextManager[None]:
    """The context that adds the delivery to log lines and crash reports."""
    if job.queue == DELIVERIES:
        return log_context(delivery=job.key)
    try:
        return log_context(delivery=Planned.decode(job.body).delivery, job=job.key)
    except (KeyError, TypeError, ValueError):  # another version of the bot wrote it
        return log_context(job=job.key)


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
