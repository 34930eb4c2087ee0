"""Rule schedule: queues one job per repository when a rule's cron line (UTC) is due.

The leader queues the jobs of the latest scheduled time. Their keys
(`schedule:RULE:TIME:OWNER/NAME`) make them unique on all machines. Missed times are made up for
once, not one by one. One job per repository keeps a slow repository from blocking the others. If an
installation or a repository fails, in whatever way, the others get their jobs, and the leader
retries the failed one later.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, delete, insert, select

from bot.events import DELIVERIES, SCHEDULE, view
from bot.options.cron import latest_tick
from bot.rule import Rule
from bot.settings.files import SettingsFiles
from bot.store.tables import schedule as table
from luggage.database import reading, writing
from luggage.github import GithubApp
from luggage.github.errors import RateLimited
from luggage.jobs import NewJob, Queue
from luggage.jobs.handling import AWAY

# How often the leader checks for due rules; cron lines have minutes.
EVERY_SECONDS = 30.0
# The wait before an installation is retried: doubled after each failure, up to the maximum.
RETRY_SECONDS = 30.0
RETRY_MAX_SECONDS = 3600.0
_MALFORMED = (AttributeError, KeyError, TypeError, ValueError)

log = logging.getLogger(__name__)

# The name of a rule and a scheduled time of it.
_Run = tuple[str, float]


@dataclass(slots=True)
class _Failure:
    """The failures of an installation in a row, and the time of its next try (epoch seconds)."""

    count: int = 0
    retry_at: float = 0.0


@dataclass(slots=True)
class _Progress:
    """What this process has done of the due runs.

    It is only kept in memory, because another process may repeat all of it: the keys of the jobs
    are unique. `done` holds the installations of each run, `failures` those to retry. `idle_runs`
    are runs that only wait for failed installations, and `idle_until` is the end of that wait.
    """

    done: dict[_Run, set[int]] = field(default_factory=dict)
    failures: dict[int, _Failure] = field(default_factory=dict)
    idle_runs: frozenset[_Run] = frozenset()
    idle_until: float = 0.0

    def begin(self, runs: frozenset[_Run], now: float) -> bool:
        """Forget other runs; returns whether there is something to do now."""
        self.done = {run: self.done.get(run, set()) for run in runs}
        return bool(runs) and (runs != self.idle_runs or now >= self.idle_until)

    def succeeded(self, installation: int, runs: frozenset[_Run]) -> None:
        for run in runs:
            self.done[run].add(installation)
        self.failures.pop(installation, None)

    def failed(self, installation: int, now: float, *, not_before: float) -> None:
        failure = self.failures.setdefault(installation, _Failure())
        delay = min(RETRY_SECONDS * 2.0 ** min(failure.count, 20), RETRY_MAX_SECONDS)
        failure.count += 1
        failure.retry_at = max(now + delay, not_before)

    def end(self, runs: frozenset[_Run], listed: set[int]) -> frozenset[_Run]:
        """Return the runs that all listed installations have done; the others wait."""
        self.failures = {each: self.failures[each] for each in self.failures.keys() & listed}
        complete = frozenset(run for run in runs if listed <= self.done[run])
        self.idle_runs = runs - complete
        waits = (failure.retry_at for failure in self.failures.values())
        self.idle_until = min(waits, default=0.0)
        return complete


@dataclass(frozen=True, kw_only=True)
class RuleSchedule:
    """Queues the jobs of scheduled rules; `clock` returns epoch seconds. Safe to repeat."""

    app: GithubApp
    engine: Engine
    queue: Queue
    settings: SettingsFiles
    clock: Callable[[], float]
    _progress: _Progress = field(default_factory=_Progress, init=False, repr=False, compare=False)

    def __call__(self) -> None:
        """Queue what is due. Raises RequestFailed if GitHub does not list the installations.

        An installation that fails stops no other. Its run stays due, and a later call retries it.
        So does an installation whose organisation is paused: it is asked nothing.
        """
        due = list(self._due())
        runs = frozenset((rule.name, due_at) for rule, due_at in due)
        if not self._progress.begin(runs, self.clock()):
            return
        listed: set[int] = set()
        paused = {name.lower() for name in self.queue.paused_parts()}
        for installation, login in self._installations():
            listed.add(installation)
            if login.lower() in paused:
                self._progress.failed(installation, self.clock(), not_before=0.0)
            else:
                self._serve(installation, due)
        for name, due_at in self._progress.end(runs, listed):
            self._remember(name, due_at)

    def _serve(self, installation: int, due: Sequence[tuple[Rule[Any], float]]) -> None:
        """Queue the jobs of one installation, unless that is done or must wait."""
        progress, now = self._progress, self.clock()
        left = [each for each in due if installation not in progress.done[each[0].name, each[1]]]
        failure = progress.failures.get(installation)
        if not left or (failure is not None and now < failure.retry_at):
            return
        try:
            repositories = self._repositories(installation)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001  the other installations get their jobs
            log.warning(
                "cannot list the repositories of installation %s; retrying later: %s",
                installation,
                error,
            )
            retry_at = error.retry_at if isinstance(error, RateLimited) else 0.0
            progress.failed(installation, now, not_before=retry_at)
            return
        done = [self._put_all(left, installation, repository) for repository in repositories]
        if all(done):
            progress.succeeded(installation, frozenset((rule.name, at) for rule, at in left))
        else:
            progress.failed(installation, now, not_before=0.0)

    def _put_all(
        self,
        due: Sequence[tuple[Rule[Any], float]],
        installation: int,
        repository: Mapping[str, Any],
    ) -> bool:
        """Queue the jobs of one repository; returns whether none of them needs a retry."""
        is_done = True
        for rule, due_at in due:
            try:
                self._put(rule, due_at, installation, repository)
            except AWAY:
                raise
            except Exception as error:
                log.exception("cannot schedule %s for a repository of %s", rule.name, installation)
                # GitHub would list a malformed one the same way again.
                is_done = is_done and isinstance(error, _MALFORMED)
        return is_done

    def _due(self) -> Iterator[tuple[Rule[Any], float]]:
        """The rules with a new scheduled time, and that time.

        A rule that is new here waits for its next time: an upgrade is no reason to write to people.
        """
        for rule in self.settings.rules:
            if rule.schedule is None:
                continue
            due_at, handled = latest_tick(rule.schedule, self.clock()), self._last(rule.name)
            if handled is None:
                self._remember(rule.name, due_at)
            elif due_at > handled:
                yield rule, due_at

    def _installations(self) -> Iterator[tuple[int, str]]:
        """The id and the account of each installation that is not suspended."""
        for installation in self.app.app_client.pages("/app/installations"):
            try:
                if installation.get("suspended_at") is None:
                    account = installation.get("account") or {}
                    yield int(installation["id"]), str(account.get("login"))
            except _MALFORMED:
                log.exception("GitHub lists a malformed installation")

    def _repositories(self, installation: int) -> Sequence[Mapping[str, Any]]:
        """The repositories of an installation that are not archived."""
        pages = self.app.client_for(installation).pages("/installation/repositories")
        return [each for each in pages if not each.get("archived")]

    def _put(
        self, rule: Rule[Any], due_at: float, installation: int, repository: Mapping[str, Any]
    ) -> None:
        payload = _payload(rule.name, installation, repository)
        settings = self.settings.remembered(view(SCHEDULE, payload))
        if settings is not None and not settings.of(rule).enabled:
            return
        full_name = str(repository["full_name"]).lower()
        moment = datetime.fromtimestamp(due_at, UTC).strftime("%Y-%m-%dT%H:%MZ")
        self.queue.put(
            NewJob(
                queue=DELIVERIES,
                key=f"schedule:{rule.name}:{moment}:{full_name}",
                # In the part of its organisation, which owners can pause.
                subject=f"{full_name}/schedule",
                kind=SCHEDULE,
                body=json.dumps(payload).encode(),
                run_at=self.clock(),
                tenant=str(installation),
            )
        )

    def _last(self, rule: str) -> float | None:
        """The scheduled time that was last handled."""
        with reading(self.engine) as connection:
            query = select(table.c.tick).where(table.c.rule == rule)
            return connection.execute(query).scalar_one_or_none()

    def _remember(self, rule: str, due_at: float) -> None:
        with writing(self.engine) as connection:
            connection.execute(delete(table).where(table.c.rule == rule))
            connection.execute(insert(table).values(rule=rule, tick=due_at))


def _payload(rule: str, installation: int, repository: Mapping[str, Any]) -> dict[str, Any]:
    """The stand-in for a delivery's payload: what `bot.events.view` reads."""
    owner = repository["owner"]
    payload: dict[str, Any] = {
        "action": rule,
        "installation": {"id": installation},
        "repository": {
            name: repository.get(name) for name in ("id", "full_name", "private", "default_branch")
        },
    }
    if owner.get("type") == "Organization":
        payload["organization"] = {"id": owner.get("id"), "login": owner["login"]}
    return payload
