"""Audit log: what operators did in the console and at the terminal; the newest entries stay."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from sqlalchemy import Engine, delete, insert, or_, select

from bot.store.tables import operator_action as table
from luggage.database import reading, writing
from luggage.telemetry.redact import one_line

# A click a minute for two weeks.
MOST_ENTRIES = 20_000
_LONGEST_WHO = 200
_LONGEST_ABOUT = 500


class AuditPlace(StrEnum):
    """Where an operator did something, as the database stores it."""

    CONSOLE = "console"
    TERMINAL = "terminal"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What an operator did: `who` is a login, "by link", or a user of the machine.

    `what` is a verb, such as "retry". `delivery` is the number of the delivery that it is about, 0
    for none; `tenant` is its installation, "" for the whole bot. `at` is in epoch seconds.
    """

    who: str
    place: str
    what: str
    about: str = ""
    delivery: int = 0
    tenant: str = ""
    at: float = 0.0
    id: int = 0


class AuditLog:
    """The audit log in the bot's database; every method raises SQLAlchemyError if it is away."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    def note(self, entry: AuditEntry) -> None:
        """Store what an operator did just now, and drop the oldest entry beyond MOST_ENTRIES."""
        values = asdict(entry)
        del values["id"]
        values |= {
            "at": self._clock(),
            "who": one_line(entry.who, _LONGEST_WHO),
            "about": one_line(entry.about, _LONGEST_ABOUT),
        }
        with writing(self._engine) as connection:
            key = connection.execute(insert(table).values(values)).inserted_primary_key
            number = key[0] if key else 0
            connection.execute(delete(table).where(table.c.id <= number - MOST_ENTRIES))

    def entries(
        self,
        *,
        tenants: Collection[str] | None = None,
        who: str = "",
        before: int | None = None,
        limit: int = 50,
    ) -> Sequence[AuditEntry]:
        """The newest entries, at most `limit`; pass the last one's id as `before` for the next.

        With `tenants`, those about these installations and those of `who`.
        """
        query = select(table).order_by(table.c.id.desc()).limit(limit)
        if tenants is not None:
            query = query.where(or_(table.c.tenant.in_(tenants), table.c.who == who))
        if before is not None:
            query = query.where(table.c.id < before)
        with reading(self._engine) as connection:
            return [AuditEntry(**row) for row in connection.execute(query).mappings()]
