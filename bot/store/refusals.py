"""Refusals of whole installations: what GitHub refuses, in plain words, with the remedy.

The loop stores one for each installation. The console shows them by name; the public page counts
them, because the names of organisations may be private.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, delete, func, select

from bot.store.tables import refusal as table
from luggage.database import reading, writing
from luggage.database.upsert import inserting
from luggage.github.errors import AddressRefused, Blocked, Suspended
from luggage.github.manifest import NO_WEBHOOK_URL

_LEVELS = {"read": 1, "write": 2, "admin": 3}


class RefusalKind(StrEnum):
    """A kind of refusal, as the database stores it."""

    SUSPENDED = "suspended"
    ADDRESS = "address"
    PERMISSIONS = "permissions"
    WEBHOOK = "webhook"


# What the public page says of a number of organisations.
_PUBLIC = {
    RefusalKind.SUSPENDED: "suspended in {}",
    RefusalKind.ADDRESS: "kept out of {} by an IP allow list",
    RefusalKind.PERMISSIONS: "waiting for {} to accept my permissions",
}
_NO_WEBHOOK = "My App has no webhook address at GitHub, so no delivery reaches me by itself"
_WORDS = {
    RefusalKind.SUSPENDED: "the App is suspended",
    RefusalKind.ADDRESS: "an IP allow list keeps the bot out",
}
# The App itself, in the place of an installation: GitHub numbers those from 1.
THE_APP = 0
_OF_ERRORS: Mapping[type[Blocked], RefusalKind] = {
    Suspended: RefusalKind.SUSPENDED,
    AddressRefused: RefusalKind.ADDRESS,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What GitHub refuses in an installation, on the account of this name, and the remedy.

    `since` is when the bot first noticed it, in epoch seconds.
    """

    installation: int
    account: str
    kind: str
    words: str
    remedy: str
    since: float = 0.0


class Refusals:
    """The refusals, in the bot's database; every method raises SQLAlchemyError if it is away."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    def note(self, refused: Refusal) -> None:
        """Store a refusal, instead of an earlier one; `since` stays. Safe to repeat."""
        row = {**asdict(refused), "since": self._clock()}
        told = {name: row[name] for name in ("account", "kind", "words", "remedy")}
        with writing(self._engine) as connection:
            insert = inserting(connection, table).values(row)
            connection.execute(
                insert.on_conflict_do_update(index_elements=["installation"], set_=told)
            )

    def heard(self, installation: int, account: str, error: Blocked) -> None:
        """Store what an error says about an installation, if it does. Safe to repeat."""
        kind = _OF_ERRORS.get(type(error))
        if kind is not None:
            words = _WORDS[kind]
            self.note(Refusal(installation, account, kind, words, error.remedy))

    def end(self, installations: Collection[int]) -> None:
        """Delete the refusals of installations. Safe to repeat."""
        with writing(self._engine) as connection:
            connection.execute(delete(table).where(table.c.installation.in_(installations)))

    def all(self) -> Sequence[Refusal]:
        """The refusals, by the name of the account."""
        query = select(table).order_by(table.c.account, table.c.installation)
        with reading(self._engine) as connection:
            return [Refusal(**row) for row in connection.execute(query).mappings()]

    def counts(self) -> Mapping[str, int]:
        """The number of installations, by kind."""
        query = select(table.c.kind, func.count()).group_by(table.c.kind)
        with reading(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query)}


def public_words(counts: Mapping[str, int]) -> str:
    """The refusals by their number, for strangers; "" for none. Pure."""
    told = [
        words.format(_organizations(counts[kind]))
        for kind, words in _PUBLIC.items()
        if counts.get(kind)
    ]
    if counts.get(RefusalKind.WEBHOOK):
        return _NO_WEBHOOK
    return f"I am {', '.join(told)}; an owner can change that" if told else ""


def unreachable(url: str, *, polls: bool) -> Refusal | None:
    """What is wrong with the App's webhook address; None if deliveries can come in. Pure."""
    if polls:
        words = "" if url else "the App has no webhook address, so GitHub creates no deliveries"
        remedy = f"set {NO_WEBHOOK_URL} on the App's page"
    else:
        words = (
            ""
            if url not in ("", NO_WEBHOOK_URL)
            else "no delivery comes in by itself: the App has no webhook address at GitHub"
        )
        remedy = (
            'set receive = "poll" under [github] in config.toml, or the bot\'s address on the '
            "App's page"
        )
    return Refusal(THE_APP, "the App", RefusalKind.WEBHOOK, words, remedy) if words else None


def refusal_of(listed: Mapping[str, Any], needed: Mapping[str, str]) -> Refusal | None:
    """What GitHub refuses in an installation of its list; None for nothing. Pure.

    `needed` are the permissions that the enabled rules need. Raises KeyError for a malformed entry.
    """
    account, page = account_of(listed), str(listed.get("html_url") or "")
    if listed.get("suspended_at"):
        kind, remedy = RefusalKind.SUSPENDED, f"unsuspend it: {page}"
        return Refusal(listed["id"], account, kind, _WORDS[kind], remedy)
    missing = ", ".join(lacking(needed, listed["permissions"]))
    if missing:
        remedy = f"ask an owner to accept them: {page}/permissions/update"
        words = f"has not accepted: {missing}"
        return Refusal(listed["id"], account, RefusalKind.PERMISSIONS, words, remedy)
    return None


def account_of(listed: Mapping[str, Any]) -> str:
    """The name of the account of an installation, or its id without one. Pure."""
    account = listed.get("account") or {}
    return str(account.get("login") or account.get("slug") or listed["id"])


def lacking(required: Mapping[str, str], granted: Mapping[str, str]) -> Iterator[str]:
    """Each permission that is granted at a lower level than required. Pure."""
    for name, level in sorted(required.items()):
        if _LEVELS.get(level, 0) > _LEVELS.get(granted.get(name, ""), 0):
            yield f"{name}: {level}"


def _organizations(count: int) -> str:
    return "one organisation" if count == 1 else f"{count} organisations"
