"""The loop's handlers: one lets the rules decide a delivery, the other performs an action.

Both kinds of job are in one queue. Rules change nothing. The loop finishes a delivery and queues
its actions in one transaction, so nothing is half-decided. After a while without work the loop is
bored, and says so on the board.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from bot.actions import ACTIONS, Action, Planned, Superseded, UnknownAction, Work
from bot.actions.records import UnreadableRecord
from bot.events import DELIVERIES, Event, view
from bot.loop.evaluate import (
    NOT_YET_PATIENCE_SECONDS,
    Wanted,
    asked,
    asked_again,
    is_asked_again,
    jobs,
    wanted,
)
from bot.loop.reader import github_reader
from bot.rule import Rule
from bot.rules import rules_for
from bot.settings.complaints import NAME as SETTINGS
from bot.settings.complaints import complaint
from bot.settings.files import Known, SettingsFiles
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

# How long an outage of GitHub lasts before a failed try counts as an attempt, in seconds.
PATIENCE_SECONDS = 24 * 3600.0

log = logging.getLogger(__name__)


class SettingsPreview(Protocol):
    """Makes check runs about changed settings."""

    @property
    def name(self) -> str:
        """The rule that its actions name as theirs."""

    def wants(self, event: Event) -> bool:
        """Whether an event may be about a pull request that changes the settings."""

    def check(self, client: Client, event: Event) -> Sequence[Action]:
        """The check run for a pull request; raises luggage.github's RequestFailed."""


class Updater:
    """Decides deliveries and performs actions, one job at a time. Threads may share it."""

    def __init__(  # noqa: PLR0913  what it works with, named at the call
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
        """Let the rules decide a delivery; its end queues the actions that they want.

        Raises Postpone, Retry or Dead where GitHub cannot be asked. Safe to repeat.
        """
        with self._trouble_at_github(job):
            event = view(job.kind, json.loads(job.body))
            self._people.learn(event)
            rules = asked(rules_for(event.name, event.action, self._settings.rules), job)
            if not (self._settings.heard(event) or self._previewer.wants(event) or rules):
                return Ignored("no rule is about this event")
            if event.installation is None:
                return Ignored("it belongs to no installation")
            planned = list(self._planned(event, rules, event.installation, job))
            if not planned:
                return Ignored("no rule wanted anything done")
            log.info("decided: %s", ", ".join(new.key for new in planned))
            return Done(put=planned)

    def perform(self, job: Job) -> Outcome:
        """Perform an action at GitHub.

        Raises Postpone, Retry or Dead where GitHub did not do it. Safe to repeat.
        """
        try:
            planned = Planned.decode(job.body)
        except UnknownAction as error:
            raise Dead(str(error)) from error
        with self._trouble_at_github(job):
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
        for each in self._wants(client, event, rules, again=is_asked_again(job)):
            if each.not_yet:
                yield from self._again(each, job)
            yield from jobs(each, job, installation=installation, now=self._clock())

    def foresee(self, event: Event) -> Sequence[Wanted]:
        """What the rules would want because of an event; queues and performs nothing.

        Raises luggage.github's RequestFailed where GitHub cannot be asked. Safe to repeat.
        """
        rules = rules_for(event.name, event.action, self._settings.rules)
        if event.installation is None or not (rules or event.push or self._previewer.wants(event)):
            return []
        client = self._app.client_for(event.installation).read_only()
        return self._wants(client, event, rules)

    def _wants(
        self, client: Client, event: Event, rules: Sequence[Rule[Any]], *, again: bool = False
    ) -> Sequence[Wanted]:
        effective = self._settings.effective(client, event)
        reader = github_reader(client, self._people, self._queue, clock=self._clock)
        by_rules = list(wanted(rules, effective.settings, event, reader, self._meter))
        if again:  # The bot itself had its say the first time.
            return by_rules
        return [*self._complaints(effective.files), *by_rules, *self._previews(client, event)]

    def _again(self, wants: Wanted, job: Job) -> Iterator[NewJob]:
        now = self._clock()
        if now - job.created_at < NOT_YET_PATIENCE_SECONDS:
            yield asked_again(wants, job, now=now)
        else:
            log.warning("%s could not decide: %s", wants.rule, wants.not_yet)

    def _complaints(self, files: Sequence[Known]) -> Iterator[Wanted]:
        """The actions about settings files that are not in the queue yet."""
        for action in filter(None, map(complaint, files)):
            if not self._queue.known(ACTIONS, [action.key]):
                yield Wanted(SETTINGS, [action])

    def _previews(self, client: Client, event: Event) -> Iterator[Wanted]:
        if self._previewer.wants(event):
            yield Wanted(self._previewer.name, self._previewer.check(client, event))

    @contextmanager
    def _trouble_at_github(self, job: Job) -> Iterator[None]:
        """Turn each kind of failure into an order for the queue (docs/architecture.md)."""
        try:
            yield
        except RateLimited as error:
            raise Postpone(error.retry_at, str(error)) from error
        except (Unreachable, Ambiguous, Transient, Unauthorized) as error:
            patient = self._clock() - job.created_at < PATIENCE_SECONDS
            raise Retry(str(error), counted=not patient) from error
        except RequestFailed as error:
            raise Dead(str(error)) from error

    def _login(self) -> str:
        """The login under which our app writes. GitHub: "Get the authenticated app"."""
        if self._own_login is None:
            self._own_login = f"{self._app.app_client.get('/app')['slug']}[bot]"
        return self._own_login


def job_log_context(job: Job) -> AbstractContextManager[None]:
    """The context in which log lines and crash reports name the delivery."""
    if job.queue == DELIVERIES:
        return log_context(delivery=job.key)
    try:
        return log_context(delivery=Planned.decode(job.body).delivery, job=job.key)
    except (KeyError, TypeError, ValueError):  # of another version of the bot
        return log_context(job=job.key)


class Boredom:
    """Leaves one line on the board for each period without work."""

    def __init__(self, board: Board, *, after_seconds: float = 60.0) -> None:
        self._board = board
        self._after_seconds = after_seconds
        self._bored = False

    def __call__(self, idle_seconds: float) -> None:
        """Take note of how long the worker has been idle; 0 while it is busy."""
        if idle_seconds < self._after_seconds:
            self._bored = False
        elif not self._bored:
            self._bored = True
            self._board.say("I'm bored")
