"""Numeric ids of accounts and repositories, and the names under which the bot remembers them.

Names change, and other people take them over; ids do not. Each id has a key name: the name that the
bot knew it by at first, which all tables and the keys of actions are made of. What an older version
stored under a name belongs to the first id that is seen with it (docs/decisions/0174).
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update

from bot.events import ACCOUNT, REPOSITORY, Identity
from bot.store.tables import identity as table
from bot.store.tables import settings_file
from luggage.database import asking, reading, writing
from luggage.database.name_lock import lock_name
from luggage.database.upsert import inserting

# A path in an identity: words without blanks between slashes, and a number after "#".
_PATH = re.compile(r"(?<!\S)[^\s/]*+/\S*")
_PARTS = re.compile(r"([/#])")
_LONGEST = 200
# The row that says how far an adoption has come.
_PROGRESS = {"kind": "upgrade", "id": 2, "key_name": "progress", "seen_at": 0.0}
# How many ids a process remembers, so that it asks the database only about new ones.
_MOST_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Named:
    """An id, its key name, and the name that it is known to have now.

    `now` is "" where another id has taken over the name in question, and None if it was not asked.
    """

    id: int
    key: str
    now: str | None = None


@dataclass(frozen=True)
class Names:
    """The ids and key names behind the names of one delivery: by kind, and name in lower case.

    They stay right for that delivery, whoever is renamed later.
    """

    known: dict[tuple[str, str], Named] = field(default_factory=dict)
    look_up: Callable[[str, str], Named | None] | None = None

    def find(self, kind: str, name: str) -> Named | None:
        """The id and key name behind a name; None for one that the bot has not seen."""
        named = self.known.get((kind, name.lower()))
        # Others are no names of GitHub's, and a database may refuse them.
        is_possible = name.isascii() and name.isprintable() and len(name) <= _LONGEST
        if named is None and self.look_up is not None and is_possible:
            named = self.look_up(kind, name.lower())
        return named

    def account(self, login: str) -> str:
        """The key name of a person or an organisation."""
        named = self.find(ACCOUNT, login)
        return login.lower() if named is None else named.key

    def repository(self, full_name: str) -> str:
        """The key name of a repository, `owner/name`."""
        named = self.find(REPOSITORY, full_name)
        if named is not None:
            return named.key
        owner, slash, name = full_name.lower().partition("/")
        return f"{self.account(owner)}{slash}{name}"

    def now(self, kind: str, name: str) -> str:
        """The name by now of what had this one; "" if another has taken it and it is not known."""
        named = self.known.get((kind, name.lower()))
        if named is None or named.now in {None, name.lower()}:
            return name
        return _address(named.now)

    def stable(self, text: str) -> str:
        """An action's key, or what it is about, with key names in each of its paths.

        In `owner/repo#7`, `owner/person` and `owner/repo/person` the names change; the rest stays.
        A text whose names have not changed stays as it is.
        """
        return _PATH.sub(lambda match: self._stable_path(match[0]), text)

    def _stable_path(self, path: str) -> str:
        # A key is `kind:identity`.
        first, slash, rest = path.partition("/")
        kind, colon, owner = first.rpartition(":")
        parts = _PARTS.split(f"{owner}{slash}{rest}")
        if not owner or not parts[2]:
            return path
        repository = self.find(REPOSITORY, f"{owner}/{parts[2]}")
        if repository is not None:
            parts[:3] = [_kept(f"{owner}/{parts[2]}", repository.key)]
        else:
            parts[0] = _kept(owner, self.account(owner))
        people = (_kept(each, self._person(each)) for each in parts[1:])
        return f"{kind}{colon}{parts[0]}{''.join(people)}"

    def _person(self, part: str) -> str:
        named = self.known.get((ACCOUNT, part.lower()))
        return part if named is None else named.key

    def encode(self) -> dict[str, dict[str, list[Any]]]:
        """The same as plain JSON, for a queued action: id and key name, by kind and name."""
        said: dict[str, dict[str, list[Any]]] = {}
        for (kind, name), named in self.known.items():
            said.setdefault(kind, {})[name] = [named.id, named.key]
        return said


@dataclass(frozen=True, slots=True)
class Renamed:
    """An account or repository with another name than before.

    `old` is "" if somebody else has that name by now, and `new` if its own is not known yet.
    """

    kind: str
    id: int
    old: str
    new: str


class Identities:
    """The ids in the bot's database. Threads and processes may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._remembered: dict[tuple[str, int], tuple[str, Named]] = {}
        self._lock = threading.Lock()

    def names(self, seen: Sequence[Identity]) -> Names:
        """The key names of what a delivery shows, without storing anything."""
        known = {}
        for each in _lower(seen):
            named = self._known(each)
            if named is None:
                with reading(self._engine) as connection:
                    named = self._proposed(connection, each)
            known[each.kind, each.name] = named
        return Names(known, self.look_up)

    def learn(self, seen: Sequence[Identity], *, at: float) -> tuple[Names, Sequence[Renamed]]:
        """Store the ids and names of a delivery; returns the key names, and who was renamed.

        A name that was seen later than `at` (epoch seconds) stays. Safe to repeat.
        """
        renamed: list[Renamed] = []
        known: dict[tuple[str, str], Named] = {}
        for each in _lower(seen):
            named = self._known(each)
            if named is None:
                named, changes = self._store(each, at)
                renamed += changes
            known[each.kind, each.name] = named
        return Names(known, self.look_up), renamed

    def learn_all(self, seen: Sequence[tuple[Sequence[Identity], float]], *, until: int) -> None:
        """Store the ids and names of many deliveries, each with its time, in one transaction.

        `until` is the last of them; `learned_until` returns it. Safe to repeat.
        """
        with writing(self._engine) as connection:
            lock_name(connection, "identity")
            for identities, at in seen:
                for each in _lower(identities):
                    if self._known(each) is None:
                        self._store_on(connection, each, at)
            adding = inserting(connection, table).values({**_PROGRESS, "name": str(until)})
            connection.execute(
                adding.on_conflict_do_update(
                    index_elements=["kind", "id"], set_={"name": str(until)}
                )
            )

    def learned_until(self) -> int:
        """The last `until` of `learn_all`; 0 at first."""
        here = (table.c.kind == _PROGRESS["kind"], table.c.id == _PROGRESS["id"])
        with asking(self._engine) as connection:
            stored = connection.execute(select(table.c.name).where(*here)).scalar_one_or_none()
        return int(stored or 0)

    def decode(
        self, said: Mapping[str, Mapping[str, Sequence[Any]]], *, is_old: bool = False
    ) -> Names:
        """The names that `Names.encode` was called on; of an old action with those of now."""
        known = {(kind, name): Named(*each) for kind in said for name, each in said[kind].items()}
        if is_old:
            with reading(self._engine) as connection:
                known = {
                    (kind, name): replace(named, now=_name_now(connection, kind, named.id))
                    for (kind, name), named in known.items()
                }
        return Names(known, self.look_up)

    def look_up(self, kind: str, name: str) -> Named | None:
        """The id that was last seen with a name, and its key name."""
        query = select(table.c.id, table.c.key_name).where(
            table.c.kind == kind, table.c.name == name.lower()
        )
        with asking(self._engine) as connection:
            row = connection.execute(query).first()
        return None if row is None else Named(row.id, row.key_name)

    def present(self, kind: str, key_name: str) -> str:
        """The name last seen of what has a key name; the key name itself if it was not seen."""
        query = select(table.c.name).where(table.c.kind == kind, table.c.key_name == key_name)
        with asking(self._engine) as connection:
            name = connection.execute(query).scalar_one_or_none()
        return _address(name) or key_name

    def _known(self, seen: Identity) -> Named | None:
        name, named = self._remembered.get((seen.kind, seen.id), ("", None))
        return named if name == seen.name and not seen.former else None

    def _store(self, seen: Identity, at: float) -> tuple[Named, Sequence[Renamed]]:
        with writing(self._engine) as connection:
            lock_name(connection, "identity")
            return self._store_on(connection, seen, at)

    def _store_on(
        self, connection: Connection, seen: Identity, at: float
    ) -> tuple[Named, Sequence[Renamed]]:
        before = replace(seen, name=seen.former, former="")
        changes = list(_named_now(connection, before, at)) if seen.former else []
        changes += _named_now(connection, seen, at)
        row = _row(connection, seen)
        named = Named(seen.id, row.key_name, row.name)
        with self._lock:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            if changes:  # They may concern the repositories of an account, too.
                self._remembered.clear()
            self._remembered[seen.kind, seen.id] = (row.name, named)
        return named, changes

    @staticmethod
    def _proposed(connection: Connection, seen: Identity) -> Named:
        row = _row(connection, seen)
        return Named(seen.id, row.key_name if row else _new_key(connection, seen))


