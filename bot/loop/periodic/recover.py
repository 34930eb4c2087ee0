"""Recovery task: fetches missed deliveries from GitHub's log.

luggage.github.deliveries fetches them, and bot.store.recovery stores the progress. While recovery
fails, the log says so once an hour. The mood turns to worried long before GitHub forgets a
delivery.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from bot.events import RENAMES
from bot.rule import Rule
from bot.rules import rules_for
from bot.store.board import LATE_AFTER_SECONDS
from bot.store.meters import RECOVERED_TOTAL
from bot.store.recovery import QueueInbox
from luggage.database import unavailable
from luggage.github import GithubError, Recovery
from luggage.telemetry.meter import Meter

# How often the log repeats the same failure, and the database the success, in seconds.
REPEAT_SECONDS = 3600.0
RECORD_SECONDS = 60.0

log = logging.getLogger(__name__)


def is_wanted(
    event: str,
    action: str | None,
    *,
    rules: Sequence[Rule[Any]] | None = None,
    also: Collection[tuple[str, str]] = (),
) -> bool:
    """Whether a rule handles such a delivery, it renames, or `also` names its (event, action)."""
    pair = event, action
    return bool(rules_for(event, action, rules)) or pair in RENAMES or pair in also


class Recoverer:
    """Runs recovery periodically; a failure is logged, and the next run tries again.

    With `polls`, GitHub sends nothing by itself, so the log speaks of all deliveries, not of missed
    ones.
    """

    def __init__(
        self,
        recovery: Recovery,
        inbox: QueueInbox,
        *,
        clock: Callable[[], float],
        meter: Meter | None = None,
        polls: bool = False,
    ) -> None:
        self._recovery = recovery
        self._inbox = inbox
        self._clock = clock
        self._meter = meter or Meter()
        self._what = "deliveries" if polls else "missed deliveries"
        self._caught_up_at: float | None = None
        self._failure: tuple[str, float] | None = None  # the kind last logged, and when

    def __call__(self) -> None:
        """Run once. Never raises an Exception; safe to repeat, and to kill."""
        try:
            self._run()
        except GithubError as error:
            self._log_failure(type(error).__name__, str(error))
        except SQLAlchemyError as error:
            self._log_failure(type(error).__name__, unavailable(error))
        except Exception:
            log.exception("fetching %s failed; the next run tries again", self._what)

    def _run(self) -> None:
        if self._caught_up_at is None:
            self._caught_up_at = self._inbox.begin()
        fetched = self._recovery.run()
        if fetched:
            self._meter.add(RECOVERED_TOTAL, by=fetched)
            log.info("%s fetched: %d", self._what, fetched)
        if self._failure:
            log.info("fetching %s works again", self._what)
            self._failure = None
        if not 0.0 <= self._clock() - self._caught_up_at < RECORD_SECONDS:
            self._caught_up_at = self._inbox.caught_up()

    def _log_failure(self, kind: str, reason: str) -> None:
        now = self._clock()
        logged, logged_at = self._failure or ("", 0.0)
        if logged == kind and 0.0 <= now - logged_at < REPEAT_SECONDS:
            return
        self._failure = kind, now
        late = now - self._caught_up_at if self._caught_up_at is not None else 0.0
        level = logging.ERROR if late >= LATE_AFTER_SECONDS else logging.WARNING
        log.log(level, "%s not fetched for %.1f h: %s", self._what, late / 3600.0, reason)
