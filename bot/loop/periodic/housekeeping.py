"""Housekeeping: expires payloads and tokens, and keeps SQLite's files small.

Keys and dead jobs stay. Each step is small; if a run is cut short, the next run resumes it.
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
    """Housekeeping of one database; payloads of finished jobs expire after `payload_days`.

    An installation's payloads take `installation_bytes` at most: beyond that its oldest finished
    ones expire earlier. 0 means no limit.
    """

    engine: Engine
    queue: Queue
    clock: Callable[[], float]
    payload_days: float
    installation_bytes: int = 0

    def __call__(self) -> None:
        """Run once. Raises SQLAlchemyError if the database is away; safe to repeat and kill."""
        expired = self.queue.expire_bodies(self.clock() - self.payload_days * _DAY_SECONDS)
        if expired:
            log.info("%d payloads older than %g days have expired", expired, self.payload_days)
        self._keep_quota()
        with writing(self.engine) as connection:
            connection.execute(delete(table).where(table.c.expires_at < self.clock()))
        tidy(self.engine)

    def _keep_quota(self) -> None:
        if not self.installation_bytes:
            return
        for tenant, size in self.queue.sizes().items():
            expired = self.queue.expire_oldest(tenant, size - self.installation_bytes)
            if expired:
                log.warning(
                    "installation %s has more than %d MB of payloads: its oldest %d have expired",
                    tenant or "unknown",
                    self.installation_bytes // 1_000_000,
                    expired,
                )
