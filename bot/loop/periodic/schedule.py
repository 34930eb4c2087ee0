"""Rule schedule: queues one job per repository when a rule's cron line (UTC) is due.

The leader queues the jobs of the latest scheduled time. Their keys
(`schedule:RULE:TIME:OWNER/NAME`) make them unique on all machines. Missed times are made up for
once, not one by one. One job per repository keeps a slow repository from blocking the others.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from luggage.github.errors import Forbidden, NotFound, Unauthorized
from luggage.jobs import NewJob, Queue

# How often the leader checks for due rules; cron lines have minutes.
EVERY_SECONDS = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RuleSchedule:
    """Queues the jobs of scheduled rules; `clock` returns epoch seconds. Safe to repeat."""

    app: GithubApp
    engine: Engine
    queue: Queue
    settings: SettingsFiles
    clock: Callable[[], float]

    def __call__(self) -> None:
        """Queue what is due. Raises RequestFailed if GitHub does not list the repositories."""
        due = list(self._due())
        if not due:
            return
        for installation, repository in self._repositories():
            for rule, due_at in due:
                self._put(rule, due_at, installation, repository)
        for rule, due_at in due:
            self._remember(rule.name, due_at)

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

    def _repositories(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """The repositories of all installations that are neither suspended nor archived."""
        for installation in self.app.app_client.pages("/app/installations"):
            if installation.get("suspended_at") is not None:
                continue
            number = int(installation["id"])
            try:
                repositories: Sequence[Any] = list(
                    self.app.client_for(number).pages("/installation/repositories")
                )
            except (Forbidden, NotFound, Unauthorized) as error:
                # It was suspended or uninstalled meanwhile; the others go on.
                log.warning("cannot list the repositories of installation %s: %s", number, error)
                continue
            yield from ((number, each) for each in repositories if not each.get("archived"))

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
                subject=f"schedule:{full_name}",
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
            name: repository.get(name) for name in ("full_name", "private", "default_branch")
        },
    }
    if owner.get("type") == "Organization":
        payload["organization"] = {"login": owner["login"]}
    return payload
