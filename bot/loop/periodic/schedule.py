"""Rules that also look from time to time: a job for each repository, once for all machines.

A tick is a moment that a rule's cron line names, in UTC. The leader puts the jobs of the latest
tick; their keys (`schedule:RULE:TICK:OWNER/NAME`) make them one, whoever else puts them. What was
slept through is caught up with once, not once for each tick. Chosen against a timer in each
process, which would need agreement; and against one job for all repositories, which one of them
could hold up.
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

# How often the leader looks whether a tick is due; a cron line names minutes.
EVERY_SECONDS = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RuleSchedule:
    """Puts the jobs of scheduled rules. A call is a turn; it may be repeated, and cut short.

    `clock` gives epoch seconds.
    """

    app: GithubApp
    engine: Engine
    queue: Queue
    settings: SettingsFiles
    clock: Callable[[], float]

    def __call__(self) -> None:
        """Put what is due. Raises RequestFailed where GitHub cannot be asked for repositories."""
        due = list(self._due())
        if not due:
            return
        for installation, repository in self._repositories():
            for rule, tick in due:
                self._put(rule, tick, installation, repository)
        for rule, tick in due:
            self._remember(rule.name, tick)

    def _due(self) -> Iterator[tuple[Rule[Any], float]]:
        """The rules whose latest tick was not yet taken care of.

        A rule that is new here waits for its next tick: an upgrade is no reason to write to people.
        """
        for rule in self.settings.rules:
            if rule.schedule is None:
                continue
            tick, known = latest_tick(rule.schedule, self.clock()), self._last(rule.name)
            if known is None:
                self._remember(rule.name, tick)
            elif tick > known:
                yield rule, tick

    def _repositories(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """The living repositories of all installations, as GitHub lists them."""
        for installation in self.app.app_client.pages("/app/installations"):
            if installation.get("suspended_at") is not None:
                continue
            number = int(installation["id"])
            try:
                found: Sequence[Any] = list(
                    self.app.client_for(number).pages("/installation/repositories")
                )
            except (Forbidden, NotFound, Unauthorized) as error:
                # Suspended or taken away meanwhile; the others are not to wait for it.
                log.warning("the repositories of installation %s: %s", number, error)
                continue
            yield from ((number, each) for each in found if not each.get("archived"))

    def _put(
        self, rule: Rule[Any], tick: float, installation: int, repository: Mapping[str, Any]
    ) -> None:
        payload = _payload(rule.name, installation, repository)
        known = self.settings.remembered(view(SCHEDULE, payload))
        if known is not None and not known.of(rule).enabled:
            return
        full_name = str(repository["full_name"]).lower()
        moment = datetime.fromtimestamp(tick, UTC).strftime("%Y-%m-%dT%H:%MZ")
        self.queue.put(
            NewJob(
                queue=DELIVERIES,
                key=f"schedule:{rule.name}:{moment}:{full_name}",
                subject=f"schedule:{full_name}",
                kind=SCHEDULE,
                body=json.dumps(payload).encode(),
                run_at=self.clock(),
            )
        )

    def _last(self, rule: str) -> float | None:
        """The tick that was last taken care of."""
        with reading(self.engine) as connection:
            wanted = select(table.c.tick).where(table.c.rule == rule)
            return connection.execute(wanted).scalar_one_or_none()

    def _remember(self, rule: str, tick: float) -> None:
        with writing(self.engine) as connection:
            connection.execute(delete(table).where(table.c.rule == rule))
            connection.execute(insert(table).values(rule=rule, tick=tick))


def _payload(rule: str, installation: int, repository: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in for a delivery's payload: as much as `bot.events.view` reads."""
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
