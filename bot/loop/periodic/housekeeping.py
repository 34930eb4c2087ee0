"""Housekeeping: expires payloads and tokens, and keeps SQLite's files small.

Keys and dead jobs stay. Each step is small; if a run is cut short, the next run resumes it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Engine, delete

from bot.loop.periodic.scheduler import run_each
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
        """Run once; raises the errors of its steps together. Safe to repeat and kill.

        A step that fails, or an installation, stops no other.
        """
        run_each(
            "housekeeping is incomplete",
            (self._expire, self._keep_quota, self._drop_tokens, self._tidy),
        )

    def _expire(self) -> None:
        expired = self.queue.expire_bodies(self.clock() - self.payload_days * _DAY_SECONDS)
        if expired:
            log.info("%d payloads older than %g days have expired", expired, self.payload_days)

    def _drop_tokens(self) -> None:
        with writing(self.engine) as connection:
            connection.execute(delete(table).where(table.c.expires_at < self.clock()))

    def _tidy(self) -> None:
        tidy(self.engine)

    def _keep_quota(self) -> None:
        sizes = self.queue.sizes() if self.installation_bytes else {}
        run_each(
            "the quota of an installation was not kept",
            [partial(self._keep_quota_of, tenant, size) for tenant, size in sizes.items()],
        )

    def _keep_quota_of(self, tenant: str, size: int) -> None:
        expired = self.queue.expire_oldest(tenant, size - self.installation_bytes)
        if expired:
            log.warning(
                "installation %s has more than %d MB of payloads: its oldest %d have expired",
                tenant or "unknown",
                self.installation_bytes // 1_000_000,
                expired,
            )
