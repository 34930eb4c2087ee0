"""GitHub's rate limits of each installation, shared by all processes through the database."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Engine, select, update

from bot.store.tables import limit_memory
from luggage.database import reading, writing
from luggage.database.upsert import insert_once
from luggage.github.limits import ThrottleState

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class InstallationBudget:
    """The budget of one installation for one resource, as GitHub last reported it.

    `name` is "installation 7" or "the App". The bot sends nothing until `closed_until`. `writes`
    counts the last hour. Times are epoch seconds.
    """

    name: str
    resource: str
    limit: int
    remaining: int
    resets_at: float
    said_at: float
    closed_until: float
    writes: int

    @property
    def installation(self) -> str:
        """The id of the installation, as text; "" for the App itself."""
        kind, _, number = self.name.partition(" ")
        return number if kind == "installation" else ""


def budgets(engine: Engine, *, now: float) -> Sequence[InstallationBudget]:
    """The budgets that GitHub has reported, ordered by name. Raises SQLAlchemyError."""
    query = select(limit_memory.c.name, limit_memory.c.text).order_by(limit_memory.c.name)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return [
        each for name, text in rows for each in _budgets(name, ThrottleState.decode(text).at(now))
    ]


def _budgets(name: str, standing: ThrottleState) -> Iterator[InstallationBudget]:
    for resource, (limit, remaining, resets_at, said_at) in sorted(standing.seen.items()):
        yield InstallationBudget(
            name=name,
            resource=resource,
            limit=int(limit),
            remaining=int(remaining),
            resets_at=resets_at,
            said_at=said_at,
            closed_until=max(standing.closed.get(each, 0.0) for each in ("", resource)),
            writes=len(standing.writes),
        )


@dataclass(frozen=True)
class SqlLimitMemory:
    """The LimitMemory of luggage.github, in the bot's database. Threads may share it.

    Every method raises SQLAlchemyError if the database does not respond. It has then changed
    nothing, or, if the connection was lost in the commit, reserved a slot that stays unused.
    """

    engine: Engine

    def read(self, name: str) -> str:
        """The text of `name`; "" for a new name."""
        text = select(limit_memory.c.text).where(limit_memory.c.name == name)
        with reading(self.engine) as connection:
            return connection.execute(text).scalar_one_or_none() or ""

    def change(self, name: str, change: Callable[[str], tuple[str, _T]]) -> _T:
        """Replace the text by the first value that `change` returns; return the second."""
        row = limit_memory.c.name == name
        locked = select(limit_memory.c.text).where(row).with_for_update()
        with writing(self.engine) as connection:
            text = connection.execute(locked).scalar_one_or_none()
            if text is None:
                insert_once(connection, limit_memory, {"name": name, "text": ""})
                text = connection.execute(locked).scalar_one()
            changed, result = change(text)
            connection.execute(update(limit_memory).where(row).values(text=changed))
        return result
