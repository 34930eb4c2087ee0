"""Who is signed in at the console: sessions, and links that sign somebody in once.

Kept in the bot's database, so that all web processes know them and signing out is final. Chosen
against Flask's signed cookies: those cannot be taken back, and need one more secret. A token is 256
random bits and the database holds its hash, so there is nothing to guess and nothing to steal; a
bound on failed tries would add only a way to lock the operator out.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Engine, delete, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from bot.store.tables import console_link, console_session
from luggage.database import reading, writing

# OWASP, "Session Management Cheat Sheet": an end that comes for everybody, and one for the idle.
LONGEST_SECONDS = 8 * 3600.0
IDLE_SECONDS = 3600.0
LINK_SECONDS = 600.0
# How exactly it is known when a session was last used; each note of it is a write.
_NOTED_SECONDS = 60.0


@dataclass(frozen=True)
class Session:
    """Somebody who is signed in: `who` is a login, or says that a link was used."""

    who: str
    token: str = field(repr=False)

    @property
    def form_token(self) -> str:
        """What each form of this session carries (CSRF); it does not tell the session's token."""
        return hashlib.blake2b(self.token.encode(), digest_size=24, person=b"form").hexdigest()

    def sent(self, form_token: str) -> bool:
        """Whether a form with this token is one of ours; compared in constant time."""
        return hmac.compare_digest(self.form_token.encode(), form_token.encode())


class Sessions:
    """Sessions and links, in the bot's database. Threads and processes may share it.

    Every method raises SQLAlchemyError when the database is away.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    def begin(self, who: str) -> Session:
        """A new session; those that are over are forgotten."""
        now, table = self._clock(), console_session
        session = Session(who, secrets.token_urlsafe(32))
        row = {"token_hash": _hash(session.token), "who": who, "made_at": now, "used_at": now}
        with writing(self._engine) as connection:
            connection.execute(delete(table).where(self._is_over(now)))
            connection.execute(insert(table).values(row))
        return session

    def find(self, token: str) -> Session | None:
        """The session of a token, or None: unknown, signed out, too old, or idle for too long."""
        now, table = self._clock(), console_session
        mine = table.c.token_hash == _hash(token)
        query = select(table.c.who, table.c.used_at).where(mine, ~self._is_over(now))
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        if now - row.used_at > _NOTED_SECONDS:
            with writing(self._engine) as connection:
                connection.execute(update(table).where(mine).values(used_at=now))
        return Session(row.who, token)

    def end(self, session: Session) -> None:
        """Sign out. Safe to repeat."""
        mine = console_session.c.token_hash == _hash(session.token)
        with writing(self._engine) as connection:
            connection.execute(delete(console_session).where(mine))

    @staticmethod
    def _is_over(now: float) -> ColumnElement[bool]:
        table = console_session
        too_old = table.c.made_at <= now - LONGEST_SECONDS
        return or_(too_old, table.c.used_at <= now - IDLE_SECONDS)

    def make_link(self) -> str:
        """The token of a new link, good once and for LINK_SECONDS; old ones are forgotten."""
        now, token = self._clock(), secrets.token_urlsafe(32)
        row = {"token_hash": _hash(token), "expires_at": now + LINK_SECONDS}
        with writing(self._engine) as connection:
            connection.execute(delete(console_link).where(console_link.c.expires_at <= now))
            connection.execute(insert(console_link).values(row))
        return token

    def use_link(self, token: str) -> bool:
        """Use a link up; whether it was good. Of two who try at once, one is told so."""
        mine = console_link.c.token_hash == _hash(token)
        in_time = console_link.c.expires_at > self._clock()
        with reading(self._engine) as connection:
            # What is made up costs no write, of which SQLite has one at a time.
            if connection.execute(select(console_link.c.expires_at).where(mine)).first() is None:
                return False
        with writing(self._engine) as connection:
            return connection.execute(delete(console_link).where(mine, in_time)).rowcount == 1


def _hash(token: str) -> str:
    # Unsalted and fast is right for 256 random bits: there is no dictionary of them.
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
