"""The loop: a turn claims a delivery and decides it, or claims an action and performs it.

Both are jobs of one queue. Deciding calls the rules, which change nothing; finishing the delivery
and queueing its actions is one transaction, so nothing is ever half-decided. When there has been
nothing to do for a while, the loop is bored, and says so on the board.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from bot.actions import ACTIONS, Action, Planned
from bot.actions.membership import Moot
from bot.actions.perform import Performer
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
from bot.loop.reader import GithubReader
from bot.rule import Rule
from bot.rules import rules_for
from bot.settings.complaints import NAME as SETTINGS
from bot.settings.complaints import complaint
from bot.settings.files import Known, SettingsFiles
from bot.store.board import Board
from bot.store.meters import measured
from bot.store.people import Memory
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

# For how long an outage of GitHub is waited out before a try that it spoils counts as an attempt.
PATIENCE_SECONDS = 24 * 3600.0

log = logging.getLogger(__name__)


class SettingsPreview(Protocol):
    """Check runs about changed settings; `name` is the rule that its actions are said to be of."""

    @property
    def name(self) -> str:
        """The rule that its actions are said to be of."""

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
        memory: Memory,
        settings: SettingsFiles,
        clock: Callable[[], float],
        meter: Meter | None = None,
        previewer: SettingsPreview,
    ) -> None:
        self._app = app
        self._queue = queue
        self._memory = memory
        self._settings = settings
        self._clock = clock
        self._meter = meter or Meter()
        self._previewer = previewer
        self._own_login: str | None = None
        self._performer = Performer(queue, memory, self._login, clock)

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What a worker does with a job of each queue."""
        return measured({DELIVERIES: self.decide, ACTIONS: self.perform}, self._meter)

    def decide(self, job: Job) -> Outcome:
        """Let the rules decide a delivery; the actions they want are queued as it is finished.

        Raises Postpone, Retry or Dead where GitHub cannot be asked. Safe to repeat.
        """
        with self._trouble_at_github(job):
            event = view(job.kind, json.loads(job.body))
            self._memory.learn(event)
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
        planned = Planned.decode(job.body)
        with self._trouble_at_github(job):
            client = self._app.client_for(planned.installation, waiter=str(job.id))
            try:
                answer = self._performer.perform(planned.action, client, job)
            except Moot as why:
                return Ignored(str(why))
            log.info("done: %s", planned.action.describe())
            return Done(result=answer)

    def _planned(
        self, event: Event, rules: Sequence[Rule[Any]], installation: int, job: Job
    ) -> Iterator[NewJob]:
        client = self._app.client_for(installation, waiter=str(job.id)).read_only()
        for each in self._wants(client, event, rules, again=is_asked_again(job)):
            if each.not_yet:
                yield from self._again(each, job)
            yield from jobs(each, job, installation=installation, now=self._clock())

    def foresee(self, event: Event) -> Sequence[Wanted]:
        """What would be wanted because of an event, rule by rule; nothing is queued or performed.

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
        reader = GithubReader(client, self._memory, self._queue, clock=self._clock)
        by_rules = list(wanted(rules, effective.settings, event, reader, self._meter))
        if again:  # What the bot itself has to say of the event was wanted the first time.
            return by_rules
        return [*self._complaints(effective.files), *by_rules, *self._previews(client, event)]

    def _again(self, wants: Wanted, job: Job) -> Iterator[NewJob]:
        now = self._clock()
        if now - job.created_at < NOT_YET_PATIENCE_SECONDS:
            yield asked_again(wants, job, now=now)
        else:
            log.warning("%s could not decide: %s", wants.rule, wants.not_yet)

    def _complaints(self, files: Sequence[Known]) -> Iterator[Wanted]:
        """What is to be said of settings files, unless it is in the queue already."""
        for action in filter(None, map(complaint, files)):
            if not self._queue.known(ACTIONS, [action.key]):
                yield Wanted(SETTINGS, [action])

    def _previews(self, client: Client, event: Event) -> Iterator[Wanted]:
        if self._previewer.wants(event):
            yield Wanted(self._previewer.name, self._previewer.check(client, event))

    @contextmanager
    def _trouble_at_github(self, job: Job) -> Iterator[None]:
        """Say what each kind of failure means for the job (docs/architecture.md)."""
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
    """The context in which each line of the log, and each crash report, names the delivery."""
    if job.queue == DELIVERIES:
        return log_context(delivery=job.key)
    try:
        return log_context(delivery=Planned.decode(job.body).delivery, job=job.key)
    except (KeyError, TypeError, ValueError):  # of another version of the bot; its key says enough
        return log_context(job=job.key)


class Boredom:
    """Leaves one line on the board for each spell in which there was nothing to do."""

    def __init__(self, board: Board, *, after_seconds: float = 60.0) -> None:
        self._board = board
        self._after_seconds = after_seconds
        self._bored = False

    def __call__(self, idle_seconds: float) -> None:
        """Told by the worker, again and again, for how long it has been idle; 0 for busy."""
        if idle_seconds < self._after_seconds:
            self._bored = False
        elif not self._bored:
            self._bored = True
            self._board.say("I'm bored")
