"""What a rule is: a pure decision, and the facts that it may ask for.

A rule decides and does nothing. It is given an event, a reader that refuses every write, and the
settings; it returns actions, which run in the order in which it lists them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.actions import Action
from bot.events import Event, PullRequest, Repository
from bot.policy import Settings


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


@dataclass(frozen=True, slots=True)
class Rule:
    """One behaviour: its name, the (event, action) pairs it wants to see, and its decision."""

    name: str
    events: frozenset[tuple[str, str]]
    decide: Callable[[Event, Reader, Settings], Sequence[Action]]
