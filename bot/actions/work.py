"""Work: everything that an action needs while it is performed, and nothing more.

The protocols name what actions ask of the client, the queue and the membership cache. So
`bot.actions` imports neither requests nor the database, and a test can use simple stand-ins.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from bot.actions.records import Note, Result
from luggage.jobs.model import Job, JobRow

_Params = Mapping[str, object] | None


class ReadingClient(Protocol):
    """A client of GitHub's API that reads; each method raises luggage.github's RequestFailed."""

    def get(self, path: str, /, *, params: _Params = None, **names: str | int) -> Any:
        """The decoded JSON of GitHub's answer, with the names put into the path."""

    def pages(self, path: str, /, *, params: _Params = None, **names: str | int) -> Iterator[Any]:
        """The items of all pages; asks for each page when it is reached."""

    def graphql(self, query: str, /, **variables: object) -> Any:
        """The data of a GraphQL query."""


class WritingClient(ReadingClient, Protocol):
    """A client that also writes. After Ambiguous, look before you repeat a POST.

    With `not_after` (epoch seconds), a request that could only be sent later raises Unreachable.
    """

    def put(
        self,
        path: str,
        /,
        *,
        json: object = None,
        params: _Params = None,
        not_after: float | None = None,
        **names: str | int,
    ) -> Any:
        """Put something in place."""

    def post(
        self,
        path: str,
        /,
        *,
        json: object = None,
        params: _Params = None,
        not_after: float | None = None,
        **names: str | int,
    ) -> Any:
        """Add something."""

    def patch(
        self, path: str, /, *, json: object = None, params: _Params = None, **names: str | int
    ) -> Any:
        """Change something."""

    def delete(
        self, path: str, /, *, json: object = None, params: _Params = None, **names: str | int
    ) -> Any:
        """Remove something; NotFound where it is gone already."""


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
        """The state last seen: `active`, `pending`, `left`, `declined`; None for nobody known."""

    def remember(self, organization: str, person: str, state: str) -> None:
        """Keep a state."""

    def inviting(self, organization: str, person: str) -> float:
        """Keep that an invitation is about to be sent; returns when, in epoch seconds."""

    def not_invited(self, organization: str, person: str, sent_at: float) -> None:
        """Keep that the invitation noted at `sent_at` was not sent."""

    def invited_since(self, organization: str, at: float, *, but: str) -> int:
        """How many people, except one, were invited since `at` (epoch seconds)."""

    def asked(self, organization: str, person: str, asked_in: str, pull_request: str) -> None:
        """Keep where maintainers were asked about a person, and for which pull request."""

    def is_latest_order(self, organization: str, ordered_at: str) -> bool:
        """Whether no later order is known; keeps this one if so."""

    def kept_issue(self, about: str) -> KnownIssue | None:
        """The issue that is kept about something, if one is known."""

    def keep_issue(self, about: str, number: int, job: int) -> None:
        """Keep the number of that issue, and the job that changed it."""

    def remember_claim(self, repository: str, number: int, person: str) -> None:
        """Keep that a person has claimed an issue."""

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

    `own_login` returns the login under which our App writes: `name[bot]`. `clock` returns epoch
    seconds.
    """

    client: WritingClient
    people: MembershipCache
    jobs: Jobs
    job: Job
    own_login: Callable[[], str]
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
