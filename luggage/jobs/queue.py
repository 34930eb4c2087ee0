"""Durable queue: each transition of a job is one transaction.

Any number of processes and machines claim from one table. Each claim has a lease and a fencing
token (Kleppmann, "How to do distributed locking", 2016); docs/architecture.md says why there is no
broker. Engines come from luggage.database.open_engine: on SQLite the queue needs BEGIN IMMEDIATE
and the execution option ``read_only``.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, Select, func, select, text
from sqlalchemy.exc import IntegrityError

from luggage.database.upsert import insert_once
from luggage.jobs import inserts, outcomes, schema, searches, statements
from luggage.jobs.claims import Claims, Room, next_run_at
from luggage.jobs.fairness import rank_of
from luggage.jobs.inserts import storable, unpack
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
from luggage.jobs.outcomes import Claimed, Transition
from luggage.jobs.schema import job as table
from luggage.jobs.schema import job_body, pause, pause_part
from luggage.jobs.wake import Waker, nobody

# How often a claim is tried that collides with another one on a subject.
_CLAIM_TRIES = 3
# Between jobs whose leases expired together; a job that kills its worker does so within this.
APART_SECONDS = 1.0
_EXPIRE_BATCH = 500


class Queue:
    """All queues of one database. Safe to share between threads; holds no connection between calls.

    `clock` returns epoch seconds. `wake` is called after each commit that may have made a job
    claimable. Every method raises sqlalchemy.exc.OperationalError when the database is away. It has
    then changed nothing, unless the connection was lost during the commit.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], float], wake: Waker = nobody) -> None:
        self._engine = engine
        self._clock = clock
        self.wake = wake

    def __repr__(self) -> str:
        return f"Queue({self._engine!r})"

    # Put

    def put(self, job: NewJob) -> Put:
        """Store a job; return its id and whether it is new. It is durable when this returns.

        Safe to repeat: a second put of the same queue and key changes nothing, whatever the state
        of the first. Raises UnknownJob when `after` names no job.
        """
        return self.put_all([job])[0]

    def put_all(self, jobs: Sequence[NewJob]) -> list[Put]:
        """Put jobs in order, in one transaction."""
        packed = inserts.packed(jobs)
        with self.connect() as connection:
            return self.put_over(connection, lambda: packed)

    def put_over(
        self, connection: Connection, take: Callable[[], Sequence[inserts.Packed]]
    ) -> list[Put]:
        """Put jobs on `connection`; call `take` for them once it has the write lock."""
        with connection.begin():
            puts = inserts.insert(connection, take(), self._clock())
        if any(put.created for put in puts):
            self.wake()
        return puts

    def connect(self) -> Connection:
        """Return a connection for `put_over`, which the caller closes."""
        return self._engine.connect()

    def put_on(self, connection: Connection, jobs: Sequence[NewJob]) -> list[Put]:
        """Put jobs in the caller's transaction; call `wake` after its commit."""
        return inserts.insert(connection, inserts.packed(jobs), self._clock())

    # Claim

    def claim(
        self,
        queues: Sequence[str],
        *,
        worker: str,
        lease_seconds: float,
        limit: int = 1,
        room: Room | None = None,
    ) -> list[Job]:
        """Return up to `limit` jobs that may start now, leased to `worker` for `lease_seconds`.

        Queues are searched in the given order. In each, tenants take turns, then the people of a
        tenant, each by due time (luggage.jobs.fairness). With `room`, one tenant may not hold all
        of the worker's threads while others may come. At most one job of a subject is leased at a
        time, the oldest. The claim counts the attempt, so that a job which kills its worker ends up
        dead.
        """
        for _ in range(_CLAIM_TRIES):
            try:
                with self._engine.begin() as connection:
                    claims = Claims(connection, self._clock(), worker, lease_seconds, room)
                    return self._claim(claims, queues, limit)
            except IntegrityError:
                # PostgreSQL: another claim leased a job of the same subject between our SELECT and
                # our UPDATE, so the unique index refused ours. The next SELECT sees it.
                continue
        return []

    def _claim(self, claims: Claims, queues: Sequence[str], limit: int) -> list[Job]:
        return claims.claim(queues, limit)

    def next_run_at(self, queues: Sequence[str], *, room: Room | None = None) -> float | None:
        """Return when the next claim could succeed (epoch seconds, perhaps past), or None.

        Jobs whose subject has a leased job are left out, and those of a tenant that has taken its
        part of `room`: the end of a job wakes the loops.
        """
        with self._reading() as connection:
            return next_run_at(connection, queues, self._clock(), room)

    def reclaim(self) -> int:
        """Make jobs with expired leases ready again, or dead; return how many.

        They become ready APART_SECONDS after one another: one of them may have killed the worker
        that held them all, and must not fail the others each time. Safe to call from any process at
        any time.
        """
        with self._engine.begin() as connection:
            now = self._clock()
            expired = connection.execute(statements.EXPIRED, {"now": now}).mappings()
            rows = [_job_row(row) for row in expired]
            self._end(
                connection,
                [_lost(row, now + place * APART_SECONDS) for place, row in enumerate(rows)],
            )
        if rows:
            self.wake()
        return len(rows)

    # While leased

    def extend(self, job: Job, lease_seconds: float) -> Job:
        """Renew the lease for `lease_seconds` from now; return the job. Raises LeaseLost."""
        lease_until = self._clock() + lease_seconds
        with self._engine.begin() as connection:
            self._write(connection, job, lease_until=lease_until)
        return replace(job, lease_until=lease_until)

    def note(self, job: Job, text: str) -> Job:
        """Record progress durably; return the job with its note.

        Call it before a side effect: the next holder reads `Job.note`. Safe to repeat. Raises
        LeaseLost.
        """
        with self._engine.begin() as connection:
            self._write(connection, job, note=text)
        return replace(job, note=text)

    def _write(self, connection: Connection, job: Job, **values: Any) -> None:
        """Change a leased job, if the claim still holds it."""
        fenced = table.update().where(
            table.c.id == job.id, table.c.fence == job.fence, text(schema.LEASED)
        )
        if connection.execute(fenced.values(values)).rowcount != 1:
            raise _lease_lost(job)

    # Finish

    def end(self, transitions: Sequence[Transition]) -> Sequence[LeaseLost]:
        """End claims in one transaction; return an error for each claim that no longer holds.

        Dependents are updated, and the jobs of each `put` are put, in order. Nothing is recorded
        for a claim that no longer holds its job. Raises UnknownJob, with nothing recorded, when a
        new job depends on one that does not exist. A repetition changes nothing and returns all
        claims as lost.
        """
        try:
            self._end_now(transitions)
        except LeaseLost as lost:
            if len(transitions) == 1:
                return [lost]
            return [lost for transition in transitions for lost in self.end([transition])]
        return []

    def give_back(self, job: Job) -> None:
        """Make a job ready at once whose work has not begun. Raises LeaseLost."""
        self._end_now([outcomes.given_back(job)])
        self.wake()

    def _end_now(self, transitions: Sequence[Transition]) -> None:
        with self._engine.begin() as connection:
            released = self._end(connection, transitions)
        if released or any(transition.put for transition in transitions):
            self.wake()

    def _end(self, connection: Connection, transitions: Sequence[Transition]) -> int:
        """End claims; return how many dependents became ready."""
        if not transitions:
            return 0
        now = self._clock()
        rows = [_end_parameters(transition, now) for transition in transitions]
        if connection.execute(statements.END, rows).rowcount != len(rows):
            raise _lease_lost(transitions[0].job)
        forgotten = [each.job.id for each in transitions if each.forget]
        if forgotten:
            connection.execute(job_body.delete().where(job_body.c.job_id.in_(forgotten)))
        released = outcomes.notify_all(connection, transitions, now)
        self.put_on(connection, [new for transition in transitions for new in transition.put])
        return released

    # Operators' decisions

    def revive(self, job: JobRow | int, *, done_too: bool = False) -> None:
        """Make a dead, held or ignored job ready now, with all its attempts.

        Takes its row or its id. With `done_too` a finished job too: for work that is safe to do
        again. Safe to repeat: a ready job stays as it is. Raises UnknownJob; WrongState when it is
        leased or done, when its body has expired, or when its state is no longer that of the row.
        """
        allowed = {State.DEAD, State.HELD, State.IGNORED, *([State.DONE] if done_too else [])}
        with self._engine.begin() as connection:
            row = job if isinstance(job, JobRow) else _locked(connection, job)
            if row.state != State.READY:
                self._revive(connection, row, allowed)
        self.wake()

    def _revive(self, connection: Connection, row: JobRow, allowed: Collection[State]) -> None:
        if row.state not in allowed:
            raise WrongState(f"{_name(row)} is {row.state}, so it cannot be revived")
        body = select(job_body.c.job_id).where(job_body.c.job_id == row.id)
        if connection.execute(body).scalar() is None:
            raise WrongState(f"{_name(row)} cannot be revived: its body has expired")
        now = self._clock()
        ready = {"state": State.READY, "attempt": 0, "run_at": now, "reason": ""}
        self._change(connection, row, ready)
        outcomes.notify(connection, row.id, row.key, State.READY, now)

    def renew(self, new: NewJob) -> None:
        """Make the dead job of this key ready, with the body of `new`: for an order given again.

        Does nothing for an unknown key or another state. Safe to repeat.
        """
        codec, packed = inserts.pack(new.body)
        same = (table.c.queue == new.queue, table.c.key == new.key, table.c.state == State.DEAD)
        with self._engine.begin() as connection:
            job_id = connection.execute(select(table.c.id).where(*same)).scalar()
            if job_id is None:
                return
            row = _locked(connection, job_id)
            if row.state != State.DEAD:  # An operator was faster.
                return
            body = job_body.update().where(job_body.c.job_id == job_id)
            connection.execute(body.values(codec=codec, body=packed))
            self._revive(connection, row, {State.DEAD})
        self.wake()

    def dismiss(self, job_id: int, reason: str) -> None:
        """Mark a ready, held or dead job ignored, and its dependents.

        Safe to repeat; `revive` reverts it. Raises UnknownJob; WrongState when it is leased or
        done.
        """
        with self._engine.begin() as connection:
            row = _locked(connection, job_id)
            if row.state == State.IGNORED:
                return
            if row.state not in (State.READY, State.HELD, State.DEAD):
                raise WrongState(f"{_name(row)} is {row.state}, so it cannot be dismissed")
            self._change(connection, row, {"state": State.IGNORED, "reason": storable(reason)})
            outcomes.notify(connection, row.id, row.key, State.IGNORED, self._clock())

    def _change(self, connection: Connection, row: JobRow, values: dict[str, Any]) -> None:
        same = table.update().where(table.c.id == row.id, table.c.state == row.state)
        if connection.execute(same.values(**values, changed_at=self._clock())).rowcount != 1:
            raise WrongState(f"{_name(row)} is no longer {row.state}")

    def pause(self) -> bool:
        """Stop all claims, on any machine; return whether they were not paused already.

        Jobs can still be put, and leased jobs finish. Safe to repeat.
        """
        with self._engine.begin() as connection:
            return insert_once(connection, pause, {"id": 1, "paused_at": self._clock()})

    def resume(self) -> bool:
        """Allow claims again; return whether they were paused. Safe to repeat."""
        with self._engine.begin() as connection:
            resumed = connection.execute(pause.delete()).rowcount > 0
        self.wake()
        return resumed

    def pause_part(self, name: str) -> bool:
        """Stop claims of jobs whose subject is `name` or begins with `name/`, on any machine.

        Case does not matter in ASCII letters. Return whether that very name was not paused already.
        Jobs can still be put, and leased jobs finish. Jobs without a subject belong to no part.
        Safe to repeat.
        """
        with self._engine.begin() as connection:
            row = {"name": name, "paused_at": self._clock()}
            return insert_once(connection, pause_part, row)

    def resume_part(self, name: str) -> bool:
        """Allow claims of a part again; return whether it was paused. Safe to repeat."""
        with self._engine.begin() as connection:
            delete = pause_part.delete().where(func.lower(pause_part.c.name) == func.lower(name))
            resumed = connection.execute(delete).rowcount > 0
        self.wake()
        return resumed

    def expire_bodies(self, older_than: float) -> int:
        """Delete bodies of done and ignored jobs put before `older_than` (epoch seconds).

        Return how many. The jobs and their keys stay, so that a late redelivery is recognised. Each
        transaction is small, so that writers do not wait long. Safe to repeat and to interrupt.
        """
        expired, after = 0, 0
        while True:
            with self._engine.begin() as connection:
                parameters = {"after": after, "limit": _EXPIRE_BATCH}
                batch = connection.execute(statements.BODIES, parameters).all()
                # Ids grow with time, so the first young job ends the search.
                old = [row for row in batch if row.created_at < older_than]
                ids = [row.id for row in old if row.state in (State.DONE, State.IGNORED)]
                connection.execute(job_body.delete().where(job_body.c.job_id.in_(ids)))
            expired += len(ids)
            if len(old) < _EXPIRE_BATCH:
                return expired
            after = old[-1].id

    def sizes(self) -> Mapping[str, int]:
        """Return the bytes of the bodies of each tenant, as stored; reads an entry of each body."""
        with self._reading() as connection:
            return {row.tenant: row.bytes for row in connection.execute(statements.SIZES)}

    def expire_oldest(self, tenant: str, excess: int) -> int:
        """Delete the oldest bodies of a tenant until `excess` bytes are gone; return how many.

        Bodies stay whose job is not done or ignored, or has a child with work to do. Keys stay too.
        Each transaction is small. Safe to repeat and to interrupt.
        """
        expired, after = 0, 0
        while excess > 0:
            with self._engine.begin() as connection:
                parameters = {"tenant": tenant, "after": after, "limit": _EXPIRE_BATCH}
                batch = connection.execute(statements.OLDEST, parameters).all()
                ids = []
                for row in batch:
                    if excess > 0:
                        ids.append(row.id)
                        excess -= row.bytes
                connection.execute(job_body.delete().where(job_body.c.job_id.in_(ids)))
            expired += len(ids)
            if len(batch) < _EXPIRE_BATCH:
                break
            after = batch[-1].id
        return expired

    # Read

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
        """Return those of `keys` that this queue has a job for, in any state."""
        query = select(table.c.key).where(table.c.queue == queue, table.c.key.in_(keys))
        with self._reading() as connection:
            return set(connection.execute(query).scalars())

    def _one(self, query: Select[Any]) -> JobRow | None:
        with self._reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _job_row(row)

    def body(self, job_id: int) -> bytes | None:
        """Return a job's body, or None when it has expired or the job does not exist."""
        query = select(job_body.c.codec, job_body.c.body).where(job_body.c.job_id == job_id)
        with self._reading() as connection:
            packed = connection.execute(query).one_or_none()
        return None if packed is None else unpack(*packed)

    def later(self, job: Job, *, limit: int) -> list[JobRow]:
        """Return ready jobs of the same queue, subject and rank that are younger, newest first."""
        younger = table.c.id > job.id
        same = (table.c.queue == job.queue, table.c.subject == job.subject)
        query = select(table).where(*same, younger, text(schema.READY_IN_TURN))
        rank = table.c.rank == rank_of(urgent=job.urgent)
        return self._rows(query.where(rank).order_by(table.c.id.desc()).limit(limit))

    def caused(  # noqa: PLR0913  # each is one condition of a count
        self,
        tenant: str,
        person: str,
        *,
        since: float,
        parents: Collection[str],
        noted: Mapping[str, str] = MappingProxyType({}),
        without: Collection[str] = (),
        most: int,
    ) -> int:
        """Return how many jobs a person caused since a time (epoch seconds), up to `most`.

        Counts the children of jobs whose kind is one of `parents`, or whose kind is a key of
        `noted` and whose note begins with its value; but none of the kinds `without`.
        """
        query = searches.caused(tenant, person, since, parents, noted, without).limit(most)
        with self._reading() as connection:
            return len(connection.execute(query).all())

    def children(self, job_id: int) -> list[JobRow]:
        """Return the children of a job, in the order they were put."""
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
        tenants: Collection[str] | None = None,
        concerns: tuple[str, Collection[str]] | None = None,
        with_children: bool = False,
        since: int | None = None,
        limit: int = 50,
    ) -> list[JobRow]:
        """Return up to `limit` matching jobs of the queue, newest first.

        `state` applies to a job and its children together: dead if one of them is dead, done if all
        are done. `within` is a subject, in any case, with its numbered parts: `owner/repo` finds
        `owner/repo#7`; `with_children` changes it to jobs that have this very subject, or a child
        that has. `with_body` leaves out jobs whose body has expired, `tenants` those of other
        tenants. `concerns` is a person and some names: it finds the jobs that the person caused and
        those whose key contains a name. For the next page pass the last job's id as `before`.
        `since` is the least id to look at: some conditions read all jobs from there on.
        """
        query = searches.matching(
            queue,
            state=state,
            kind=kind,
            within=within,
            before=before,
            with_body=with_body,
            tenants=tenants,
            concerns=concerns,
            with_children=with_children,
            since=since,
        )
        return self._rows(query.limit(limit))

    def newest_id(self) -> int:
        """Return the id of the newest job; 0 without one. Ids grow with time."""
        with self._reading() as connection:
            newest: int | None = connection.execute(select(func.max(table.c.id))).scalar_one()
        return newest or 0

    def asked_for(self, job_ids: Collection[int]) -> Mapping[int, Sequence[JobRow]]:
        """Return the children of each of these jobs, in the order they were put."""
        children: dict[int, list[JobRow]] = {job_id: [] for job_id in job_ids}
        query = select(table).where(table.c.parent.in_(job_ids), text(schema.CHILD))
        for row in self._rows(query.order_by(table.c.id)):
            children[row.parent or 0].append(row)
        return children

    def beginning(self, queue: str, prefix: str, *, limit: int = 2) -> list[JobRow]:
        """Return up to `limit` jobs of the queue whose key begins with `prefix`, newest first."""
        return self._rows(searches.beginning(queue, prefix).limit(limit))

    def answered(self, queue: str, words: str, *, limit: int = 1) -> list[JobRow]:
        """Return finished jobs whose result contains `words`, newest first; 0.5 s for a million."""
        return self._rows(searches.answered(queue, words).limit(limit))

    def keys(
        self, queue: str, *, before: int | None = None, limit: int = 1000
    ) -> Mapping[int, str]:
        """Return up to `limit` ids and keys of the queue, newest first; pages like `search`."""
        query = searches.matching(queue, before=before)
        with self._reading() as connection:
            rows = connection.execute(query.with_only_columns(table.c.id, table.c.key).limit(limit))
            return {row.id: row.key for row in rows}

    def per_hour(self, since: float) -> Mapping[tuple[str, int], int]:
        """Return the number of jobs put into each queue in each hour from `since` (epoch seconds).

        Hours count from the epoch: `created_at // 3600`. A missing pair means none.
        """
        with self._reading() as connection:
            rows = connection.execute(searches.per_hour(since)).all()
        return {(queue, int(hour)): number for queue, hour, number in rows}

    def _rows(self, query: Select[Any]) -> list[JobRow]:
        with self._reading() as connection:
            return [_job_row(row) for row in connection.execute(query).mappings()]

    def counts(self) -> Mapping[tuple[str, State], int]:
        """Return each queue's number of jobs in each state, without zeros; 50 ms for a million."""
        with self._reading() as connection:
            rows = connection.execute(statements.COUNTS).all()
        return {(queue, State(state)): number for queue, state, number in rows}

    def depths(self, tenants: Collection[str] | None = None) -> list[Depth]:
        """Return the depth of each queue in each unfinished state; as cheap as `standing`.

        With `tenants`, of their jobs alone.
        """
        query = statements.DEPTHS if tenants is None else statements.depths(tenants)
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return [Depth(queue, State(state), *rest) for queue, state, *rest in rows]

    def standing(self) -> Standing:
        """Return how many jobs wait, fail or are dead; cheap, however many are finished."""
        with self._reading() as connection:
            row = connection.execute(statements.STANDING).one()
        ready, leased, retrying, dead, paused, parts = row
        return Standing(
            waiting=ready + leased,
            retrying=retrying,
            dead=dead,
            paused=bool(paused),
            paused_parts=parts,
        )

    def paused_at(self) -> float | None:
        """Return when claims were paused (epoch seconds), or None."""
        with self._reading() as connection:
            since: float | None = connection.execute(select(pause.c.paused_at)).scalar()
        return since

    def paused_parts(self) -> Mapping[str, float]:
        """Return the paused parts, sorted, and when they were paused (epoch seconds)."""
        query = select(pause_part.c.name, pause_part.c.paused_at).order_by(pause_part.c.name)
        with self._reading() as connection:
            return {row.name: row.paused_at for row in connection.execute(query)}


