"""Recovery progress: missed deliveries, and how far GitHub's log has been followed.

`QueueInbox` is the Inbox of luggage.github.deliveries, on the queue and two tables of the bot.
"""

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
    """The Inbox of luggage.github.deliveries: the queue, and what is remembered beside it.

    Every method raises SQLAlchemyError when the database does not commit, and may be repeated.
    Several may work on one database: each tells the truth about how far it has been, and the queue
    takes a delivery once.
    """

    engine: Engine
    queue: Queue
    clock: Callable[[], float]
    settle_seconds: float

    def known(self, guids: Collection[str]) -> Collection[str]:
        """Those that the queue has had, or that are lost for good."""
        table = missed_table
        lost = select(table.c.guid).where(table.c.guid.in_(guids), table.c.lost != "")
        with reading(self.engine) as connection:
            found = set(connection.execute(lost).scalars())
        return found | self.queue.known(DELIVERIES, guids)

    def progress(self) -> Progress:
        """What was noted last."""
        columns = (recovery_table.c[name] for name in ("since", "until", "cursor"))
        with reading(self.engine) as connection:
            row = connection.execute(select(*columns)).one_or_none()
        return Progress() if row is None else Progress(*row)

    def note(self, missed: Sequence[Missed], progress: Progress) -> None:
        """Keep both in one transaction; of a delivery that is noted, the earlier time counts."""
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
        """What is to be fetched, the earliest first; at one second, in the order of attempts."""
        table = missed_table
        columns = (table.c[name] for name in ("guid", "attempt_id", "attempted_at", "tries"))
        query = select(*columns).where(table.c.lost == "")
        with reading(self.engine) as connection:
            rows = connection.execute(query.order_by(table.c.attempted_at, table.c.attempt_id))
            return [Missed(*row) for row in rows]

    def put(self, delivery: Delivery, body: bytes) -> None:
        """Queue it, and strike it off the missed, in one transaction."""
        run_at = self.clock() + self.settle_seconds
        with writing(self.engine) as connection:
            job = job_of(delivery, body, run_at=run_at, source=Source.RECOVERED)
            self.queue.put_on(connection, [job])
            connection.execute(_strike(delivery.id))
        self.queue.wake()

    def arrived(self, guid: str) -> None:
        """Strike it off the missed."""
        with writing(self.engine) as connection:
            connection.execute(_strike(guid))

    def tried(self, missed: Missed) -> None:
        """Count a try."""
        self._change(missed, tries=missed.tries + 1)

    def lost(self, missed: Missed, reason: str) -> None:
        """Keep in mind why it cannot be had."""
        self._change(missed, lost=reason or "unknown")

    def _change(self, missed: Missed, **values: Any) -> None:
        with writing(self.engine) as connection:
            one = update(missed_table).where(missed_table.c.guid == missed.guid)
            connection.execute(one.values(values))

    def begin(self) -> float:
        """When all had been caught up with last; in a database that is new: now."""
        with writing(self.engine) as connection:
            connection.execute(self._first(connection).on_conflict_do_nothing())
            at: float = connection.execute(select(recovery_table.c.caught_up_at)).scalar_one()
        return at

    def _first(self, connection: Connection) -> Any:
        """The one row of its table, as it is at first."""
        row = {"id": 1, "since": 0.0, "until": 0.0, "cursor": "", "caught_up_at": self.clock()}
        return inserting(connection, recovery_table).values(row)

    def caught_up(self) -> float:
        """Keep in mind that nothing is missing now; forget what GitHub has forgotten too."""
        now, table = self.clock(), missed_table
        old = table.c.attempted_at < now - 2 * KEPT_SECONDS
        with writing(self.engine) as connection:
            connection.execute(update(recovery_table).values(caught_up_at=now))
            connection.execute(delete(table).where(old))
        return now


@dataclass(frozen=True, slots=True)
class MissingDelivery:
    """A delivery that is still to be fetched, or (with a reason) can never be had."""

    guid: str
    attempted_at: float
    tries: int
    lost: str


@dataclass(frozen=True, slots=True)
class RecoveryStatus:
    """What recovery has seen, for people; times in epoch seconds, None before the first turn.

    `followed_to` is how far GitHub's log has been followed, `caught_up_at` when nothing was
    missing, `fetched` are the newest deliveries that came in this way.
    """

    followed_to: float | None
    caught_up_at: float | None
    absent: Sequence[MissingDelivery]
    fetched: Sequence[JobRow]


def recovery_status(
    engine: Engine, queue: Queue, *, among: int = 1000, limit: int = 20
) -> RecoveryStatus:
    """What recovery found: what is absent, and of the newest `among` deliveries those it fetched.

    Raises SQLAlchemyError when the database is away.
    """
    columns = (missed_table.c[name] for name in MissingDelivery.__slots__)
    absent = select(*columns).order_by(missed_table.c.attempted_at.desc()).limit(limit)
    looked = select(recovery_table.c.since, recovery_table.c.caught_up_at)
    with reading(engine) as connection:
        row = connection.execute(looked).one_or_none()
        rows = [MissingDelivery(*each) for each in connection.execute(absent)]
    noted = DeliveryNote(Source.RECOVERED).encode()
    fetched = [job for job in queue.recent(DELIVERIES, limit=among) if job.note == noted]
    since, caught_up_at = row or (None, None)
    return RecoveryStatus(since or None, caught_up_at, rows, fetched[:limit])


def _row(missed: Missed) -> dict[str, Any]:
    return {
        "guid": missed.guid,
        "attempt_id": missed.id,
        "attempted_at": missed.attempted_at,
        "tries": missed.tries,
        "lost": "",
    }


def _strike(guid: str) -> Any:
    return delete(missed_table).where(missed_table.c.guid == guid)
