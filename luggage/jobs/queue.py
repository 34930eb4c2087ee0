"""The durable queue: every transition of a job, each in one transaction.

Chosen: one table that any number of processes and machines claim from, with a lease and a fencing
token for each claim (Kleppmann, "How to do distributed locking", 2016). Against: a broker beside
the database, which could not be changed in one transaction with it; and a lock held while the work
runs, which dies with its connection and not with the worker.

The engine must begin writing transactions on SQLite with BEGIN IMMEDIATE, and understand the
execution option ``read_only``; luggage.database.open_engine makes such engines.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, text
from sqlalchemy.exc import IntegrityError

from luggage.jobs import dependents, outcomes, putting, schema, statements
from luggage.jobs.model import Job, LeaseLost, NewJob, Put, State
from luggage.jobs.outcomes import Ending, Held
from luggage.jobs.payloads import storable, unpack
from luggage.jobs.schema import job as table
from luggage.jobs.upkeep import Upkeep
from luggage.jobs.views import row_of
from luggage.jobs.wake import Waker, nobody

# How often a claim that met another at the same subject looks again before it leaves it to the next
# turn.
_COLLISIONS = 3
# Between jobs that were lost together; a job that kills its worker does so within this.
APART_SECONDS = 1.0


class Queue(Upkeep):
    """All queues of one database. Safe to share between threads; holds no connection between calls.

    `clock` returns epoch seconds. `wake` is called after each commit that may have made a job
    claimable. Every method raises sqlalchemy.exc.OperationalError when the database is away, and
    has then changed nothing, or (a connection lost in the commit itself) may be repeated as its
    docstring says.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], float], wake: Waker = nobody) -> None:
        super().__init__(engine, clock=clock, wake=wake)

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
            rows = [row_of(row) for row in expired]
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
