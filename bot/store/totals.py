"""The totals of all processes, in the bot's database, so that any web process can show them.

Each process adds what it has counted every few seconds. What it has not yet added when it is killed
is lost, some seconds' worth; what is there never shrinks, whoever dies or starts again. An addition
is numbered: one whose commit was lost on the way back is not made twice.

Chosen against prometheus_client's files for many processes: those are of one machine, one more for
each process that ever lived, and the loop's own would need a server; and against counting the jobs
in the database, where refused deliveries, requests and times are not.
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
_FAREWELL_SECONDS = 1.0
# A process that has added nothing for a week is no more.
_FORGOTTEN_SECONDS = 7 * 24 * 3600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Total:
    """A sum, or what was seen last; `at` is when it came here, in seconds since the epoch."""

    value: float
    at: float


class Totals:
    """The totals in one database. `name` is that of this process among all that ever were."""

    def __init__(self, engine: Engine, *, name: str, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._name = name
        self._clock = clock
        self._number = 0
        self._pending = Taken()

    def add(self, meter: Meter) -> None:
        """Add what the meter has come to; for one thread of a process alone.

        Raises SQLAlchemyError when the database did not commit it, or may have; it is kept then,
        and the next call adds it first, if it was not added.
        """
        if self._pending:
            self._commit()
        self._pending = meter.take()
        if self._pending:
            self._number += 1
            self._commit()

    def read(self) -> Mapping[Key, Total]:
        """All totals. Raises SQLAlchemyError, database away."""
        query = select(table.c.name, table.c.labels, table.c.value, table.c.changed_at)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return {(name, tuple(json.loads(labels))): Total(*told) for name, labels, *told in rows}

    def _commit(self) -> None:
        with writing(self._engine) as connection:
            if self._is_new(connection):
                self._put(connection, self._pending.added, adds=True)
                self._put(connection, self._pending.seen, adds=False)
        self._pending = Taken()

    def _is_new(self, connection: Connection) -> bool:
        """Take this addition's number; False where it is taken: it was made already."""
        now = self._clock()
        mine = source.c.name == self._name
        known = connection.execute(select(source.c.number).where(mine)).scalar_one_or_none()
        if known == self._number:
            return False
        row = {"number": self._number, "told_at": now}
        if known is not None:
            connection.execute(update(source).where(mine).values(row))
            return True
        connection.execute(delete(source).where(source.c.told_at < now - _FORGOTTEN_SECONDS))
        connection.execute(insert(source).values(name=self._name, **row))
        return True

    def _put(self, connection: Connection, values: Mapping[Key, float], *, adds: bool) -> None:
        if not values:
            return
        now = self._clock()
        adding = inserting(connection, table)
        value = table.c.value + adding.excluded.value if adds else adding.excluded.value
        changed = {"value": value, "changed_at": adding.excluded.changed_at}
        # In one order for all, so that no two wait for one another.
        rows = [
            {"name": name, "labels": json.dumps(labels), "value": each, "changed_at": now}
            for (name, labels), each in sorted(values.items())
        ]
        connection.execute(
            adding.on_conflict_do_update(index_elements=["name", "labels"], set_=changed), rows
        )


class Bookkeeper:
    """Adds what a meter counts to the totals while its context lasts, in a thread of its own."""

    def __init__(
        self, meter: Meter, totals: Totals, *, every_seconds: float = EVERY_SECONDS
    ) -> None:
        self._meter = meter
        self._totals = totals
        self._every_seconds = every_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="bookkeeper", daemon=True)

    def __enter__(self) -> Self:
        """Begin; returns at once. May be entered once."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Add what is left, if the database takes it within a second."""
        self._over.set()
        self._thread.join(_FAREWELL_SECONDS)

    def _keep(self) -> None:
        while not self._over.wait(self._every_seconds):
            self._add()
        self._add()

    def _add(self) -> None:
        try:
            self._totals.add(self._meter)
        except SQLAlchemyError as error:
            log.debug("the totals are not added to yet: %s", type(error).__name__)
        except Exception:  # figures must not end anything
            log.exception("the totals could not be added to")
