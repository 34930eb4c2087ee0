"""Housekeeping: payloads expire, keys and dead jobs stay, SQLite's files keep to their size.

A duty of the loop. Each step is small, and a run that is cut short is gone on with by the next.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, delete

from bot.store.tables import installation_token as table
from luggage.database import tidy, writing
from luggage.jobs import Queue

EVERY_SECONDS = 3600.0
_DAY_SECONDS = 24 * 3600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Housekeeping:
    """Keeps the house of one database. `payload_days`: for how long finished work is looked up."""

    engine: Engine
    queue: Queue
    clock: Callable[[], float]
    payload_days: float

    def __call__(self) -> None:
        """Take one turn. Raises SQLAlchemyError, database away; safe to repeat, and to kill."""
        expired = self.queue.expire_bodies(self.clock() - self.payload_days * _DAY_SECONDS)
        if expired:
            log.info("%d payloads older than %g days are gone", expired, self.payload_days)
        with writing(self.engine) as connection:
            connection.execute(delete(table).where(table.c.expires_at < self.clock()))
        tidy(self.engine)
