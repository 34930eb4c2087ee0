"""Counter totals of all processes, in the bot's database, for /metrics.

Each process adds its counts every few seconds; a killed process loses at most those. Additions are
numbered, so repeating one after a lost commit does not count twice (docs/decisions/0090).
"""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from bot.store.tables import total as table
from bot.store.tables import total_source as source
from luggage.database import reading, writing
from luggage.database.upsert import inserting
from luggage.telemetry.meter import Key, Meter, Taken

EVERY_SECONDS = 5.0
_SHUTDOWN_SECONDS = 1.0
# A process that has added nothing for a week has ended.
_EXPIRED_SECONDS = 7 * 24 * 3600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Total:
    """A sum, or the last value of a gauge; `at` is when it was stored, in epoch seconds."""

    value: float
    at: float


class Totals:
    """The totals in one database. `name` identifies this process for ever."""

    def __init__(self, engine: Engine, *, name: str, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._name = name
        self._clock = clock
        self._number = 0
        self._pending = Taken()

    def add(self, meter: Meter) -> None:
        """Add the counts of a meter; call it from one thread only.

        Raises SQLAlchemyError if the database did not confirm the commit. The next call then adds
        these counts first, unless they were committed after all.
        """
        if self._pending:
            self._commit()
        self._pending = meter.take()
        if self._pending:
            self._number += 1
            self._commit()

    def read(self) -> Mapping[Key, Total]:
        """All totals. Raises SQLAlchemyError."""
        query = select(table.c.name, table.c.labels, table.c.value, table.c.changed_at)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return {(name, tuple(json.loads(labels))): Total(*total) for name, labels, *total in rows}

    def _commit(self) -> None:
        with writing(self._engine) as connection:
            if self._is_new(connection):
                self._put(connection, self._pending.added, adds=True)
                self._put(connection, self._pending.seen, adds=False)
        self._pending = Taken()

    def _is_new(self, connection: Connection) -> bool:
        """Store the number of this addition; False if it was committed before."""
        now = self._clock()
        mine = source.c.name == self._name
        known = connection.execute(select(source.c.number).where(mine)).scalar_one_or_none()
        if known == self._number:
            return False
        row = {"number": self._number, "told_at": now}
        if known is not None:
            connection.execute(update(source).where(mine).values(row))
            return True
        connection.execute(delete(source).where(source.c.told_at < now - _EXPIRED_SECONDS))
        connection.execute(insert(source).values(name=self._name, **row))
        return True

    def _put(self, connection: Connection, values: Mapping[Key, float], *, adds: bool) -> None:
        if not values:
            return
        now = self._clock()
        upsert = inserting(connection, table)
        value = table.c.value + upsert.excluded.value if adds else upsert.excluded.value
        changed = {"value": value, "changed_at": upsert.excluded.changed_at}
        # All processes use the same order, which prevents deadlocks.
        rows = [
            {"name": name, "labels": json.dumps(labels), "value": each, "changed_at": now}
            for (name, labels), each in sorted(values.items())
        ]
        connection.execute(
            upsert.on_conflict_do_update(index_elements=["name", "labels"], set_=changed), rows
        )


class Bookkeeper:
    """Background thread that adds a meter's counts to the totals; a context manager."""

    def __init__(
        self, meter: Meter, totals: Totals, *, every_seconds: float = EVERY_SECONDS
    ) -> None:
        self._meter = meter
        self._totals = totals
        self._every_seconds = every_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="bookkeeper", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread. May be entered once."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Add the remaining counts, if the database takes them within a second."""
        self._over.set()
        self._thread.join(_SHUTDOWN_SECONDS)

    def _keep(self) -> None:
        while not self._over.wait(self._every_seconds):
            self._add()
        self._add()

    def _add(self) -> None:
        try:
            self._totals.add(self._meter)
        except SQLAlchemyError as error:
            log.debug("cannot add to the totals yet: %s", type(error).__name__)
        except Exception:  # metrics must not stop the process
            log.exception("adding to the totals failed")