def _named_now(connection: Connection, seen: Identity, at: float) -> Iterator[Renamed]:
    """Store the present name of an id; yields who got another name, or lost this one, by it."""
    row = _row(connection, seen)
    if row is not None and (row.name == seen.name or row.seen_at > at):
        return
    here = (table.c.kind == seen.kind, table.c.name == seen.name)
    holders = connection.execute(select(table.c.id, table.c.seen_at).where(*here)).all()
    if any(other.seen_at > at for other in holders):
        # Another has the name by now; what this one is called is not known.
        if row is None:
            _insert(connection, seen, "", at)
        return
    for other in holders:
        _move(connection, seen.kind, seen.name, f"~{other.id}", at)
        yield Renamed(seen.kind, other.id, seen.name, "")
    if holders:
        connection.execute(update(table).where(*here).values(name=""))
    if row is None:
        _insert(connection, seen, seen.name, at)
        return
    own = (table.c.kind == seen.kind, table.c.id == seen.id)
    connection.execute(update(table).where(*own).values(name=seen.name, seen_at=at))
    _move(connection, seen.kind, row.name or f"~{seen.id}", seen.name, at)
    yield Renamed(seen.kind, seen.id, row.name, seen.name)


def _insert(connection: Connection, seen: Identity, name: str, at: float) -> None:
    values = {"kind": seen.kind, "id": seen.id, "name": name, "seen_at": at}
    connection.execute(insert(table).values(**values, key_name=_new_key(connection, seen)))


