"""Durable queue: every transition of a job, each in one transaction.

Any number of processes and machines claim from one table. Each claim has a lease and a fencing
token (Kleppmann, "How to do distributed locking", 2016); docs/architecture.md says why there is no
broker. The hot SQL is in `statements`, that of the pages in `searches`.

On SQLite the engine must begin writing transactions with BEGIN IMMEDIATE and understand the
execution option ``read_only``; luggage.database.open_engine makes such engines.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine, Row, RowMapping, Select, select, text
from sqlalchemy.exc import IntegrityError

from luggage.database.upsert import insert_once
from luggage.jobs import dependents, outcomes, putting, schema, searches, statements
from luggage.jobs.model import (
    Depth,
    Job,
    JobRow,
    LeaseLost,
    NewJob,
    Put,
    Standing,
    State,
    UnknownJob,
    WrongState,
)
from luggage.jobs.outcomes import Ending, Held
from luggage.jobs.payloads import storable, unpack
from luggage.jobs.schema import job as table
from luggage.jobs.schema import job_body, pause, pause_part
from luggage.jobs.wake import Waker, nobody

# How often a claim that met another at the same subject looks again before it leaves it to the next
# turn.
_COLLISIONS = 3
# Between jobs that were lost together; a job that kills its worker does so within this.
APART_SECONDS = 1.0
_EXPIRE_BATCH = 500


class Queue:
    """All queues of one database. Safe to share between threads; holds no connection between calls.

    `clock` returns epoch seconds. `wake` is called after each commit that may have made a job
    claimable. Every method raises sqlalchemy.exc.OperationalError when the database is away, and
    has then changed nothing, or (a connection lost in the commit itself) may be repeated as its
    docstring says.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], float], wake: Waker = nobody) -> None:
        self._engine = engine
        self._clock = clock
        self.wake = wake

    def __repr__(self) -> str:
        return f"Queue({self._engine!r})"

    # Putting

    def put(self, job: NewJob) -> Put:
        """Store a job and return its id, and whether it is new; durable when this returns.

        Safe to repeat: a second put of the same queue and key changes nothing, whatever became of
        the first. Raises UnknownJob when `after` names no job.
        """
        return self.put_all([job])[0]

    def put_all(self, jobs: Sequence[NewJob]) -> list[Put]:
        """Do what `put` does for each, in their order, in one transaction: all or nothing."""
        packed = putting.packed(jobs)
        with self.connect() as connection:
            return self.put_over(connection, lambda: packed)

    def put_over(
        self, connection: Connection, take: Callable[[], Sequence[putting.Packed]]
    ) -> list[Put]:
        """Do what `put_all` does, over a connection of `connect` that is in no transaction.

        `take` is called in the transaction, for which others may have been waited, and others wait.
        """
        with connection.begin():
            puts = putting.put_on(connection, take(), self._clock())
        if any(put.created for put in puts):
            self.wake()
        return puts

    def connect(self) -> Connection:
        """Return a connection for `put_over`, which the caller keeps and closes."""
        return self._engine.connect()

    def put_on(self, connection: Connection, jobs: Sequence[NewJob]) -> list[Put]:
        """Do what `put_all` does inside the caller's transaction; call `wake` after its commit."""
        return putting.put_on(connection, putting.packed(jobs), self._clock())

    # Claiming

    def claim(
        self, queues: Sequence[str], *, worker: str, lease_seconds: float, limit: int = 1
    ) -> list[Job]:
        """Return up to `limit` jobs that may start now, leased to `worker` for `lease_seconds`.

        The queues are asked in their order; within one, what was due first comes first. Of each
        subject at most one job is out at a time, the oldest. The attempt is counted here, so that a
        job which kills its worker comes to its end too. An empty list: nothing may start now.
        """
        for _ in range(_COLLISIONS):
            try:
                with self._engine.begin() as connection:
                    return self._claim(connection, queues, worker, lease_seconds, limit)
            except IntegrityError:
                # PostgreSQL: another claim took a job of the same subject between our look and our
                # update; the unique index refused the second. The next look sees it.
                continue
        return []

    def _claim(
        self,
        connection: Connection,
        queues: Sequence[str],
        worker: str,
        lease_seconds: float,
        limit: int,
    ) -> list[Job]:
        now = self._clock()
        claimed: list[Job] = []
        for queue in queues:
            asked = {"queue": queue, "now": now, "limit": limit - len(claimed)}
            rows = connection.execute(statements.CLAIMABLE, asked).mappings().all()
            claimed += [_job(row, now + lease_seconds) for row in rows]
            if len(claimed) >= limit:
                break
        if claimed:
            lease = {"b_lease_until": now + lease_seconds, "b_worker": worker, "b_now": now}
            connection.execute(statements.LEASE, [{"b_id": job.id, **lease} for job in claimed])
        return claimed

    def next_run_at(self, queues: Sequence[str]) -> float | None:
        """Return when the next claim could succeed (epoch seconds, perhaps past), or None.

        Jobs whose subject has one running are left out: its end wakes whoever waits.
        """
        with self._reading() as connection:
            times = [
                connection.execute(statements.NEXT_RUN_AT, {"queue": queue}).scalar()
                for queue in queues
            ]
        return min((time for time in times if time is not None), default=None)

    def reclaim(self) -> int:
        """Take back the jobs whose lease ran out; return how many. Each is ready again, or dead.

        They come back APART_SECONDS after one another: one of them may have killed the worker that
        held them all, and must not take the others along each time. Safe to call from any process
        at any time: two callers never take the same job.
        """
        with self._engine.begin() as connection:
            now = self._clock()
            expired = connection.execute(statements.EXPIRED, {"now": now}).mappings()
            rows = [_row_of(row) for row in expired]
            ended = [_lost(row, now + place * APART_SECONDS) for place, row in enumerate(rows)]
            self._end(connection, ended)
        if rows:
            self.wake()
        return len(rows)

    # Holding

    def extend(self, job: Job, lease_seconds: float) -> Job:
        """Lease the job for `lease_seconds` from now; return it so. Raises LeaseLost."""
        lease_until = self._clock() + lease_seconds
        with self._engine.begin() as connection:
            self._write(connection, job, lease_until=lease_until)
        return replace(job, lease_until=lease_until)

    def note(self, job: Job, text: str) -> Job:
        """Write down, durably, how far the work has come; return the job with its note.

        For use before a side effect: the next holder reads it in `Job.note`. Safe to repeat. Raises
        LeaseLost.
        """
        with self._engine.begin() as connection:
            self._write(connection, job, note=text)
        return replace(job, note=text)

    def _write(self, connection: Connection, held: Held, **values: Any) -> None:
        """Change a leased job, if the claim still holds it."""
        fenced = table.update().where(
            table.c.id == held.id, table.c.fence == held.fence, text(schema.LEASED)
        )
        if connection.execute(fenced.values(values)).rowcount != 1:
            raise _not_held(held)

    # Finishing

    def end(self, ended: Sequence[Ending]) -> Sequence[LeaseLost]:
        """Record how claims end, all in one transaction; return those whose jobs are lost.

        Those that wait for the jobs hear of it, and what each puts is put, in order. Of a claim
        that no longer holds its job nothing is recorded, of the others all. Raises UnknownJob, with
        nothing recorded, when a job that is put is to wait for one that there is not. A repetition
        finds all of them lost.
        """
        try:
            self._end_now(ended)
        except LeaseLost as lost:
            if len(ended) == 1:
                return [lost]
            return [lost for ending in ended for lost in self.end([ending])]
        return []

    def done(self, job: Job, *, result: str = "", put: Sequence[NewJob] = ()) -> None:
        """Finish the job, release those that waited for it, put `put` in order: all or nothing.

        Raises LeaseLost when the job is no longer held; so does a repetition. Raises UnknownJob,
        and leaves the job leased, when one of `put` is to wait for a job that there is not.
        """
        self._end_now([outcomes.done(job, result=result, put=put)])

    def ignore(self, job: Job, reason: str) -> None:
        """Finish a job that nobody wanted, and those that waited for it. Raises LeaseLost."""
        self._end_now([outcomes.ignored(job, reason)])

    def retry(self, job: Job, *, error: str, run_at: float, counted: bool = True) -> State:
        """Have the job tried again at `run_at`, or bury it, attempts spent; return its new state.

        An attempt that does not count is made up for by one more that is allowed. Raises LeaseLost.
        """
        ending = outcomes.again(job, error, run_at, counted=counted)
        self._end_now([ending])
        return ending.state

    def postpone(self, job: Job, *, reason: str, run_at: float) -> None:
        """Have the job claimed again at `run_at`, this attempt not counted. Raises LeaseLost."""
        self._end_now([outcomes.postponed(job, reason, run_at)])

    def give_back(self, job: Job) -> None:
        """Return a job whose work was not begun; it is ready at once. Raises LeaseLost."""
        self._end_now([outcomes.given_back(job)])
        self.wake()

    def bury(self, job: Job, error: str) -> None:
        """End a job that can never succeed; it stays until someone decides. Raises LeaseLost."""
        self._end_now([outcomes.buried(job, error)])

    def _end_now(self, ended: Sequence[Ending]) -> None:
        with self._engine.begin() as connection:
            released = self._end(connection, ended)
        if released or any(ending.put for ending in ended):
            self.wake()

    def _end(self, connection: Connection, ended: Sequence[Ending]) -> int:
        """Take jobs out of their claims; return how many jobs were waiting for just these."""
        if not ended:
            return 0
        now = self._clock()
        rows = [_end_row(ending, now) for ending in ended]
        if connection.execute(statements.END, rows).rowcount != len(rows):
            raise _not_held(ended[0].job)
        released = dependents.tell_all(connection, ended, now)
        self.put_on(connection, [new for ending in ended for new in ending.put])
        return released

    # Deciding by hand

    def revive(self, job_id: int, *, done_too: bool = False) -> None:
        """Make a dead, held or ignored job ready now, with all its attempts before it.

        With `done_too` a finished one as well: for work that is safe to do again. Safe to repeat: a
        ready job stays as it is. Raises UnknownJob; WrongState when it is leased or done, or when
        its body has expired.
        """
        allowed = {State.DEAD, State.HELD, State.IGNORED, *([State.DONE] if done_too else [])}
        with self._engine.begin() as connection:
            row = _locked(connection, job_id)
            if row.state != State.READY:
                self._revive(connection, row, allowed)
        self.wake()

    def _revive(self, connection: Connection, row: Row[Any], allowed: Collection[State]) -> None:
        if row.state not in allowed:
            raise WrongState(f"{_name(row)} is {row.state}, not to be revived")
        body = select(job_body.c.job_id).where(job_body.c.job_id == row.id)
        if connection.execute(body).scalar() is None:
            raise WrongState(f"the body of {_name(row)} has expired, it cannot be revived")
        now = self._clock()
        ready = {"state": State.READY, "attempt": 0, "run_at": now, "reason": ""}
        self._change(connection, row, ready)
        dependents.tell(connection, row.id, row.key, State.READY, now)

    def dismiss(self, job_id: int, reason: str) -> None:
        """End a ready, held or dead job as ignored, and those that wait for it.

        Safe to repeat. Raises UnknownJob; WrongState when it is leased or done. `revive` brings it
        back.
        """
        with self._engine.begin() as connection:
            row = _locked(connection, job_id)
            if row.state == State.IGNORED:
                return
            if row.state not in (State.READY, State.HELD, State.DEAD):
                raise WrongState(f"{_name(row)} is {row.state}, not to be dismissed")
            self._change(connection, row, {"state": State.IGNORED, "reason": storable(reason)})
            dependents.tell(connection, row.id, row.key, State.IGNORED, self._clock())

    def _change(self, connection: Connection, row: Row[Any], values: dict[str, Any]) -> None:
        statement = table.update().where(table.c.id == row.id)
        connection.execute(statement.values(**values, changed_at=self._clock()))

    def pause(self) -> bool:
        """Have nothing claimed any more, on any machine; return whether that is new.

        Jobs are still put, and what is leased is finished. Safe to repeat.
        """
        with self._engine.begin() as connection:
            return insert_once(connection, pause, {"id": 1, "paused_at": self._clock()})

    def resume(self) -> bool:
        """Have jobs claimed again, at once; return whether they were not. Safe to repeat."""
        with self._engine.begin() as connection:
            resumed = connection.execute(pause.delete()).rowcount > 0
        self.wake()
        return resumed

    def pause_part(self, name: str) -> bool:
        """Have no job claimed whose subject is `name` or begins with `name/`; return if it is new.

        On any machine, until `resume_part`. Jobs are still put, and what is leased is finished.
        What has no subject belongs to no part. Safe to repeat.
        """
        with self._engine.begin() as connection:
            row = {"name": name, "paused_at": self._clock()}
            return insert_once(connection, pause_part, row)

    def resume_part(self, name: str) -> bool:
        """End a `pause_part`, at once; return whether there was one. Safe to repeat."""
        with self._engine.begin() as connection:
            ended = pause_part.delete().where(pause_part.c.name == name)
            resumed = connection.execute(ended).rowcount > 0
        self.wake()
        return resumed

    def expire_bodies(self, older_than: float) -> int:
        """Delete bodies of done and ignored jobs put before `older_than`; return how many.

        That is in epoch seconds. The jobs and their keys stay, so that a late redelivery is still
        known. In small transactions, so that nobody waits long. Safe to repeat and to interrupt.
        """
        expired, after = 0, 0
        while True:
            with self._engine.begin() as connection:
                asked = {"after": after, "limit": _EXPIRE_BATCH}
                batch = connection.execute(statements.BODIES, asked).all()
                # Ids grow with time, so the first young one ends the search.
                old = [row for row in batch if row.created_at < older_than]
                ids = [row.id for row in old if row.state in (State.DONE, State.IGNORED)]
                connection.execute(job_body.delete().where(job_body.c.job_id.in_(ids)))
            expired += len(ids)
            if len(old) < _EXPIRE_BATCH:
                return expired
            after = old[-1].id

    # Reading

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
        return None if row is None else _row_of(row)

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
        query = searches.newest(queue, state)
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
            return [_row_of(row) for row in connection.execute(query).mappings()]

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


