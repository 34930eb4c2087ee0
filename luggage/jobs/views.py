"""What the pages and the tools ask of the queue; nothing here changes a job.

Chosen: each answer in a transaction of its own that cannot write. Against: letting pages write
their own SQL; the tables belong to the queue, which may change them.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, Select, literal_column, select, text

from luggage.jobs import schema, statements
from luggage.jobs.bodies import unpack
from luggage.jobs.model import JobRow, Standing, State
from luggage.jobs.schema import job as table
from luggage.jobs.schema import job_body, pause


class Views:
    """The reading half of `luggage.jobs.Queue`; raises what AWAY names, database away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._engine.connect() as plain:
            yield plain.execution_options(read_only=True)

    def get(self, job_id: int) -> JobRow | None:
        """Return the job with this id, or None."""
        return self._one(select(table).where(table.c.id == job_id))

    def find(self, queue: str, key: str) -> JobRow | None:
        """Return the job with this key in this queue, or None."""
        return self._one(select(table).where(table.c.queue == queue, table.c.key == key))

    def known(self, queue: str, keys: Collection[str]) -> set[str]:
        """Return those of `keys` that this queue has had a job for, in any state."""
        query = select(table.c.key).where(table.c.queue == queue, table.c.key.in_(keys))
        with self._reading() as connection:
            return set(connection.execute(query).scalars())

    def _one(self, query: Select[Any]) -> JobRow | None:
        with self._reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _row(row)

    def body(self, job_id: int) -> bytes | None:
        """Return a job's body, or None when it has expired or there is no such job."""
        query = select(job_body.c.codec, job_body.c.body).where(job_body.c.job_id == job_id)
        with self._reading() as connection:
            packed = connection.execute(query).one_or_none()
        return None if packed is None else unpack(*packed)

    def recent(  # noqa: PLR0913  # each is one condition of a search
        self,
        queue: str,
        *,
        state: State | None = None,
        subject: str | None = None,
        kind: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[JobRow]:
        """Return the queue's jobs that match, newest first, at most `limit`.

        The next page is had with the last one's id as `before`.
        """
        query = _newest(queue, state)
        for column, value in {"subject": subject, "kind": kind}.items():
            if value is not None:
                query = query.where(table.c[column] == value)
        if before is not None:
            query = query.where(table.c.id < before)
        with self._reading() as connection:
            return [_row(row) for row in connection.execute(query.limit(limit)).mappings()]

    def children(self, job_id: int) -> list[JobRow]:
        """Return the jobs which this one asked for, in the order they were put."""
        query = select(table).where(table.c.parent == job_id)
        with self._reading() as connection:
            return [_row(row) for row in connection.execute(query.order_by(table.c.id)).mappings()]

    def counts(self) -> Mapping[tuple[str, State], int]:
        """Return how many jobs each queue has in each state; a pair that is missing means none.

        Counts what is there: with a million finished jobs it takes some 50 ms, so a page should not
        ask anew for each visitor.
        """
        with self._reading() as connection:
            rows = connection.execute(statements.COUNTS).all()
        return {(queue, State(state)): number for queue, state, number in rows}

    def standing(self) -> Standing:
        """Return how many jobs wait, fail or are dead; cheap, however many are finished."""
        with self._reading() as connection:
            ready, leased, retrying, dead, paused = connection.execute(statements.STANDING).one()
        return Standing(waiting=ready + leased, retrying=retrying, dead=dead, paused=bool(paused))

    def paused_at(self) -> float | None:
        """Return since when nothing is claimed, by order (epoch seconds), or None."""
        with self._reading() as connection:
            since: float | None = connection.execute(select(pause.c.paused_at)).scalar()
        return since

    def oldest_ready_at(self, queue: str) -> float | None:
        """Return the `run_at` of the ready job that is due first (epoch seconds), or None."""
        with self._reading() as connection:
            oldest: float | None = connection.execute(
                statements.OLDEST_READY_AT, {"queue": queue}
            ).scalar()
        return oldest


def _newest(queue: str, state: State | None) -> Select[Any]:
    query = select(table).order_by(table.c.id.desc())
    if state is None:
        # By its plain name, SQLite would look the queue up among all keys, and then sort what it
        # finds.
        return query.where(table.c.queue + literal_column("''") == queue)
    condition = text(schema.CONDITIONS[state])
    return query.where(table.c.queue == queue, table.c.state == state, condition)


def _row(row: RowMapping) -> JobRow:
    return JobRow(**{**row, "state": State(row["state"])})