def _end_parameters(transition: Transition, now: float) -> dict[str, Any]:
    result = transition.result
    return {
        "b_id": transition.job.id,
        "b_fence": transition.job.fence,
        "b_state": transition.state,
        "b_reason": storable(transition.reason),
        "b_result": None if result is None else storable(result),
        "b_run_at": transition.run_at,
        "b_attempt": transition.attempt,
        "b_max_attempts": transition.max_attempts,
        "b_now": now,
    }


def _lost(row: JobRow, run_at: float) -> Transition:
    reason = f"attempt {row.attempt}: the worker was lost and its lease expired"
    return outcomes.retried(row, reason, run_at)


def _lease_lost(job: Claimed) -> LeaseLost:
    return LeaseLost(
        f"job {job.id} ({job.queue} {job.key}) is no longer held by claim {job.fence}; its result "
        "is dropped, because the current holder does the work again"
    )


def _job_row(row: RowMapping) -> JobRow:
    return JobRow(**{**row, "state": State(row["state"])})


def _locked(connection: Connection, job_id: int) -> JobRow:
    query = select(table).where(table.c.id == job_id).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise UnknownJob(f"job {job_id} does not exist")
    return _job_row(row)


def _name(row: JobRow) -> str:
    return f"job {row.id} ({row.queue} {row.key})"
