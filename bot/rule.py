"""What a rule is: a pure decision, and the facts that it may ask for.

A rule decides and does nothing. It is given an event, a reader that refuses every write, and the
settings; it returns actions, which run in the order in which it lists them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from bot.actions import Action
from bot.events import Event, PullRequest, Repository
from bot.options import Switched

S = TypeVar("S", bound=Switched)


class Reader(Protocol):
    """The facts about GitHub that a rule may ask for; none of the questions changes anything.

    Every method raises luggage.github's RequestFailed where GitHub cannot be asked; the delivery is
    then decided again later, so a rule does not catch it.
    """

    def membership(self, organization: str, person: str) -> str | None:
        """`active` (a member), `pending` (invited), or None for neither; remembered once known."""

    def merged_pull_requests(
        self, organization: str, person: str, *, latest: tuple[Repository, PullRequest], enough: int
    ) -> int:
        """How many pull requests of the person were merged in the organisation, at most `enough`.

        `latest` is counted once, whether GitHub's search has indexed it yet or not.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[S]):
    """One behaviour: what it wants to see, what it needs, how it can be set, and its decision.

    `name` is also the name of its table in bot.toml. `events` are (event, action) pairs, with ""
    for an event that has no action. `permissions` are those that the App needs for what the rule
    reads and wants done: `{"members": "write"}`. `settings` is a frozen dataclass of
    `bot.options.option` fields, of which `enabled` is the switch. `schedule` is a cron line in UTC
    for a rule that also looks from time to time: for each repository it is then given an event
    `schedule` whose action is its own name.
    """

    name: str
    events: frozenset[tuple[str, str]]
    settings: type[S]
    decide: Callable[[Event, Reader, S], Sequence[Action]]
    permissions: Mapping[str, str] = field(default_factory=dict)
    schedule: str | None = None
