"""What GitHub's limits leave of each installation, shared by all processes through the database."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Engine, select, update

from bot.tables import limit_memory
from luggage.database import reading, writing
from luggage.jobs.once import insert_once

_T = TypeVar("_T")


@dataclass(frozen=True)
class SqlLimitMemory:
    """The LimitMemory of luggage.github, in the bot's database. Threads may share it.

    Every method raises SQLAlchemyError when the database is away, and has then changed nothing, or
    (a connection lost in the commit) has taken a turn that nobody uses.
    """

    engine: Engine

    def read(self, name: str) -> str:
        """The text of `name`; "" for one that is new."""
        text = select(limit_memory.c.text).where(limit_memory.c.name == name)
        with reading(self.engine) as connection:
            return connection.execute(text).scalar_one_or_none() or ""

    def change(self, name: str, change: Callable[[str], tuple[str, _T]]) -> _T:
        """Put the first of what `change` makes of the text in its place; return the second."""
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
