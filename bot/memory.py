"""What the bot remembers of people, so that it asks GitHub only once.

A membership once seen is remembered for good, also when the person leaves: nobody who declined or
left is invited again. Logins do not depend on case, so they are kept in lower case.
"""

from collections.abc import Callable

from sqlalchemy import Engine, delete, insert, select

from bot.tables import membership
from luggage.database import reading, writing


class Memory:
    """The remembered memberships, in the bot's database. Threads may share it."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    def membership(self, organization: str, person: str) -> str | None:
        """`active` or `pending` as it was last seen, or None for somebody not yet seen."""
        wanted = select(membership.c.state).where(
            membership.c.organization == organization.lower(),
            membership.c.person == person.lower(),
        )
        with reading(self._engine) as connection:
            return connection.execute(wanted).scalar_one_or_none()

    def remember(self, organization: str, person: str, state: str) -> None:
        """Keep a state; the last one counts. Safe to repeat."""
        row = {"organization": organization.lower(), "person": person.lower()}
        same = (membership.c.organization == row["organization"]) & (
            membership.c.person == row["person"]
        )
        with writing(self._engine) as connection:
            connection.execute(delete(membership).where(same))
            connection.execute(insert(membership).values(**row, state=state, seen_at=self._clock()))
