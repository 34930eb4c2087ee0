"""Reader: the facts of `bot.rule.Reader`, from a client that refuses every write."""

from collections.abc import Callable, Sequence
from typing import Protocol

from bot.actions import Action
from bot.actions.work import ReadingClient
from bot.events import PullRequest, Repository
from bot.facts import Effect
from bot.loop.issue_facts import IssueFacts
from bot.loop.past_actions import QueuedActions
from bot.loop.people_facts import Accounts, Memberships
from bot.store.people import People
from luggage.jobs import Queue


class MembershipFacts(Protocol):
    """Facts about memberships: as of now, or as of a past delivery."""

    def membership(self, organization: str, person: str) -> str | None:
        """See `bot.rule.Reader`."""

    def membership_now(self, organization: str, person: str) -> str | None:
        """See `bot.rule.Reader`."""

    def was_invited(self, organization: str, person: str) -> bool:
        """See `bot.rule.Reader`."""

    def merged_pull_requests(
        self, organization: str, person: str, *, latest: tuple[Repository, PullRequest], enough: int
    ) -> int:
        """See `bot.rule.Reader`."""


class PastActions(Protocol):
    """The bot's own actions: until now, or until a past delivery."""

    def wanted_at(self, action: Action) -> float | None:
        """See `bot.rule.Reader`."""

    def done(self, repository: str, number: int, *, most: int) -> Sequence[Effect]:
        """See `bot.rule.Reader`."""


class GithubReader:
    """Answers the questions of rules for one installation; `clock` is the decision's time."""

    def __init__(
        self,
        client: ReadingClient,
        people: People,
        memberships: MembershipFacts,
        past_actions: PastActions,
        *,
        clock: Callable[[], float],
    ) -> None:
        accounts, issues = Accounts(client, people), IssueFacts(client)
        self.now = clock
        self.membership = memberships.membership
        self.membership_now = memberships.membership_now
        self.was_invited = memberships.was_invited
        self.merged_pull_requests = memberships.merged_pull_requests
        self.asked_about = people.asked_about
        self.claims = people.claims
        self.wanted_at = past_actions.wanted_at
        self.done = past_actions.done
        self.is_owner = accounts.is_owner
        self.permission = accounts.permission
        self.may_write = accounts.may_write
        self.account = accounts.account
        self.is_first_step = accounts.is_first_step
        self.labels = issues.labels
        self.is_assignable = issues.is_assignable
        self.assigned = issues.assigned
        self.pull = issues.pull
        self.changed_paths = issues.changed_paths
        self.merging = issues.merging
        self.waiting = issues.waiting
        self.claimed = issues.claimed
        self.timeline = issues.timeline


def github_reader(
    client: ReadingClient, people: People, queue: Queue, *, clock: Callable[[], float]
) -> GithubReader:
    """The reader of the current facts."""
    memberships, past_actions = Memberships(client, people), QueuedActions(queue)
    return GithubReader(client, people, memberships, past_actions, clock=clock)