def _name_now(connection: Connection, kind: str, number: int) -> str | None:
    query = select(table.c.name).where(table.c.kind == kind, table.c.id == number)
    name: str | None = connection.execute(query).scalar_one_or_none()
    return name


def _row(connection: Connection, seen: Identity) -> Any:
    query = select(table.c.key_name, table.c.name, table.c.seen_at)
    return connection.execute(
        query.where(table.c.kind == seen.kind, table.c.id == seen.id)
    ).one_or_none()


def _new_key(connection: Connection, seen: Identity) -> str:
    """The key name of a new id: its name, with the id where that name is another's."""
    name = seen.name
    if seen.kind == REPOSITORY:
        owner, _, rest = name.partition("/")
        query = select(table.c.key_name).where(table.c.kind == ACCOUNT, table.c.name == owner)
        name = f"{connection.execute(query).scalar() or owner}/{rest}"
    taken = select(table.c.id).where(table.c.kind == seen.kind, table.c.key_name == name)
    return name if connection.execute(taken).first() is None else f"{name}~{seen.id}"


def _move(connection: Connection, kind: str, old: str, new: str, at: float) -> None:
    """Let what has a name follow: cached settings, and the repositories of an account.

    `old` or `new` is the id after `~` while the name is not known.
    """
    _move_settings(connection, kind, old, new)
    if kind != ACCOUNT:
        return
    is_own = (table.c.kind == REPOSITORY, table.c.name.startswith(f"{old}/", autoescape=True))
    query = select(table.c.id, table.c.name).where(*is_own)
    for number, name in connection.execute(query).all():
        moved = new + name.removeprefix(old)
        row = (table.c.kind == REPOSITORY, table.c.id == number)
        connection.execute(update(table).where(*row).values(name=moved, seen_at=at))


def _move_settings(connection: Connection, kind: str, old: str, new: str) -> None:
    """Let the cached settings files follow a repository, or all of an owner."""
    column = settings_file.c.repository
    is_own = column == old if kind == REPOSITORY else column.startswith(f"{old}/", autoescape=True)
    for file in connection.execute(select(column).where(is_own)).scalars().all():
        moved = new + file.removeprefix(old)
        connection.execute(delete(settings_file).where(column == moved))
        connection.execute(update(settings_file).where(column == file).values(repository=moved))


def _lower(seen: Sequence[Identity]) -> Iterator[Identity]:
    """Accounts first: the key name of a repository begins with its owner's."""
    for each in sorted(seen, key=lambda each: each.kind != ACCOUNT):
        yield replace(each, name=each.name.lower(), former=each.former.lower())


def _address(name: str | None) -> str:
    """A stored name; "" for one that is not known, which begins with `~` in a parked account."""
    return "" if name is None or name.startswith("~") else name


def _kept(text: str, key: str) -> str:
    """The key name, or the text as it is spelled where it is that name."""
    return text if text.lower() == key else key
