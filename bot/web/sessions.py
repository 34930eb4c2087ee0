"""Console sessions and one-time sign-in links, in the bot's database.

All web processes share them, and signing out is final. Tokens are 256 random bits and the database
only stores hashes, so no limit on attempts is needed (docs/decisions/0086).
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Engine, delete, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from bot.store.audit import AuditEntry, AuditLog, AuditPlace
from bot.store.tables import console_link, console_session
from bot.web.ownership import WHOLE, ConsoleScope
from luggage.database import reading, writing

# OWASP, "Session Management Cheat Sheet": an absolute timeout and an idle timeout.
LONGEST_SECONDS = 8 * 3600.0
IDLE_SECONDS = 3600.0
LINK_SECONDS = 600.0
# A session's last use is stored at most this often, to save writes.
_TOUCH_SECONDS = 60.0


@dataclass(frozen=True)
class Session:
    """A signed-in user; `who` is a login, or "by link"; `scope` is what they may see."""

    who: str
    token: str = field(repr=False)
    scope: ConsoleScope

    @property
    def form_token(self) -> str:
        """The CSRF token of this session's forms; it does not reveal the session's token."""
        return hashlib.blake2b(self.token.encode(), digest_size=24, person=b"form").hexdigest()

    def sent(self, form_token: str) -> bool:
        """Whether a form's token belongs to this session; compares in constant time."""
        return hmac.compare_digest(self.form_token.encode(), form_token.encode())


class Sessions:
    """Sessions and links in the bot's database. Threads and processes may share it.

    Every method raises SQLAlchemyError if the database does not respond.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    def begin(self, who: str, scope: ConsoleScope = WHOLE) -> Session:
        """Create a session, and delete the expired ones."""
        now, table = self._clock(), console_session
        session = Session(who, secrets.token_urlsafe(32), scope)
        row = {"token_hash": _hash(session.token), "who": who, "made_at": now, "used_at": now}
        row["scope"] = scope.encode()
        with writing(self._engine) as connection:
            connection.execute(delete(table).where(self._is_over(now)))
            connection.execute(insert(table).values(row))
        entry = AuditEntry(who, AuditPlace.CONSOLE, "sign in")
        AuditLog(self._engine, clock=self._clock).note(entry)
        return session

    def find(self, token: str) -> Session | None:
        """The session of a token, or None if it is unknown, signed out or expired."""
        now, table = self._clock(), console_session
        mine = table.c.token_hash == _hash(token)
        query = select(table.c.who, table.c.used_at, table.c.scope).where(mine, ~self._is_over(now))
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        if now - row.used_at > _TOUCH_SECONDS:
            with writing(self._engine) as connection:
                connection.execute(update(table).where(mine).values(used_at=now))
        return Session(row.who, token, ConsoleScope.decode(row.scope))

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
        """Create a link for one use within LINK_SECONDS; returns its token."""
        now, token = self._clock(), secrets.token_urlsafe(32)
        row = {"token_hash": _hash(token), "expires_at": now + LINK_SECONDS}
        with writing(self._engine) as connection:
            connection.execute(delete(console_link).where(console_link.c.expires_at <= now))
            connection.execute(insert(console_link).values(row))
        return token

    def use_link(self, token: str) -> bool:
        """Consume a link; returns whether it was valid. Of two concurrent calls, one succeeds."""
        mine = console_link.c.token_hash == _hash(token)
        in_time = console_link.c.expires_at > self._clock()
        with reading(self._engine) as connection:
            # Made-up tokens must not cost a write: SQLite allows one at a time.
            if connection.execute(select(console_link.c.expires_at).where(mine)).first() is None:
                return False
        with writing(self._engine) as connection:
            return connection.execute(delete(console_link).where(mine, in_time)).rowcount == 1


def _hash(token: str) -> str:
    # 256 random bits need neither a salt nor a slow hash.
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