def _job(row: RowMapping, lease_until: float) -> Job:
    """Return the job of a row as it is once this claim's update is done."""
    same = ("id", "queue", "key", "subject", "kind", "max_attempts", "run_at", "created_at", "note")
    return Job(
        **{name: row[name] for name in (*same, "parent")},
        body=unpack(row["codec"], row["body"]),
        attempt=row["attempt"] + 1,
        fence=row["fence"] + 1,
        lease_until=lease_until,
    )


def _end_row(ending: Ending, now: float) -> dict[str, Any]:
    """Return what the statement END wants to know."""
    return {
        "b_id": ending.job.id,
        "b_fence": ending.job.fence,
        "b_state": ending.state,
        "b_reason": storable(ending.reason),
        "b_result": None if ending.result is None else storable(ending.result),
        "b_run_at": ending.run_at,
        "b_attempt": ending.attempt,
        "b_max_attempts": ending.max_attempts,
        "b_now": now,
    }


def _lost(row: Held, run_at: float) -> Ending:
    reason = f"attempt {row.attempt}: the worker was lost, its lease ran out"
    return outcomes.again(row, reason, run_at)


def _not_held(held: Held) -> LeaseLost:
    return LeaseLost(
        f"job {held.id} ({held.queue} {held.key}) is no longer held by claim {held.fence}; "
        "its result is dropped, whoever holds it now answers for it"
    )


def _row_of(row: RowMapping) -> JobRow:
    """Return the job of a row of the table."""
    return JobRow(**{**row, "state": State(row["state"])})


def _locked(connection: Connection, job_id: int) -> Row[Any]:
    query = select(table).where(table.c.id == job_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        raise UnknownJob(f"there is no job {job_id}")
    return row


def _name(row: Row[Any]) -> str:
    return f"job {row.id} ({row.queue} {row.key})"
