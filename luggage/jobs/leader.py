"""One of many processes does what need be done once: a lease with a name.

Chosen: a row that its holder renews. Another takes it when its time is over, or when it has seen no
renewal for as long as a lease lasts by its own clock: so it does not matter whose clock is right,
as in the leader election of Kubernetes (client-go, tools/leaderelection). Against: an advisory lock
of PostgreSQL, which lives as long as a connection, also a half-open one, and which SQLite has not.

A holder that was stopped for longer than its lease goes on believing that it holds it. What is done
under a lease must do no harm when two do it.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, Row, select

from luggage.database.upsert import insert_once
from luggage.jobs.schema import lease


class Leadership:
    """Who holds which name, in one database. Threads may share it; `clock` gives epoch seconds."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock
        # What was last seen of a name that another holds, and since when: (holder, term), seconds.
        self._seen: dict[tuple[str, str], tuple[tuple[str, int], float]] = {}

    def holds(self, name: str, holder: str, *, seconds: float) -> bool:
        """Take or renew `name` for `seconds`; return whether `holder` has it now.

        To be called again well before they are over. Of several holders one has it, except after
        one was stopped, or a clock jumped, for longer than `seconds`. Raises OperationalError when
        the database is away.
        """
        now = self._clock()
        first = {"name": name, "holder": holder, "term": 1, "lease_until": now + seconds}
        with self._engine.begin() as connection:
            if insert_once(connection, lease, first):
                return True
            query = select(lease).where(lease.c.name == name).with_for_update()
            row = connection.execute(query).one_or_none()
            if row is None or not self._may_have(row, holder, now, seconds):
                return False  # given up this very moment, or another's
            renewed = first | {"term": row.term + 1}
            connection.execute(lease.update().where(lease.c.name == name).values(renewed))
        self._seen.pop((name, holder), None)
        return True

    def release(self, name: str, holder: str) -> None:
        """Give `name` up, so that another may have it at once. Safe to repeat."""
        mine = (lease.c.name == name) & (lease.c.holder == holder)
        with self._engine.begin() as connection:
            connection.execute(lease.delete().where(mine))

    def _may_have(self, row: Row[Any], holder: str, now: float, seconds: float) -> bool:
        if row.holder == holder or row.lease_until <= now:
            return True
        key, shown = (row.name, holder), (row.holder, row.term)
        seen, since = self._seen.get(key, (None, now))
        if seen != shown or since > now:  # renewed meanwhile, or our clock was put back
            self._seen[key] = shown, now
            return False
        return now - since >= seconds
