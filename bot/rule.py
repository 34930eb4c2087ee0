"""What a rule is: a pure decision, and the facts that it may ask for.

A rule decides and does nothing. It is given an event, a reader that refuses every write, and the
settings; it returns actions, which run in the order in which it lists them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from bot.actions import Action
from bot.events import Event, Person, PullRequest, Repository
from bot.facts import Effect, Merging, Moment, Pull, Waiting
from bot.options.kinds import Switched

__all__ = ["Reader", "Rule"]

S = TypeVar("S", bound=Switched)

# GitHub's levels of access, the weakest first.
ACCESS_STRENGTH: Mapping[str, int] = {"read": 1, "write": 2, "admin": 3}


class Reader(Protocol):
    """The facts about GitHub that a rule may ask for; none of the questions changes anything.

    Every method raises luggage.github's RequestFailed where GitHub cannot be asked; the delivery is
    then decided again later, so a rule does not catch it.
    """

    def membership(self, organization: str, person: str) -> str | None:
        """`active` (a member), `pending` (invited), or None for neither; remembered once known.

        Of somebody who was one of these once, and is no more: `left` or `declined`.
        """

    def membership_now(self, organization: str, person: str) -> str | None:
        """The same, asked of GitHub anew, whatever is remembered."""

    def is_owner(self, organization: str, person: str) -> bool:
        """Whether the person owns the organisation, asked of GitHub anew."""

    def permission(self, repository: str, person: str) -> str:
        """`admin`, `write`, `read` or `none`, asked of GitHub anew; maintain counts as write."""

    def account(self, login: str) -> Person | None:
        """The account of that name, asked of GitHub; None where there is none."""

    def is_first_step(self, repository: str, person: str, number: int) -> bool:
        """Whether this issue or pull request is the person's first in the repository."""

    def was_invited(self, organization: str, person: str) -> bool:
        """Whether the bot invited the person."""

    def asked_about(self, place: str) -> tuple[str, str] | None:
        """Whom maintainers were asked about in `owner/repo#number`, and because of which merge.

        The merge is a pull request as `owner/repo#number`.
        """

    def merged_pull_requests(
        self, organization: str, person: str, *, latest: tuple[Repository, PullRequest], enough: int
    ) -> int:
        """How many pull requests of the person were merged in the organisation, at most `enough`.

        `latest` is counted once, whether GitHub's search has indexed it yet or not, and so is each
        that was asked about before.
        """

    def now(self) -> float:
        """The time at which is decided, in epoch seconds."""

    def may_write(self, repository: str, person: str) -> bool:
        """Whether the person may work on issues and pull requests there: triage, write or more."""

    def labels(self, repository: str) -> frozenset[str]:
        """The labels of a repository, as it writes them; the first thousand."""

    def is_assignable(self, repository: str, number: int, person: str) -> bool:
        """Whether GitHub lets the person be assigned to this issue or pull request."""

    def assigned(self, repository: str, person: str, *, enough: int) -> Sequence[int]:
        """The numbers of open issues and pull requests assigned to a person, at most `enough`."""

    def pull(self, repository: str, number: int, *, settled: bool = False) -> Pull:
        """A pull request as it stands now.

        With `settled`, raises NotYet while GitHub works out whether an open one merges.
        """

    def changed_paths(self, repository: str, number: int) -> Sequence[str]:
        """The paths that a pull request changes, old names of renamed files too; at most 3,000."""

    def merging(self, repository: str, *, base: str | None = None) -> Sequence[Merging]:
        """Which open pull requests merge, those into `base` or all; the oldest 500 of them."""

    def waiting(self, repository: str) -> Sequence[Waiting]:
        """The open pull requests, least recently changed first, with the requested reviewers; 300.

        Teams are among the people as `organisation/team`.
        """

    def claimed(self, repository: str) -> Sequence[Waiting]:
        """The open issues and pull requests that somebody is assigned to, as `waiting`; 500."""

    def timeline(self, repository: str, number: int) -> Sequence[Moment]:
        """What was done in a thread, oldest first; the first thousand."""

    def claims(self, repository: str) -> Sequence[tuple[int, str, float]]:
        """What was claimed through the bot: number, login in lower case, since when; remembered."""

    def wanted_at(self, action: Action) -> float | None:
        """When an action of this key was first wanted (epoch seconds), or None; remembered."""

    def done(self, repository: str, number: int, *, most: int) -> Sequence[Effect]:
        """What the bot wanted done in a thread, oldest first, the last `most`; remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[S]):
    """One behaviour: what it wants to see, what it needs, how it can be set, and its decision.

    `name` is also the name of its table in bot.toml. `events` are (event, action) pairs, with ""
    for an event that has no action. `permissions` are those that the App needs for what the rule
    reads and wants done: `{"members": "write"}`. `settings` is a frozen dataclass of
    `bot.options.kinds.option` fields, of which `enabled` is the switch. `schedule` is a cron line
    in UTC for a rule that also looks from time to time: for each repository it is then given an
    event `schedule` whose action is its own name. `while_paused` says that what it wants is done
    also while the bot rests for the organisation, in the order of its deliveries.
    """

    name: str
    events: frozenset[tuple[str, str]]
    settings: type[S]
    decide: Callable[[Event, Reader, S], Sequence[Action]]
    permissions: Mapping[str, str] = field(default_factory=dict)
    schedule: str | None = None
    while_paused: bool = False
