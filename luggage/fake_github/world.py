"""The state of the simulated GitHub: all records, and how they are found, made and changed.

Chosen against a database: a test wants to look at `comment.body`, and a simulated GitHub that
restarts empty is what a test expects.
"""

import itertools
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from luggage.fake_github.records import (
    Account,
    App,
    Assigned,
    Comment,
    Installation,
    Issue,
    Label,
    Membership,
    Pull,
    Reaction,
    Repository,
    ReviewComment,
    Team,
)

Written = TypeVar("Written", Comment, ReviewComment, Reaction, Issue)


class World:
    """Everything there is, found by the names and ids that GitHub finds it by.

    Every reader and writer holds `lock`. Names are found whatever their case, as on GitHub.
    `read_lag_seconds` is how long lists lag behind writes. What is not there is None.
    """

    def __init__(
        self, app: App, *, clock: Callable[[], float], read_lag_seconds: float = 0.0
    ) -> None:
        self.lock = threading.RLock()
        self.app = app
        self.clock = clock
        self.read_lag_seconds = read_lag_seconds
        self.api_url = "https://api.github.com"
        self.server_url = "https://github.com"
        self.accounts: dict[str, Account] = {}
        self.repositories: dict[str, Repository] = {}
        self.installations: dict[int, Installation] = {}
        self.comments: dict[int, Comment] = {}
        self.review_comments: dict[int, ReviewComment] = {}
        # Above 32 bits, as GitHub's newer ids are: what cuts them off shows itself.
        self._ids = itertools.count(5_000_000_001)
        self.bot = self.account(f"{app.slug}[bot]", "Bot")
        self.app_owner = self.account(app.owner, "User" if app.public else "Organization")
        # Apps that were registered, by the code that gives their secrets out.
        self.registered: dict[str, App] = {}
        self.app_slugs = {app.slug}
        # Who signs in with the App; None says no.
        self.at_the_browser: Account | None = None

    def become(self, app: App) -> None:
        """Be the GitHub of another App: with a bot account of its own, and installed nowhere."""
        self.app = app
        self.bot = self.account(f"{app.slug}[bot]", "Bot")
        self.app_owner = self.account(app.owner, "Organization")
        self.installations.clear()

    def next_id(self) -> int:
        """A number that no other thing has."""
        return next(self._ids)

    def account(self, login: str, kind: str = "User") -> Account:
        """The account of that name, made when there is none."""
        found = self.accounts.get(login.lower())
        if found is None:
            found = Account(self.next_id(), login, kind, self.clock())
            self.accounts[login.lower()] = found
        return found

    def repository(self, full_name: str, *, private: bool = False) -> Repository:
        """The repository of that name, made (and its owner, an organization) when there is none."""
        found = self.repositories.get(full_name.lower())
        if found is None:
            owner, _, name = full_name.partition("/")
            if not owner or not name or "/" in name:
                raise ValueError(f"A repository is named OWNER/NAME, not {full_name!r}.")
            account = self.account(owner, "Organization")
            found = Repository(self.next_id(), account, name, private, self.clock())
            self.repositories[full_name.lower()] = found
        return found

    def installation_of(self, account: Account) -> Installation | None:
        """The installation of the App on the account."""
        return next((i for i in self.installations.values() if i.account is account), None)

    def install(self, account: Account) -> Installation:
        """The installation on the account, made when there is none."""
        found = self.installation_of(account)
        if found is None:
            app = self.app
            found = Installation(self.next_id(), account, self.clock(), app.permissions, app.events)
            self.installations[found.id] = found
        return found

    def join(self, organization: Account, user: Account, *, role: str, state: str) -> Membership:
        """Give the user a place in the organization; one who has a place keeps its state."""
        found = organization.members.get(user.login.lower())
        if found is None:
            found = Membership(organization, user, role, state, self.next_id(), self.clock())
            organization.members[user.login.lower()] = found
        found.role = role
        return found

    def leave(self, place: Membership) -> None:
        """End a place in an organization, and in all its teams."""
        login = place.user.login.lower()
        del place.organization.members[login]
        for team in place.organization.teams.values():
            team.roles.pop(login, None)

    def team(self, organization: Account, name: str) -> Team:
        """The organization's team of that name, made when there is none."""
        slug = name.lower().replace(" ", "-")
        found = organization.teams.get(slug)
        if found is None:
            found = Team(self.next_id(), organization, slug, name)
            organization.teams[slug] = found
        return found

    def issue(self, repository: Repository, author: Account, title: str, body: str | None) -> Issue:
        """A new open issue with the next number of the repository."""
        number = len(repository.issues) + 1
        now = self.clock()
        made = Issue(self.next_id(), repository, number, author, title, body, now, now)
        repository.issues[number] = made
        repository.open_issues += 1
        return made

    def close(self, issue: Issue, by: Account, reason: str = "completed") -> None:
        """Close an issue or pull request; closing it again changes nothing."""
        if issue.state == "open":
            issue.state, issue.closed_by = "closed", by
            issue.state_reason = None if issue.pull else reason
            issue.closed_at = issue.updated_at = self.clock()
            issue.repository.open_issues -= 1

    def reopen(self, issue: Issue) -> None:
        """Open it again; what is open stays so."""
        if issue.state == "closed":
            issue.state, issue.closed_by, issue.closed_at = "open", None, None
            issue.state_reason = None if issue.pull else "reopened"
            issue.updated_at = self.clock()
            issue.repository.open_issues += 1

    def assign(self, issue: Issue, user: Account, by: Account, *, on: bool) -> None:
        """Give the issue to somebody, or take it from them; a repetition changes nothing."""
        if (user in issue.assignees) is on:
            return
        change = issue.assignees.append if on else issue.assignees.remove
        change(user)
        issue.updated_at = self.clock()
        issue.assigned.append(Assigned(self.next_id(), by, user, on, issue.updated_at))

    @staticmethod
    def may_be_assigned(issue: Issue, user: Account) -> bool:
        """Members of the organization may, the owner, and whoever has commented."""
        place = issue.repository.owner.members.get(user.login.lower())
        is_member = place is not None and place.state == "active"
        commented = any(comment.author is user for comment in issue.comments)
        return is_member or commented or user is issue.repository.owner

    def merge(self, issue: Issue, pull: Pull, by: Account, sha: str) -> None:
        """Merge and close a pull request; its author is a contributor from now on."""
        self.close(issue, by)
        pull.merged_at, pull.merged_by, pull.merge_sha = issue.closed_at, by, sha
        issue.repository.contributors.add(issue.author.login)

    def comment(self, issue: Issue, author: Account, body: str) -> Comment:
        """A new comment at the end of the conversation."""
        now = self.clock()
        made = Comment(self.next_id(), issue, author, body, now, now)
        issue.comments.append(made)
        issue.updated_at = now
        self.comments[made.id] = made
        return made

    def review_comment(
        self, issue: Issue, author: Account, body: str, *, in_reply_to: ReviewComment | None = None
    ) -> ReviewComment:
        """A new comment on the diff, or a reply, which joins the thread of the first one."""
        if issue.pull is None:
            raise ValueError(f"#{issue.number} is no pull request, so it has no diff.")
        now = self.clock()
        thread = None
        if in_reply_to is not None:
            thread = in_reply_to.in_reply_to or in_reply_to.id
        made = ReviewComment(
            self.next_id(),
            issue,
            author,
            body,
            now,
            now,
            review_id=self.next_id(),
            in_reply_to=thread,
        )
        issue.pull.comments.append(made)
        self.review_comments[made.id] = made
        return made

    def label(self, repository: Repository, name: str) -> Label:
        """The repository's label of that name, made when there is none."""
        found = repository.labels.get(name.lower())
        if found is None:
            found = Label(self.next_id(), name)
            repository.labels[name.lower()] = found
        return found

    def react(self, on: list[Reaction], user: Account, content: str) -> tuple[Reaction, bool]:
        """The user's reaction, and whether it is new: the same one twice is one."""
        for reaction in on:
            if reaction.user is user and reaction.content == content:
                return reaction, False
        made = Reaction(self.next_id(), user, content, self.clock())
        on.append(made)
        return made, True

    def visible(self, things: Iterable[Written]) -> list[Written]:
        """Those that a list shows already: written longer ago than the read lag."""
        horizon = self.clock() - self.read_lag_seconds
        return [thing for thing in things if thing.created_at <= horizon]
