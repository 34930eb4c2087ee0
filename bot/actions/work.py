"""Work: everything that an action needs while it is performed, and what it leaves behind.

The protocols name what actions ask of the queue and the membership cache. So `bot.actions` imports
neither requests nor the database, and a test can use simple stand-ins.

A note says how far an action has come; the next try reads it. A result says what came of it. The
queue stores both as a JSON object. Version 1 has no member "version", so it reads all that was
stored since the beginning. A later version that changes the meaning of a member must add one.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

from luggage.jobs.model import Job, JobRow

if TYPE_CHECKING:
    from luggage.github import Client, RequestFailed

_RECORD_VERSION = 1
# For this long GitHub's API may not show what a delivery names.
NEW_SECONDS = 60.0
_FORBIDDEN, _NOT_FOUND = 403, 404
# "Unable to create comment because issue is locked.", ".../locking-conversations/"; not "blocked".
_LOCKED = re.compile(r"\block(?:ed|ing)\b", re.IGNORECASE)


class UnreadableRecord(ValueError):  # noqa: N818
    """A record that this version of the bot cannot read; the message says what to do."""


class Superseded(Exception):  # noqa: N818  # a decision, not a failure
    """The action is no longer wanted; nor are the actions that wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """How far an action has come; empty for one that has done nothing yet.

    `sending_at` is when a text was about to be sent, in epoch seconds. 0.0 means that it may have
    been sent long ago, by a process that could not note it. None means that it was not sent.
    `refused` says that GitHub refused the action, and that a comment has to say so, or that a kept
    issue is lost; `why` are the words of that comment, where GitHub gave the reason. `free_at` is
    when an issue was last seen without another assignee, in epoch seconds. `opened` is the
    number of an issue that was opened, and has to be closed.
    """

    sending_at: float | None = None
    refused: bool = False
    free_at: float | None = None
    why: str = ""
    opened: int | None = None

    def look_first(self) -> Self:
        """The same note, with a text that may have been sent: the time that is known, or 0.0."""
        return replace(self, sending_at=self.sending_at or 0.0)

    def encode(self) -> str:
        """The note as the queue keeps it: "" for an empty one."""
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        # 0.0 is a time, and equal to False.
        kept = {name: value for name, value in said.items() if value is not None}
        kept = {name: value for name, value in kept.items() if value is not False}
        return _encode({name: value for name, value in kept.items() if value != ""})

    @classmethod
    def decode(cls, text: str) -> Self:
        """The note that the queue keeps. Raises UnreadableRecord for one of another version.

        A note is never guessed at: ignoring one could send a comment twice.
        """
        said = _decode(text)
        try:
            return cls(**said)
        except TypeError:
            raise _unreadable(text) from None


# The first note of an action that a lost database may have performed before.
LOOK_FIRST = Note().look_first()


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an action: facts of GitHub's answer by name, as plain JSON."""

    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_comment(cls, answer: Mapping[str, Any]) -> Self:
        """The result for a comment that GitHub has just written or shown."""
        return cls({"comment": answer["id"], "url": answer.get("html_url")})

    @classmethod
    def of_issue(cls, answer: Mapping[str, Any]) -> Self:
        """The result for an issue that GitHub has just opened or shown."""
        return cls({"issue": answer["number"], "url": answer.get("html_url")})

    @property
    def comment(self) -> int | None:
        """The id of the comment that was written or changed, if there is one."""
        return _number(self.facts.get("comment"))

    @property
    def url(self) -> str:
        """The web address of what was written; "" without one."""
        url = self.facts.get("url")
        is_web = isinstance(url, str) and url.startswith(("https://", "http://"))
        return str(url) if is_web else ""

    def encode(self) -> str:
        """The result as the queue keeps it: "" for an empty one."""
        return _encode(self.facts)

    @classmethod
    def decode(cls, text: str) -> Self:
        """The result that the queue keeps; empty for one that this version cannot read."""
        try:
            return cls(_decode(text))
        except UnreadableRecord:
            return cls()

    def words(self) -> str:
        """The text that every encoded result with these facts, in this order, contains."""
        return json.dumps(self.facts)[1:-1]

    @staticmethod
    def words_of_url(end: str) -> str:
        """The text that every encoded result contains whose `url` ends so."""
        return json.dumps(end)[1:]


def _encode(said: Mapping[str, Any]) -> str:
    return json.dumps(said) if said else ""


def _decode(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text or "{}")
        if isinstance(said, dict) and said.pop("version", _RECORD_VERSION) == _RECORD_VERSION:
            return said
    except (ValueError, RecursionError):
        pass
    raise _unreadable(text)


def _unreadable(text: str) -> UnreadableRecord:
    return UnreadableRecord(
        f"{text[:80]!r} is not a record of this version: install the version that wrote it"
    )


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


_Params = Mapping[str, object] | None


