"""Deliveries that GitHub tried in vain are fetched from its log: the inbox, and the turns.

luggage.github.deliveries knows how; here is where it goes (the queue), what is remembered (two
tables of the bot), which events are wanted (those of the rules), and what happens when it fails:
a line in the log, and in the end a worried mood, long before GitHub forgets.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from bot.events import DELIVERIES
from bot.rule import Rule
from bot.rules import rules_for
from bot.store.board import LATE_AFTER_SECONDS
from bot.store.enqueue import RECOVERED, job_of
from bot.store.meters import RECOVERED_TOTAL
from bot.store.tables import missed as missed_table
from bot.store.tables import recovery as recovery_table
from luggage.database import reading, writing
from luggage.database.upsert import inserting
from luggage.github import Delivery, GithubError, Missed, Progress, Recovery
from luggage.github.deliveries import KEPT_SECONDS
from luggage.jobs import JobRow, Queue
from luggage.telemetry.meter import Meter

# The log need not hear of the same trouble every few seconds, nor the database of success.
REPEAT_SECONDS = 3600.0
RECORD_SECONDS = 60.0

log = logging.getLogger(__name__)


def is_wanted(
    event: str,
    action: str | None,
    *,
    rules: Sequence[Rule[Any]] | None = None,
    also: Collection[tuple[str, str]] = (),
) -> bool:
    """Whether a rule listens to such a delivery, or `also` names its (event, action)."""
    return bool(rules_for(event, action, rules)) or (event, action) in also


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
            job = job_of(delivery, body, run_at=run_at, note=RECOVERED)
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
class Absent:
    """A delivery that is still to be fetched, or (with a reason) can never be had."""

    guid: str
    attempted_at: float
    tries: int
    lost: str


@dataclass(frozen=True, slots=True)
class Sight:
    """What recovery has seen, for people; times in epoch seconds, None before the first turn.

    `followed_to` is how far GitHub's log has been followed, `caught_up_at` when nothing was
    missing, `fetched` are the newest deliveries that came in this way.
    """

    followed_to: float | None
    caught_up_at: float | None
    absent: Sequence[Absent]
    fetched: Sequence[JobRow]


def sight(engine: Engine, queue: Queue, *, among: int = 1000, limit: int = 20) -> Sight:
    """What recovery found: what is absent, and of the newest `among` deliveries those it fetched.

    Raises SQLAlchemyError when the database is away.
    """
    columns = (missed_table.c[name] for name in Absent.__slots__)
    absent = select(*columns).order_by(missed_table.c.attempted_at.desc()).limit(limit)
    looked = select(recovery_table.c.since, recovery_table.c.caught_up_at)
    with reading(engine) as connection:
        row = connection.execute(looked).one_or_none()
        rows = [Absent(*each) for each in connection.execute(absent)]
    fetched = [job for job in queue.recent(DELIVERIES, limit=among) if job.note == RECOVERED]
    since, caught_up_at = row or (None, None)
    return Sight(since or None, caught_up_at, rows, fetched[:limit])


class Recoverer:
    """Takes turns; whatever happens in one is told in the log, and the next one comes."""

    def __init__(
        self,
        recovery: Recovery,
        inbox: QueueInbox,
        *,
        clock: Callable[[], float],
        meter: Meter | None = None,
    ) -> None:
        self._recovery = recovery
        self._inbox = inbox
        self._clock = clock
        self._meter = meter or Meter()
        self._caught_up_at: float | None = None
        self._trouble: tuple[str, float] | None = None  # what was told last, and when

    def __call__(self) -> None:
        """Take one turn. Never raises an Exception; safe to repeat, and to kill."""
        try:
            self._turn()
        except GithubError as error:
            self._tell(type(error).__name__, str(error))
        except SQLAlchemyError as error:
            # The class alone: the text of the error quotes the statement, with its values.
            self._tell(type(error).__name__, f"the database did not answer: {type(error).__name__}")
        except Exception:
            log.exception("looking for missed deliveries failed; it is tried again")

    def _turn(self) -> None:
        if self._caught_up_at is None:
            self._caught_up_at = self._inbox.begin()
        fetched = self._recovery.turn()
        if fetched:
            self._meter.add(RECOVERED_TOTAL, by=fetched)
            log.info("%d missed deliveries were fetched", fetched)
        if self._trouble:
            log.info("looking for missed deliveries works again")
            self._trouble = None
        if not 0.0 <= self._clock() - self._caught_up_at < RECORD_SECONDS:
            self._caught_up_at = self._inbox.caught_up()

    def _tell(self, kind: str, words: str) -> None:
        now = self._clock()
        told, told_at = self._trouble or ("", 0.0)
        if told == kind and 0.0 <= now - told_at < REPEAT_SECONDS:
            return
        self._trouble = kind, now
        late = now - self._caught_up_at if self._caught_up_at is not None else 0.0
        level = logging.ERROR if late >= LATE_AFTER_SECONDS else logging.WARNING
        log.log(level, "no sight of missed deliveries for %.1f h: %s", late / 3600.0, words)


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
