"""Leader election: named leases, for work that one of many processes does for all.

A lease is a row that its holder renews. Another process takes it over once it has expired, or once
that process has seen no renewal for the length of a lease by its own clock. So clocks need not
agree, as in Kubernetes' leader election (client-go, tools/leaderelection). An advisory lock of
PostgreSQL would live as long as its connection, even a half-open one, and SQLite has none.

A holder that was stopped for longer than its lease still believes that it holds it. Work done under
a lease must be harmless when two processes do it.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, Row, select

from luggage.database.upsert import insert_once
from luggage.jobs.schema import lease


class Leadership:
    """The named leases of one database. Threads may share it; `clock` returns epoch seconds."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock
        # (name, our holder) -> the other holder and its term, and when we first saw them.
        self._seen: dict[tuple[str, str], tuple[tuple[str, int], float]] = {}

    def holds(self, name: str, holder: str, *, seconds: float) -> bool:
        """Take or renew the lease `name` for `seconds`; return whether `holder` has it now.

        Call it again well before they are over. At most one holder has the lease, except after a
        process was stopped, or a clock jumped, for longer than `seconds`. Raises OperationalError
        when the database is away.
        """
        now = self._clock()
        first = {"name": name, "holder": holder, "term": 1, "lease_until": now + seconds}
        with self._engine.begin() as connection:
            if insert_once(connection, lease, first):
                return True
            query = select(lease).where(lease.c.name == name).with_for_update()
            row = connection.execute(query).one_or_none()
            if row is None or not self._may_take(row, holder, now, seconds):
                return False  # released this very moment, or held by another
            renewed = first | {"term": row.term + 1}
            connection.execute(lease.update().where(lease.c.name == name).values(renewed))
        self._seen.pop((name, holder), None)
        return True

    def release(self, name: str, holder: str) -> None:
        """Release the lease `name`, so that another process may take it. Safe to repeat."""
        mine = (lease.c.name == name) & (lease.c.holder == holder)
        with self._engine.begin() as connection:
            connection.execute(lease.delete().where(mine))

    def _may_take(self, row: Row[Any], holder: str, now: float, seconds: float) -> bool:
        if row.holder == holder or row.lease_until <= now:
            return True
        key, current = (row.name, holder), (row.holder, row.term)
        seen, since = self._seen.get(key, (None, now))
        if seen != current or since > now:  # renewed meanwhile, or our clock was set back
            self._seen[key] = current, now
            return False
        return now - since >= seconds
