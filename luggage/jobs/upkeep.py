"""What a person or a housekeeper does to jobs that no worker holds.

Chosen: small transactions, each of one decision. Against: letting tools write the tables; only the
queue knows who waits for whom.
"""

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from luggage.database.upsert import insert_once
from luggage.jobs import dependents, statements
from luggage.jobs.model import State, UnknownJob, WrongState
from luggage.jobs.payloads import storable
from luggage.jobs.schema import job as table
from luggage.jobs.schema import job_body, pause, pause_part
from luggage.jobs.views import Views
from luggage.jobs.wake import Waker

_EXPIRE_BATCH = 500


class Upkeep(Views):
    """The part of `luggage.jobs.Queue` for those who do not work on jobs."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float], wake: Waker) -> None:
        super().__init__(engine)
        self._clock = clock
        self.wake = wake

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

    def hold(self, job_id: int, reason: str) -> None:
        """Keep a ready or held job from being claimed until it is revived by hand.

        It no longer waits for another job. Safe to repeat. Raises UnknownJob; WrongState in any
        other state.
        """
        with self._engine.begin() as connection:
            row = _locked(connection, job_id)
            if row.state not in (State.READY, State.HELD):
                raise WrongState(f"{_name(row)} is {row.state}, not to be held")
            held = {"state": State.HELD, "after": None, "reason": storable(reason)}
            self._change(connection, row, held)

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


def _locked(connection: Connection, job_id: int) -> Row[Any]:
    query = select(table).where(table.c.id == job_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        raise UnknownJob(f"there is no job {job_id}")
    return row


def _name(row: Row[Any]) -> str:
    return f"job {row.id} ({row.queue} {row.key})"
