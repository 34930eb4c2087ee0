"""Interface of rules: pure functions from an event, a reader and settings to actions.

The reader refuses every write. The loop performs the actions in the order of the list.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from bot.actions import Action
from bot.events import Event, Person, PullRequest, Repository
from bot.facts import Earlier, Effect, Merging, Moment, Pull, Question, Waiting
from bot.options.kinds import Switched

__all__ = ["Reader", "Rule"]

S = TypeVar("S", bound=Switched)

# GitHub's access levels, weakest first.
ACCESS_STRENGTH: Mapping[str, int] = {"read": 1, "write": 2, "admin": 3}


class Reader(Protocol):
    """Read-only facts about GitHub and the bot, for rules.

    Every method raises luggage.github's RequestFailed if GitHub does not answer. Rules let it pass:
    the loop evaluates this rule again later, and the other rules do not wait. A rule that can act
    on the rest raises NotYet with those actions from it.
    """

    def membership(self, organization: str, person: str) -> str | None:
        """`active`, `pending` (invited), `left`, `declined`, or None; cached."""

    def membership_now(self, organization: str, person: str) -> str | None:
        """The same, never cached."""

    def is_owner(self, organization: str, person: str) -> bool:
        """Whether the person owns the organisation; never cached."""

    def permission(self, repository: str, person: str) -> str:
        """`admin`, `write`, `read` or `none`; never cached. GitHub's `maintain` counts as write."""

    def account(self, login: str) -> Person | None:
        """The account with this login, or None."""

    def is_first_step(self, repository: str, person: str, number: int) -> bool:
        """Whether this issue or pull request is the person's first in the repository."""

    def was_invited(self, organization: str, person: str) -> bool:
        """Whether the bot invited the person."""

    def asked_about(self, place: str) -> Sequence[Question]:
        """The requests for approval that the bot wrote in `place`, `owner/repo#number`.

        Sorted by person. They stay after the approval.
        """

    def merged_pull_requests(
        self, organization: str, person: str, *, latest: tuple[Repository, PullRequest], enough: int
    ) -> int:
        """The number of the person's merged pull requests in the organisation, at most `enough`.

        It counts `latest` even if GitHub's search has not indexed it yet, and so earlier ones that
        a rule counted as `latest`.
        """

    def now(self) -> float:
        """The time of the decision, in epoch seconds."""

    def may_write(self, repository: str, person: str) -> bool:
        """Whether the person has triage, write, maintain or admin access."""

    def may_maintain(self, repository: str, person: str) -> bool:
        """Whether the person has maintain or admin access, as every owner has; never cached."""

    def labels(self, repository: str, *, named: Collection[str] = ()) -> frozenset[str]:
        """The labels of a repository, in its spelling: 1,000, and those of `named` beyond them."""

    def is_assignable(self, repository: str, number: int, person: str) -> bool:
        """Whether GitHub allows this issue or pull request to be assigned to the person."""

    def assigned(self, repository: str, person: str, *, enough: int) -> Sequence[int]:
        """The numbers of open issues and pull requests assigned to a person, at most `enough`."""

    def pull(self, repository: str, number: int, *, settled: bool = False) -> Pull:
        """A pull request as it is now.

        With `settled`, raises NotYet while GitHub checks an open one for conflicts.
        """

    def changed_paths(self, repository: str, number: int) -> Sequence[str]:
        """The paths that a pull request changes, including old names, of the first 1,000 files.

        A `bot.facts.PartialList` if there are more. The list ends with the file that makes the
        paths longer than bot.options.globs.LARGEST_PATHS together.
        """

    def merging(self, repository: str, *, base: str | None = None) -> Sequence[Merging]:
        """The open pull requests into `base`, or all, and whether they merge; the oldest 500."""

    def waiting(self, repository: str) -> Sequence[Waiting]:
        """The open pull requests and their requested reviewers, least recently updated first.

        Teams appear as `organisation/team`. At most 300.
        """

    def claimed(self, repository: str) -> Sequence[Waiting]:
        """The open issues and pull requests with assignees, in the same order; at most 500."""

    def timeline(self, repository: str, number: int) -> Sequence[Moment]:
        """The timeline of an issue or pull request, oldest first, or its first 1,000 events.

        The latter is a `bot.facts.PartialList`.
        """

    def claims(
        self, repository: str, *, person: str | None = None
    ) -> Sequence[tuple[int, str, float]]:
        """The claims made through the bot: number, key name, epoch seconds; stored.

        A key name is the login in lower case that the person had at first (`Waiting.keys`).
        """

    def wanted_at(self, action: Action) -> float | None:
        """When a rule first returned an action with this key (epoch seconds), or None; stored."""

    def earlier(self, action: Action) -> Earlier | None:
        """The action with this key as a rule wanted it last, or None; stored."""

    def done(self, repository: str, number: int, *, most: int) -> Sequence[Effect]:
        """The bot's last `most` actions on an issue or pull request, oldest first; stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[S]):
    """One behaviour of the bot.

    * `name` is also the name of its table in bot.toml.
    * `events` are (event, action) pairs, with "" for an event without actions.
    * `permissions` are those that the App needs for the rule: `{"members": "write"}`.
    * `settings` is a frozen dataclass of `bot.options.kinds.option` fields, one of them `enabled`.
    * `schedule` is a cron line in UTC. When it is due, `decide` receives an event `schedule` for
      each repository, whose action is the rule's name.
    * `while_paused` rules also act while the organisation is paused.
    """

    name: str
    events: frozenset[tuple[str, str]]
    settings: type[S]
    decide: Callable[[Event, Reader, S], Sequence[Action]]
    permissions: Mapping[str, str] = field(default_factory=dict)
    schedule: str | None = None
    while_paused: bool = False
