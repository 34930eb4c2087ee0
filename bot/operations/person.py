"""Person: what the bot knows of somebody, and did with them, as an operator may see it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Table, select

from bot.events import ACCOUNT
from bot.store import tables
from bot.store.identities import Identities
from luggage.database import reading

_MOST_FACTS = 50


@dataclass(frozen=True, slots=True)
class Fact:
    """What the bot remembers of a person: in words, in an organisation or a repository.

    `at` is when it learned it (epoch seconds), None if it did not keep that.
    """

    place: str
    words: str
    at: float | None


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Somebody on GitHub: the id, None if the bot has not seen it, and the names in keys.

    `login` is in lower case, as it was asked for. `names` hold it and the name that the bot knew
    the person by at first.
    """

    login: str
    id: int | None
    names: Sequence[str]
    facts: Sequence[Fact]


def find_person(engine: Engine, login: str, may_see: Callable[[str], bool]) -> KnownPerson:
    """What the bot knows of a login; nothing for an unknown one. Raises SQLAlchemyError.

    `may_see` decides about an organisation, or a repository `owner/name`: facts of others are
    left out.
    """
    login = login.lower()
    named = Identities(engine).look_up(ACCOUNT, login)
    key = login if named is None else named.key
    with reading(engine) as connection:
        facts = [each for each in _facts(connection, key) if may_see(each.place)]
    identity = None if named is None else named.id
    return KnownPerson(login, identity, sorted({login, key}), facts)


def _facts(connection: Connection, person: str) -> Iterator[Fact]:
    for row in _rows(connection, tables.membership, person):
        yield Fact(row.organization, f"membership: {row.state}", row.seen_at)
    for row in _rows(connection, tables.invitation, person):
        yield Fact(row.organization, "invited by the bot", row.sent_at)
    for row in _rows(connection, tables.invitation_request, person):
        words = f"the bot asked in {row.asked_in} to invite them, because of {row.pull_request}"
        yield Fact(row.organization, words, None)
    for row in _rows(connection, tables.claim, person):
        yield Fact(row.repository, f"has claimed #{row.number}", row.claimed_at)
    for row in _rows(connection, tables.newcomer, person):
        yield Fact(row.repository, f"came first with #{row.number}", None)
    for row in _rows(connection, tables.merged, person):
        yield Fact(row.repository, f"merged: #{row.number}", None)


def _rows(connection: Connection, table: Table, person: str) -> Sequence[Any]:
    query = select(table).where(table.c.person == person).limit(_MOST_FACTS)
    return connection.execute(query).all()
