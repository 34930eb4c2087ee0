"""What the bot remembers of people, so that it asks GitHub only once.

A membership once seen is remembered for good, also when the person leaves: nobody who declined or
left is invited again. Logins do not depend on case, so they are kept in lower case.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select

from bot.tables import kept_issue, membership
from luggage.database import reading, writing


@dataclass(frozen=True, slots=True)
class KeptIssue:
    """An issue that is kept about something: its number, and the job that last changed it."""

    number: int
    job: int


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

    def kept_issue(self, about: str) -> KeptIssue | None:
        """The issue that is kept about something, or None where none is known."""
        wanted = select(kept_issue.c.number, kept_issue.c.job).where(kept_issue.c.about == about)
        with reading(self._engine) as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else KeptIssue(row.number, row.job)

    def keep_issue(self, about: str, number: int, job: int) -> None:
        """Remember the issue that is kept about something, and the job that changed it."""
        with writing(self._engine) as connection:
            connection.execute(delete(kept_issue).where(kept_issue.c.about == about))
            connection.execute(insert(kept_issue).values(about=about, number=number, job=job))
