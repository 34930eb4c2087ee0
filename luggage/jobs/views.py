"""What the pages and the tools ask of the queue; nothing here changes a job.

Chosen: each answer in a transaction of its own that cannot write. Against: letting pages write
their own SQL; the tables belong to the queue, which may change them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, Select, literal_column, select, text

from luggage.jobs import schema, searches, statements
from luggage.jobs.model import Depth, JobRow, Standing, State
from luggage.jobs.payloads import unpack
from luggage.jobs.schema import job as table
from luggage.jobs.schema import job_body, pause, pause_part


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
        return None if row is None else row_of(row)

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
        return self._rows(query.limit(limit))

    def children(self, job_id: int) -> list[JobRow]:
        """Return the jobs which this one asked for, in the order they were put."""
        return self._rows(select(table).where(table.c.parent == job_id).order_by(table.c.id))

    def search(  # noqa: PLR0913  # each is one condition of a search
        self,
        queue: str,
        *,
        state: State | None = None,
        kind: str | None = None,
        within: str | None = None,
        before: int | None = None,
        with_body: bool = False,
        limit: int = 50,
    ) -> list[JobRow]:
        """Return the queue's jobs that match, newest first, at most `limit`.

        With `state`, a job and those that it asked for count as one: dead are those of which one is
        dead, done are those that are done with all. `within` is a subject, without regard to case,
        of which numbered parts count too: `owner/repo` finds `owner/repo#7`. The next page is had
        with the last one's id as `before`. `with_body` leaves out those whose body has expired.
        """
        query = searches.matching(
            queue, state=state, kind=kind, within=within, before=before, with_body=with_body
        )
        return self._rows(query.limit(limit))

    def asked_for(self, job_ids: Collection[int]) -> Mapping[int, Sequence[JobRow]]:
        """Return the jobs which each of these asked for, in the order they were put."""
        asked: dict[int, list[JobRow]] = {job_id: [] for job_id in job_ids}
        query = select(table).where(table.c.parent.in_(job_ids), text(schema.CHILD))
        for row in self._rows(query.order_by(table.c.id)):
            asked[row.parent or 0].append(row)
        return asked

    def beginning(self, queue: str, prefix: str, *, limit: int = 2) -> list[JobRow]:
        """Return the queue's jobs whose key begins with `prefix`, newest first."""
        return self._rows(searches.beginning(queue, prefix).limit(limit))

    def answered(self, queue: str, words: str, *, limit: int = 1) -> list[JobRow]:
        """Return the queue's finished jobs whose result holds `words`, newest first.

        Looks through all that is finished: some 0.5 s for a million jobs.
        """
        return self._rows(searches.answered(queue, words).limit(limit))

    def keys(
        self, queue: str, *, before: int | None = None, limit: int = 1000
    ) -> Mapping[int, str]:
        """Return ids and keys of the queue, newest first, at most `limit`; pages as `search`."""
        query = searches.matching(queue, before=before)
        with self._reading() as connection:
            rows = connection.execute(query.with_only_columns(table.c.id, table.c.key).limit(limit))
            return {row.id: row.key for row in rows}

    def per_hour(self, since: float) -> Mapping[tuple[str, int], int]:
        """Return how many jobs each queue was given in each hour from `since` (epoch seconds) on.

        An hour is counted from the epoch: `created_at // 3600`. A pair that is missing means none.
        """
        with self._reading() as connection:
            rows = connection.execute(searches.per_hour(since)).all()
        return {(queue, int(hour)): number for queue, hour, number in rows}

    def _rows(self, query: Select[Any]) -> list[JobRow]:
        with self._reading() as connection:
            return [row_of(row) for row in connection.execute(query).mappings()]

    def counts(self) -> Mapping[tuple[str, State], int]:
        """Return how many jobs each queue has in each state; a pair that is missing means none.

        Counts what is there: with a million finished jobs it takes some 50 ms, so a page should not
        ask anew for each visitor.
        """
        with self._reading() as connection:
            rows = connection.execute(statements.COUNTS).all()
        return {(queue, State(state)): number for queue, state, number in rows}

    def depths(self) -> list[Depth]:
        """Return how deep each queue is in each state but the last ones; cheap as `standing`."""
        with self._reading() as connection:
            rows = connection.execute(statements.DEPTHS).all()
        return [Depth(queue, State(state), *rest) for queue, state, *rest in rows]

    def standing(self) -> Standing:
        """Return how many jobs wait, fail or are dead; cheap, however many are finished."""
        with self._reading() as connection:
            found = connection.execute(statements.STANDING).one()
        ready, leased, retrying, dead, paused, parts = found
        return Standing(
            waiting=ready + leased,
            retrying=retrying,
            dead=dead,
            paused=bool(paused),
            paused_parts=parts,
        )

    def paused_at(self) -> float | None:
        """Return since when nothing is claimed, by order (epoch seconds), or None."""
        with self._reading() as connection:
            since: float | None = connection.execute(select(pause.c.paused_at)).scalar()
        return since

    def paused_parts(self) -> Mapping[str, float]:
        """Return the parts that are paused, in their order, and since when (epoch seconds)."""
        query = select(pause_part.c.name, pause_part.c.paused_at).order_by(pause_part.c.name)
        with self._reading() as connection:
            return {row.name: row.paused_at for row in connection.execute(query)}

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


def row_of(row: RowMapping) -> JobRow:
    """Return the job of a row of the table."""
    return JobRow(**{**row, "state": State(row["state"])})