def is_locked(error: "RequestFailed") -> bool:
    """Whether GitHub refused a text because somebody locked the conversation."""
    return error.status == _FORBIDDEN and bool(
        _LOCKED.search(f"{error.message} {error.documentation_url}")
    )


def may_appear(error: "RequestFailed", job: Job, now: float) -> bool:
    """Whether GitHub said 404 about something that may be too new to be shown; then ask again."""
    is_missing = error.status == _NOT_FOUND and error.path.startswith("/repos/")
    return is_missing and now - job.created_at < NEW_SECONDS


class ReadingClient(Protocol):
    """A client of GitHub's API that reads; each method raises luggage.github's RequestFailed."""

    def get(self, path: str, /, *, params: _Params = None, **names: str | int) -> Any:
        """The decoded JSON of GitHub's answer, with the names put into the path."""

    def pages(self, path: str, /, *, params: _Params = None, **names: str | int) -> Iterator[Any]:
        """The items of all pages; asks for each page when it is reached."""

    def graphql(self, query: str, /, **variables: object) -> Any:
        """The data of a GraphQL query."""


class KnownIssue(Protocol):
    """An issue that the bot keeps: its number, and the id of the job that last changed it."""

    @property
    def number(self) -> int:
        """The number of the issue."""

    @property
    def job(self) -> int:
        """The id of the job."""


class MembershipCache(Protocol):
    """The membership cache, as actions use it; `bot.store.people` implements it."""

    def membership(self, organization: str, person: str) -> str | None:
        """The state last seen: `active`, `pending`, `left`, `declined`; None if unknown."""

    def remember(self, organization: str, person: str, state: str) -> None:
        """Keep a state."""

    def account_id(self, login: str) -> int | None:
        """The numeric id of the account with a login, if it is known."""

    def former_names(self, organization: str) -> Sequence[str]:
        """The name of an organisation, and the one that it had at first."""

    def inviting(self, organization: str, person: str) -> float:
        """Keep that an invitation is about to be sent; returns when, in epoch seconds."""

    def not_invited(self, organization: str, person: str, sent_at: float) -> None:
        """Keep that the invitation noted at `sent_at` was not sent."""

    def invited_since(self, organization: str, at: float, *, but: str) -> int:
        """How many people, except one, were invited since `at` (epoch seconds)."""

    def asked(
        self, organization: str, person: str, asked_in: str, place: str, *, by_hand: bool = False
    ) -> None:
        """Keep where maintainers were asked about a person, and what led to it."""

    def is_latest_order(self, organization: str, ordered_at: str) -> bool:
        """Whether no later order is known; keeps this one if so."""

    def kept_issue(self, about: str) -> KnownIssue | None:
        """The issue that is kept about something, if one is known."""

    def keep_issue(self, about: str, number: int, job: int) -> None:
        """Keep the number of that issue, and the job that changed it."""

    def remember_claim(self, repository: str, number: int, person: str) -> None:
        """Keep that a person has claimed an issue."""

    def reserve_claim(
        self,
        repository: str,
        number: int,
        person: str,
        *,
        most: int,
        held: AbstractSet[int] | None = None,
    ) -> float | None:
        """Keep a claim unless the person holds `most` others; returns when, or None."""

    def not_claimed(self, repository: str, number: int, person: str, at: float) -> None:
        """Forget the claim kept at `at`: GitHub refused it."""

    def forget_claim(self, repository: str, number: int, person: str) -> None:
        """Forget that claim."""


class Jobs(Protocol):
    """The queue, as actions use it; `luggage.jobs.Queue` implements it."""

    def note(self, job: Job, text: str) -> Job:
        """Store the note of a claimed job; raises LeaseLost."""

    def find(self, queue: str, key: str) -> JobRow | None:
        """The job with this key."""

    def pause_part(self, name: str) -> bool:
        """Pause the jobs of a part; returns whether that changed anything."""

    def resume_part(self, name: str) -> bool:
        """Resume them; returns whether that changed anything."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What performing an action is given. It belongs to one try of one job.

    `is_ours` says whether our App wrote a text, as GitHub shows it: by its ids, as its name
    changes. `clock` returns epoch seconds.
    """

    client: "Client"
    people: MembershipCache
    jobs: Jobs
    job: Job
    is_ours: Callable[[Mapping[str, Any]], bool]
    clock: Callable[[], float]

    def note(self) -> Note:
        """The note that an earlier try left. Raises UnreadableRecord."""
        return Note.decode(self.job.note)

    def save(self, note: Note) -> "Work":
        """Store a note durably, before a side effect; returns the work with this note.

        Raises LeaseLost when another worker has taken the job over. Safe to repeat.
        """
        return replace(self, job=self.jobs.note(self.job, note.encode()))

    def result_of(self, key: str) -> Result:
        """The result of another action, by its key; empty where none is recorded."""
        row = self.jobs.find(self.job.queue, key)
        return Result.decode("" if row is None else row.result)
