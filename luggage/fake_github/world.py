"""State of the simulated GitHub, as plain objects in memory."""

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
    """All records, by GitHub's names and ids.

    Every reader and writer holds `lock`. Names are case-insensitive, as on GitHub. Lists lag behind
    writes by `read_lag_seconds`.
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
        # Repositories by the names that they had before, to which GitHub redirects.
        self.former_names: dict[str, Repository] = {}
        self.installations: dict[int, Installation] = {}
        self.comments: dict[int, Comment] = {}
        self.review_comments: dict[int, ReviewComment] = {}
        # Above 32 bits, as GitHub's newer ids are, to expose code that truncates them.
        self._ids = itertools.count(5_000_000_001)
        self.bot = self.account(f"{app.slug}[bot]", "Bot")
        self.app_owner = self.account(app.owner, "User" if app.public else "Organization")
        # Registered Apps, by the code that returns their secrets.
        self.registered: dict[str, App] = {}
        self.app_slugs = {app.slug}
        # The person who signs in with the App; None declines.
        self.browser_user: Account | None = None

    def replace_app(self, app: App) -> None:
        """Switch to another App, with its own bot account and no installations."""
        self.app = app
        self.bot = self.account(f"{app.slug}[bot]", "Bot")
        self.app_owner = self.account(app.owner, "Organization")
        self.installations.clear()

    def next_id(self) -> int:
        """Return a unique number."""
        return next(self._ids)

    def account(self, login: str, kind: str = "User") -> Account:
        """Return the account of that name, creating it if needed."""
        account = self.accounts.get(login.lower())
        if account is None:
            account = Account(self.next_id(), login, kind, self.clock())
            self.accounts[login.lower()] = account
        return account

    def repository(self, full_name: str, *, private: bool = False) -> Repository:
        """Return the repository of that name, creating it and its owner if needed."""
        repository = self.repositories.get(full_name.lower())
        if repository is None:
            owner, _, name = full_name.partition("/")
            if not owner or not name or "/" in name:
                raise ValueError(f"A repository is named OWNER/NAME, not {full_name!r}.")
            owner_account = self.account(owner, "Organization")
            repository = Repository(self.next_id(), owner_account, name, private, self.clock())
            self.repositories[full_name.lower()] = repository
        return repository

    def installation_of(self, account: Account) -> Installation | None:
        """Return the App's installation on the account, or None."""
        return next((i for i in self.installations.values() if i.account is account), None)

    def install(self, account: Account) -> Installation:
        """Return the installation on the account, creating it if needed."""
        installation = self.installation_of(account)
        if installation is None:
            app = self.app
            installation = Installation(
                self.next_id(), account, self.clock(), app.permissions, app.events
            )
            self.installations[installation.id] = installation
        return installation

    def join(self, organization: Account, user: Account, *, role: str, state: str) -> Membership:
        """Add the user to the organization; an existing member keeps the state."""
        membership = organization.members.get(user.login.lower())
        if membership is None:
            membership = Membership(organization, user, role, state, self.next_id(), self.clock())
            organization.members[user.login.lower()] = membership
        membership.role = role
        return membership

    def leave(self, membership: Membership) -> None:
        """Remove a member from an organization and its teams."""
        login = membership.user.login.lower()
        del membership.organization.members[login]
        for team in membership.organization.teams.values():
            team.roles.pop(login, None)

    def team(self, organization: Account, name: str) -> Team:
        """Return the organization's team of that name, creating it if needed."""
        slug = name.lower().replace(" ", "-")
        team = organization.teams.get(slug)
        if team is None:
            team = Team(self.next_id(), organization, slug, name)
            organization.teams[slug] = team
        return team

    def issue(self, repository: Repository, author: Account, title: str, body: str | None) -> Issue:
        """Return a new open issue with the repository's next number."""
        number = len(repository.issues) + 1
        now = self.clock()
        issue = Issue(self.next_id(), repository, number, author, title, body, now, now)
        repository.issues[number] = issue
        repository.open_issues += 1
        return issue

    def close(self, issue: Issue, by: Account, reason: str = "completed") -> None:
        """Close an issue or pull request; repeating changes nothing."""
        if issue.state == "open":
            issue.state, issue.closed_by = "closed", by
            issue.state_reason = None if issue.pull else reason
            issue.closed_at = issue.updated_at = self.clock()
            issue.repository.open_issues -= 1

    def reopen(self, issue: Issue) -> None:
        """Reopen an issue or pull request; repeating changes nothing."""
        if issue.state == "closed":
            issue.state, issue.closed_by, issue.closed_at = "open", None, None
            issue.state_reason = None if issue.pull else "reopened"
            issue.updated_at = self.clock()
            issue.repository.open_issues += 1

    def assign(self, issue: Issue, user: Account, by: Account, *, on: bool) -> None:
        """Assign or unassign an issue; repeating changes nothing."""
        if (user in issue.assignees) is on:
            return
        change = issue.assignees.append if on else issue.assignees.remove
        change(user)
        issue.updated_at = self.clock()
        issue.assigned.append(Assigned(self.next_id(), by, user, on, issue.updated_at))

    @staticmethod
    def may_be_assigned(issue: Issue, user: Account) -> bool:
        """Return whether the user is a member, the owner, or has commented."""
        membership = issue.repository.owner.members.get(user.login.lower())
        is_member = membership is not None and membership.state == "active"
        commented = any(comment.author is user for comment in issue.comments)
        return is_member or commented or user is issue.repository.owner

    def merge(self, issue: Issue, pull: Pull, by: Account, sha: str) -> None:
        """Merge and close a pull request; its author becomes a contributor."""
        self.close(issue, by)
        pull.merged_at, pull.merged_by, pull.merge_sha = issue.closed_at, by, sha
        issue.repository.contributors.add(issue.author.login)

    def comment(self, issue: Issue, author: Account, body: str) -> Comment:
        """Return a new comment on the issue."""
        now = self.clock()
        comment = Comment(self.next_id(), issue, author, body, now, now)
        issue.comments.append(comment)
        issue.updated_at = now
        self.comments[comment.id] = comment
        return comment

    def review_comment(
        self, issue: Issue, author: Account, body: str, *, in_reply_to: ReviewComment | None = None
    ) -> ReviewComment:
        """Return a new comment on the diff; a reply joins the thread of its first comment."""
        if issue.pull is None:
            raise ValueError(f"#{issue.number} is not a pull request, so it has no diff.")
        now = self.clock()
        thread = None if in_reply_to is None else in_reply_to.in_reply_to or in_reply_to.id
        comment = ReviewComment(
            self.next_id(),
            issue,
            author,
            body,
            now,
            now,
            review_id=self.next_id(),
            in_reply_to=thread,
        )
        issue.pull.comments.append(comment)
        self.review_comments[comment.id] = comment
        return comment

    def label(self, repository: Repository, name: str) -> Label:
        """Return the repository's label of that name, creating it if needed."""
        label = repository.labels.get(name.lower())
        if label is None:
            label = Label(self.next_id(), name)
            repository.labels[name.lower()] = label
        return label

    def react(
        self, reactions: list[Reaction], user: Account, content: str
    ) -> tuple[Reaction, bool]:
        """Return the user's reaction, and whether it is new."""
        for reaction in reactions:
            if reaction.user is user and reaction.content == content:
                return reaction, False
        reaction = Reaction(self.next_id(), user, content, self.clock())
        reactions.append(reaction)
        return reaction, True

    def visible(self, items: Iterable[Written]) -> list[Written]:
        """Return the items older than the read lag."""
        horizon = self.clock() - self.read_lag_seconds
        return [item for item in items if item.created_at <= horizon]
