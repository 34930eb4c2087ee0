"""Recovery progress: missed deliveries, and the bot's position in GitHub's log of deliveries."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, select, update

from bot.events import DELIVERIES
from bot.store.enqueue import DeliveryNote, Source, job_of
from bot.store.tables import missed as missed_table
from bot.store.tables import recovery as recovery_table
from luggage.database import reading, writing
from luggage.database.upsert import inserting
from luggage.github import Delivery, Missed, Progress
from luggage.github.deliveries import KEPT_SECONDS
from luggage.jobs import JobRow, Queue


@dataclass(frozen=True, kw_only=True)
class QueueInbox:
    """The Inbox of luggage.github.deliveries, on the queue and two tables of the bot.

    Every method raises SQLAlchemyError if the database does not commit, and is safe to repeat.
    Several processes may use it at once: the queue takes each delivery once.
    """

    engine: Engine
    queue: Queue
    clock: Callable[[], float]
    settle_seconds: float

    def known(self, guids: Collection[str]) -> Collection[str]:
        """The deliveries that the queue has seen, or that are lost for good."""
        table = missed_table
        query = select(table.c.guid).where(table.c.guid.in_(guids), table.c.lost != "")
        with reading(self.engine) as connection:
            lost = set(connection.execute(query).scalars())
        return lost | self.queue.known(DELIVERIES, guids)

    def progress(self) -> Progress:
        """The last stored progress."""
        columns = (recovery_table.c[name] for name in ("since", "until", "cursor"))
        with reading(self.engine) as connection:
            row = connection.execute(select(*columns)).one_or_none()
        return Progress() if row is None else Progress(*row)

    def note(self, missed: Sequence[Missed], progress: Progress) -> None:
        """Store both in one transaction; for a known delivery, the earlier time wins."""
        now = {"since": progress.since, "until": progress.until, "cursor": progress.cursor}
        with writing(self.engine) as connection:
            if missed:
                adding = inserting(connection, missed_table)
                at = adding.excluded.attempted_at
                connection.execute(
                    adding.on_conflict_do_update(
                        index_elements=["guid"],
                        set_={"attempted_at": at},
                        where=at < missed_table.c.attempted_at,
                    ),
                    [_row(each) for each in missed],
                )
            first = self._first(connection).values(now)
            connection.execute(first.on_conflict_do_update(index_elements=["id"], set_=now))

    def missed(self) -> Sequence[Missed]:
        """The deliveries to fetch, ordered by time and attempt."""
        table = missed_table
        columns = (table.c[name] for name in ("guid", "attempt_id", "attempted_at", "tries"))
        query = select(*columns).where(table.c.lost == "")
        with reading(self.engine) as connection:
            rows = connection.execute(query.order_by(table.c.attempted_at, table.c.attempt_id))
            return [Missed(*row) for row in rows]

    def put(self, delivery: Delivery, body: bytes) -> None:
        """Enqueue a delivery and delete it from the missed ones, in one transaction."""
        run_at = self.clock() + self.settle_seconds
        sent_at = select(missed_table.c.attempted_at).where(missed_table.c.guid == delivery.id)
        with writing(self.engine) as connection:
            at = connection.execute(sent_at).scalar_one_or_none()
            job = job_of(delivery, body, run_at=run_at, source=Source.RECOVERED, at=at)
            self.queue.put_on(connection, [job])
            connection.execute(_delete(delivery.id))
        self.queue.wake()

    def arrived(self, guid: str) -> None:
        """Delete a delivery from the missed ones."""
        with writing(self.engine) as connection:
            connection.execute(_delete(guid))

    def tried(self, missed: Missed) -> None:
        """Count an attempt to fetch a delivery."""
        self._change(missed, tries=missed.tries + 1)

    def lost(self, missed: Missed, reason: str) -> None:
        """Store why a delivery cannot be fetched."""
        self._change(missed, lost=reason or "unknown")

    def _change(self, missed: Missed, **values: Any) -> None:
        with writing(self.engine) as connection:
            row = update(missed_table).where(missed_table.c.guid == missed.guid)
            connection.execute(row.values(values))

    def begin(self) -> float:
        """When no delivery was missing last, in epoch seconds; now for a new database."""
        with writing(self.engine) as connection:
            connection.execute(self._first(connection).on_conflict_do_nothing())
            at: float = connection.execute(select(recovery_table.c.caught_up_at)).scalar_one()
        return at

    def _first(self, connection: Connection) -> Any:
        """An insert of the table's only row, with its initial values."""
        row = {"id": 1, "since": 0.0, "until": 0.0, "cursor": "", "caught_up_at": self.clock()}
        return inserting(connection, recovery_table).values(row)

    def caught_up(self) -> float:
        """Store that nothing is missing now, and delete what GitHub has deleted too."""
        now, table = self.clock(), missed_table
        old = table.c.attempted_at < now - 2 * KEPT_SECONDS
        with writing(self.engine) as connection:
            connection.execute(update(recovery_table).values(caught_up_at=now))
            connection.execute(delete(table).where(old))
        return now


@dataclass(frozen=True, slots=True)
class MissingDelivery:
    """A missed delivery; `lost` is the reason if the bot cannot fetch it, else ""."""

    guid: str
    attempted_at: float
    tries: int
    lost: str


@dataclass(frozen=True, slots=True)
class RecoveryStatus:
    """The state of recovery; times in epoch seconds, None before the first run.

    `followed_to` is the position in GitHub's log, `caught_up_at` the last time when nothing was
    missing. `fetched` are the newest recovered deliveries.
    """

    followed_to: float | None
    caught_up_at: float | None
    absent: Sequence[MissingDelivery]
    fetched: Sequence[JobRow]


def recovery_status(
    engine: Engine, queue: Queue, *, among: int = 1000, limit: int = 20
) -> RecoveryStatus:
    """The state of recovery, with the recovered ones among the newest `among` deliveries.

    Raises SQLAlchemyError.
    """
    columns = (missed_table.c[name] for name in MissingDelivery.__slots__)
    absent = select(*columns).order_by(missed_table.c.attempted_at.desc()).limit(limit)
    progress = select(recovery_table.c.since, recovery_table.c.caught_up_at)
    with reading(engine) as connection:
        row = connection.execute(progress).one_or_none()
        rows = [MissingDelivery(*each) for each in connection.execute(absent)]
    newest = queue.search(DELIVERIES, limit=among)
    fetched = [job for job in newest if _is_recovered(job)]
    since, caught_up_at = row or (None, None)
    return RecoveryStatus(since or None, caught_up_at, rows, fetched[:limit])


def _is_recovered(job: JobRow) -> bool:
    note = DeliveryNote.decode(job.note)
    return note.source is Source.RECOVERED and not note.only


def _row(missed: Missed) -> dict[str, Any]:
    return {
        "guid": missed.guid,
        "attempt_id": missed.id,
        "attempted_at": missed.attempted_at,
        "tries": missed.tries,
        "lost": "",
    }


def _delete(guid: str) -> Any:
    return delete(missed_table).where(missed_table.c.guid == guid)
