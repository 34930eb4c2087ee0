"""Recovery task: fetches the deliveries that GitHub could not deliver, from its log.

luggage.github.deliveries does the fetching, and bot.store.recovery keeps the progress. When
recovery fails, the log says so once an hour, and the mood turns to worried long before GitHub
forgets a delivery.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from bot.rule import Rule
from bot.rules import rules_for
from bot.store.board import LATE_AFTER_SECONDS
from bot.store.meters import RECOVERED_TOTAL
from bot.store.recovery import QueueInbox
from luggage.database import unavailable
from luggage.github import GithubError, Recovery
from luggage.telemetry.meter import Meter

# The log need not hear of the same trouble every few seconds, nor the database of success.
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
    """Whether a rule listens to such a delivery, or `also` names its (event, action)."""
    return bool(rules_for(event, action, rules)) or (event, action) in also


class Recoverer:
    """Takes turns; whatever happens in one is told in the log, and the next one comes."""

    def __init__(
        self,
        recovery: Recovery,
        inbox: QueueInbox,
        *,
        clock: Callable[[], float],
        meter: Meter | None = None,
    ) -> None:
        self._recovery = recovery
        self._inbox = inbox
        self._clock = clock
        self._meter = meter or Meter()
        self._caught_up_at: float | None = None
        self._trouble: tuple[str, float] | None = None  # what was told last, and when

    def __call__(self) -> None:
        """Take one turn. Never raises an Exception; safe to repeat, and to kill."""
        try:
            self._turn()
        except GithubError as error:
            self._tell(type(error).__name__, str(error))
        except SQLAlchemyError as error:
            self._tell(type(error).__name__, unavailable(error))
        except Exception:
            log.exception("looking for missed deliveries failed; it is tried again")

    def _turn(self) -> None:
        if self._caught_up_at is None:
            self._caught_up_at = self._inbox.begin()
        fetched = self._recovery.run()
        if fetched:
            self._meter.add(RECOVERED_TOTAL, by=fetched)
            log.info("%d missed deliveries were fetched", fetched)
        if self._trouble:
            log.info("looking for missed deliveries works again")
            self._trouble = None
        if not 0.0 <= self._clock() - self._caught_up_at < RECORD_SECONDS:
            self._caught_up_at = self._inbox.caught_up()

    def _tell(self, kind: str, words: str) -> None:
        now = self._clock()
        told, told_at = self._trouble or ("", 0.0)
        if told == kind and 0.0 <= now - told_at < REPEAT_SECONDS:
            return
        self._trouble = kind, now
        late = now - self._caught_up_at if self._caught_up_at is not None else 0.0
        level = logging.ERROR if late >= LATE_AFTER_SECONDS else logging.WARNING
        log.log(level, "no sight of missed deliveries for %.1f h: %s", late / 3600.0, words)
