"""Membership cache: what the bot knows of people, so that it asks and invites only once.

The bot remembers a membership for good, even when the person leaves: it never invites again anyone
who declined or left. GitHub sends events about who joins, leaves or is invited, but not about who
declines. The order of events does not matter: each leaves a state that prevents an invitation.
Names are stored as key names (bot.store.identities), which stay when somebody is renamed.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, Table, bindparam, delete, func, select, tuple_

from bot.events import ACCOUNT, REPOSITORY, Event, Identity
from bot.facts import Question
from bot.store.identities import Identities, Names, Renamed
from bot.store.tables import (
    claim,
    identity,
    invitation,
    invitation_request,
    kept_issue,
    membership,
    merged,
    newcomer,
    rest_order,
)
from luggage.database import asking, reading, writing
from luggage.database.name_lock import lock_name
from luggage.database.upsert import inserting

# The states of a membership that GitHub does not have; its own are `active` and `pending`.
LEFT = "left"
DECLINED = "declined"
# A member's state after an event of the organisation.
_AFTER_EVENT = {"member_invited": "pending", "member_added": "active", "member_removed": LEFT}
# How long a claim counts before GitHub shows it: the time that its request may take, and GitHub's
# read lag.
FRESH_SECONDS = 60.0
# Stands in the table of ids, once those of stored deliveries are known.
_ADOPTED = ("upgrade", "adopted")
# Ends the cause of a request for approval that `/invite` led to. GitHub's names have no spaces.
_BY_HAND = " by hand"
# The new state of a person who had this one, and whom GitHub no longer knows.
_GONE = {"active": LEFT, "pending": DECLINED}


@dataclass(frozen=True, slots=True)
class Nameless:
    """A person whose membership is remembered, as key names, without an id.

    `seen_at` is when the membership was seen, in epoch seconds.
    """

    organization: str
    person: str
    seen_at: float


@dataclass(frozen=True, slots=True)
class KeptIssue:
    """A kept issue: its number, and the id of the job that last changed it."""

    number: int
    job: int


class People:
    """The cache, in the bot's database. Threads may share it."""

    def __init__(
        self, engine: Engine, *, clock: Callable[[], float], rows: "Rows | None" = None
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._rows: Rows = rows or _Rows(engine)
        self._identities = Identities(engine)
        self._all = self.names = Names({}, self._identities.look_up)

    def read_only(self) -> "People":
        """The same cache without writes, for dry runs."""
        return People(self._engine, clock=self._clock, rows=_ReadOnlyRows(_Rows(self._engine)))

    # Names

    def of(self, names: Names) -> "People":
        """The same cache, for the names of one delivery."""
        bound = copy(self)
        bound.names = names
        return bound

    def of_encoded(
        self, said: Mapping[str, Mapping[str, Sequence[Any]]], *, is_old: bool
    ) -> "People":
        """The same cache, for the names that `Names.encode` was called on."""
        return self.of(self._identities.decode(said, is_old=is_old))

    def seen(
        self, identities: Sequence[Identity], *, at: float | None = None
    ) -> tuple["People", Sequence[Renamed]]:
        """The cache for these names, which are stored, and who was renamed. Safe to repeat.

        `at` is when they were seen, in epoch seconds: now by default. A read-only cache stores
        nothing.
        """
        if isinstance(self._rows, _ReadOnlyRows):
            return self.of(self._identities.names(identities)), []
        names, renamed = self._identities.learn(identities, at=self._clock() if at is None else at)
        known = {**self.names.known, **names.known}
        return self.of(Names(known, self._identities.look_up)), renamed

    def has_adopted(self) -> bool:
        """Whether the ids of the deliveries from before an upgrade are known."""
        return self._identities.look_up(*_ADOPTED) is not None

    def adopt(self, seen: Sequence[tuple[Sequence[Identity], float]], until: int) -> None:
        """Store the ids of stored deliveries, each with its time, up to the job `until`."""
        self._identities.learn_all(seen, until=until)

    def adopted_until(self) -> int:
        """The last job whose ids `adopt` has stored; 0 at first."""
        return self._identities.learned_until()

    def adopted(self) -> None:
        """Store that they are. Safe to repeat."""
        kind, name = _ADOPTED
        self._identities.learn([Identity(kind, 1, name)], at=self._clock())

    def nameless(self, *, after: tuple[str, str], limit: int) -> Sequence[Nameless]:
        """The remembered people without an id, ordered by organisation and person, after `after`.

        GitHub tells nobody who declines, so those with an invitation count, too.
        """
        place = (membership.c.organization, membership.c.person)
        is_known = (
            select(identity.c.id)
            .where(identity.c.kind == ACCOUNT, identity.c.key_name == membership.c.person)
            .exists()
        )
        query = (
            select(*place, membership.c.seen_at)
            .where(tuple_(*place) > after, ~is_known)
            .order_by(*place)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [Nameless(*row) for row in connection.execute(query)]

    def present(self, kind: str, key_name: str) -> str:
        """The name last seen of what has a key name."""
        return self._identities.present(kind, key_name)

    def saw(self, login: str, number: int) -> None:
        """Store that an account has this login now, for this delivery too. Safe to repeat."""
        bound, _renamed = self.seen([Identity(ACCOUNT, number, login)])
        if self.names is not self._all:
            self.names.known.update(bound.names.known)

    def account_id(self, login: str) -> int | None:
        """The numeric id behind a login; None if the bot has not seen it."""
        named = self.names.find(ACCOUNT, login)
        return None if named is None else named.id

    def former_names(self, organization: str) -> Sequence[str]:
        """The name and the key name of an organisation: what parts of the queue may be called."""
        return list(dict.fromkeys([organization.lower(), self.names.account(organization)]))

    def _of(self, organization: str, person: str) -> dict[str, Any]:
        return {
            "organization": self.names.account(organization),
            "person": self.names.account(person),
        }

    def _newcomer(self, repository: str, person: str) -> dict[str, Any]:
        return {
            "repository": self.names.repository(repository),
            "person": self.names.account(person),
        }

    # Memberships

    def membership(self, organization: str, person: str) -> str | None:
        """The state last seen: `active`, `pending`, `left`, `declined`; None without one."""
        state: str | None = self._rows.find(membership.c.state, self._of(organization, person))
        return state

    def remember(self, organization: str, person: str, state: str) -> None:
        """Store a state; the last write wins. Safe to repeat."""
        self._rows.upsert(
            membership, self._of(organization, person), state=state, seen_at=self._clock()
        )

    def learn(self, event: Event) -> None:
        """Store the member's state after an event of the organisation. Safe to repeat."""
        state = _AFTER_EVENT.get(event.action or "") if event.name == "organization" else None
        if state and event.organization and event.member:
            self.remember(event.organization, event.member.login, state)

    def gone(self, organization: str, person: str) -> str | None:
        """Store that GitHub no longer knows a person; returns the new state, None without one."""
        known = self.membership(organization, person)
        if known in _GONE:
            self.remember(organization, person, _GONE[known])
        return self.membership(organization, person)

    # Invitations

    def inviting(self, organization: str, person: str) -> float:
        """Store that an invitation is about to be sent; returns the time, in epoch seconds.

        Safe to repeat: the last call counts.
        """
        sent_at = self._clock()
        self._rows.upsert(invitation, self._of(organization, person), sent_at=sent_at)
        return sent_at

    def not_invited(self, organization: str, person: str, sent_at: float) -> None:
        """Delete the note of an unsent invitation made at `sent_at`. Safe to repeat.

        A later note stays: another process took over and sent one.
        """
        own = {**self._of(organization, person), "sent_at": sent_at}
        self._rows.delete(invitation, own)

    def was_invited(self, organization: str, person: str) -> bool:
        """Whether the bot has invited this person."""
        return self._rows.find(invitation.c.sent_at, self._of(organization, person)) is not None

    def invited_since(self, organization: str, at: float, *, but: str) -> int:
        """How many people, except `but`, the bot has invited since `at` (epoch seconds)."""
        counted = select(func.count()).where(
            invitation.c.organization == self.names.account(organization),
            invitation.c.sent_at >= at,
            invitation.c.person != self.names.account(but),
        )
        with reading(self._engine) as connection:
            return int(connection.execute(counted).scalar_one())

    def asked(
        self, organization: str, person: str, asked_in: str, place: str, *, by_hand: bool = False
    ) -> None:
        """Store where maintainers were asked about a person, and why. Safe to repeat."""
        cause = f"{self.names.stable(place)}{_BY_HAND if by_hand else ''}"
        where = self.names.stable(asked_in.lower())
        about = {"asked_in": where, "pull_request": cause, "login": person}
        self._rows.upsert(invitation_request, self._of(organization, person), **about)

    def asked_about(self, asked_in: str) -> Sequence[Question]:
        """The requests for approval that stand in `owner/repo#number`, sorted by person."""
        table = invitation_request
        columns = (table.c.person, table.c.login, table.c.pull_request)
        query = select(*columns).order_by(table.c.person)
        with reading(self._engine) as connection:
            where = table.c.asked_in == self.names.stable(asked_in.lower())
            rows = connection.execute(query.where(where)).all()
        return [self._question(row) for row in rows]

    def _question(self, row: Any) -> Question:
        """The question, with the names that its person and its repository have by now."""
        place = str(row.pull_request).removesuffix(_BY_HAND)
        repository, _, number = place.partition("#")
        return Question(
            self._present(ACCOUNT, row.person, row.login),
            f"{self._present(REPOSITORY, self.names.repository(repository), repository)}#{number}",
            by_hand=place != row.pull_request,
        )

    def _present(self, kind: str, key: str, spelled: str) -> str:
        name = self._identities.present(kind, key)
        return spelled if name == spelled.lower() else name

    # Merges and first contributions

    def merges(
        self, organization: str, person: str, *, latest: tuple[str, int]
    ) -> set[tuple[str, int]]:
        """A person's known merged pull requests as (repository, number), with the latest.

        The latest is stored before the others are read: of two at one instant, one sees both.
        """
        repository, number = self.names.repository(latest[0]), latest[1]
        self._rows.upsert(
            merged, {**self._of(organization, person), "repository": repository, "number": number}
        )
        query = select(merged.c.repository, merged.c.number)
        with reading(self._engine) as connection:
            rows = connection.execute(query.where(*_where(merged, self._of(organization, person))))
            return {(repository, number)} | {(row.repository, row.number) for row in rows}

    def first_number(self, repository: str, person: str) -> int | None:
        """The number of a person's first issue or pull request in a repository, if known."""
        number: int | None = self._rows.find(newcomer.c.number, self._newcomer(repository, person))
        return number

    def came_first(self, repository: str, person: str, number: int) -> None:
        """Store that number. Safe to repeat."""
        self._rows.upsert(newcomer, self._newcomer(repository, person), number=number)

    # Orders

    def is_latest_order(self, organization: str, ordered_at: str) -> bool:
        """Whether no later order is stored; stores this one if so. In a tie the last wins.

        `ordered_at` is ISO 8601 in UTC, so texts sort as times do.
        """
        key = {"organization": self.names.account(organization)}
        latest: str | None = self._rows.find(rest_order.c.ordered_at, key)
        if latest is not None and latest > ordered_at:
            return False
        self._rows.upsert(rest_order, key, ordered_at=ordered_at)
        return True

    # Kept issues

    def kept_issue(self, about: str) -> KeptIssue | None:
        """The issue kept about something; None if none is known."""
        query = select(kept_issue.c.number, kept_issue.c.job).where(kept_issue.c.about == about)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else KeptIssue(row.number, row.job)

    def keep_issue(self, about: str, number: int, job: int) -> None:
        """Store the issue kept about something, and the job that changed it. Safe to repeat."""
        self._rows.upsert(kept_issue, {"about": about}, number=number, job=job)

    # Claims

    def claims(
        self, repository: str, *, person: str | None = None
    ) -> Sequence[tuple[int, str, float]]:
        """The claims in a repository, or a person's: number, key name, since when (epoch seconds).

        A person's key name is a login in lower case, which they may have changed since.
        """
        query = (
            select(claim.c.number, claim.c.person, claim.c.claimed_at)
            .where(claim.c.repository == self.names.repository(repository))
            .order_by(claim.c.claimed_at)
        )
        if person is not None:
            query = query.where(claim.c.person == self.names.account(person))
        with reading(self._engine) as connection:
            return [(row.number, row.person, row.claimed_at) for row in connection.execute(query)]

    def remember_claim(self, repository: str, number: int, person: str) -> None:
        """Store that a person claims an issue from now on. Safe to repeat."""
        key = {**self._newcomer(repository, person), "number": number}
        self._rows.upsert(claim, key, claimed_at=self._clock())

    def reserve_claim(
        self,
        repository: str,
        number: int,
        person: str,
        *,
        most: int,
        held: AbstractSet[int] | None = None,
    ) -> float | None:
        """Store that a person claims an issue, unless they already hold `most` others.

        Returns when, in epoch seconds, or None without room. `held` are the open issues that GitHub
        shows as theirs; with it, an older claim that GitHub does not show no longer counts. Of many
        calls at once, on any machines, only as many succeed as there is room. Safe to repeat: a
        claim that has just been stored keeps its room.
        """
        key = self._newcomer(repository, person)
        now = self._clock()
        query = select(claim.c.number, claim.c.claimed_at).where(*_where(claim, key))
        with writing(self._engine) as connection:
            lock_name(connection, f"claim {key['repository']} {key['person']}")
            stored = {row.number: row.claimed_at for row in connection.execute(query)}
            fresh = {each for each, at in stored.items() if now - at < FRESH_SECONDS}
            others = (stored.keys() if held is None else fresh | held) - {number}
            if number not in fresh and len(others) >= most:
                return None
            row = inserting(connection, claim).values(**key, number=number, claimed_at=now)
            index = [*key, "number"]
            connection.execute(
                row.on_conflict_do_update(index_elements=index, set_={"claimed_at": now})
            )
        return now

    def not_claimed(self, repository: str, number: int, person: str, at: float) -> None:
        """Delete a claim stored at `at` that GitHub refused. Safe to repeat; a later one stays."""
        key = {**self._newcomer(repository, person), "number": number}
        self._rows.delete(claim, {**key, "claimed_at": at})

    def forget_claim(self, repository: str, number: int, person: str) -> None:
        """Delete the claim of a person. Safe to repeat."""
        key = {**self._newcomer(repository, person), "number": number}
        self._rows.delete(claim, key)


class _Rows:
    """Rows of the bot's tables by key: find, upsert, delete."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, column: Any, key: Mapping[str, Any]) -> Any:
        with asking(self._engine) as connection:
            return connection.execute(_find_query(column, tuple(key)), key).scalar_one_or_none()

    def upsert(self, table: Table, key: Mapping[str, Any], **values: Any) -> None:
        with writing(self._engine) as connection:
            row = inserting(connection, table).values(**key, **values)
            index = {"index_elements": list(key)}
            connection.execute(
                row.on_conflict_do_update(set_=values, **index)
                if values
                else row.on_conflict_do_nothing(**index)
            )

    def delete(self, table: Table, key: Mapping[str, Any]) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(table).where(*_where(table, key)))


class _ReadOnlyRows:
    """The same rows, read-only."""

    def __init__(self, rows: _Rows) -> None:
        self.find = rows.find

    def upsert(self, table: Table, key: Mapping[str, Any], **values: Any) -> None:
        pass

    def delete(self, table: Table, key: Mapping[str, Any]) -> None:
        pass


Rows = _Rows | _ReadOnlyRows


@cache
def _find_query(column: Any, names: tuple[str, ...]) -> Select[Any]:
    """The query for a column by key, cached: building it takes longer than running it."""
    return select(column).where(*(column.table.c[name] == bindparam(name) for name in names))


def _where(table: Table, key: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in key.items()]
