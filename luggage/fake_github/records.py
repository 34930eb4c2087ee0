"""Records: one plain mutable class per entity; times are epoch seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Account:
    """A person, bot or organization; `kind` is GitHub's type: User, Bot or Organization."""

    id: int
    login: str
    kind: str
    created_at: float
    members: dict[str, "Membership"] = field(default_factory=dict, repr=False)
    teams: dict[str, "Team"] = field(default_factory=dict, repr=False)
    # Whether an IP allow list refuses the bot's address.
    has_allow_list: bool = False
    # Whether the profile is private, so that the search does not find what the person wrote.
    is_hidden: bool = False

    @property
    def is_organization(self) -> bool:
        """Return whether it is an organization."""
        return self.kind == "Organization"


@dataclass(eq=False)
class Membership:
    """Membership of an organization: state "pending" or "active", role "member" or "admin"."""

    organization: Account
    user: Account
    role: str
    state: str
    id: int
    since_at: float


@dataclass(eq=False)
class Team:
    """A team of an organization; `roles` maps logins to "member" or "maintainer"."""

    id: int
    organization: Account
    slug: str
    name: str
    roles: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class Installation:
    """An installation of the App, with the permissions and events its account accepted."""

    id: int
    account: Account
    created_at: float
    permissions: Mapping[str, str]
    events: tuple[str, ...]
    suspended_at: float | None = None


@dataclass(eq=False)
class Label:
    """A label of a repository."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(eq=False)
class Reaction:
    """A person's reaction; `content` is one of GitHub's eight: +1, -1, laugh, heart..."""

    id: int
    user: Account
    content: str
    created_at: float


@dataclass(eq=False)
class Comment:
    """A comment on an issue or pull request."""

    id: int
    issue: "Issue" = field(repr=False)
    author: Account
    body: str
    created_at: float
    updated_at: float
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(eq=False, kw_only=True)
class ReviewComment(Comment):
    """A comment on a line of a diff; replies have the id of the thread's first comment."""

    review_id: int
    path: str = "README.md"
    line: int = 1
    in_reply_to: int | None = None


@dataclass(eq=False)
class Review:
    """A review; `state` is "approved", "changes_requested" or "commented"."""

    id: int
    author: Account
    body: str | None
    state: str
    submitted_at: float


@dataclass(eq=False)
class CommitRecord:
    """A commit on a pull request's branch."""

    sha: str
    author: Account
    message: str
    committed_at: float


@dataclass(frozen=True)
class ChangedFile:
    """A file changed by a pull request; `previous` is the old path, `status` is GitHub's."""

    path: str
    additions: int = 1
    deletions: int = 1
    previous: str = ""
    status: str = "modified"


@dataclass(eq=False)
class Pull:
    """The fields of a pull request beyond those of its issue.

    `conflicts` means it does not merge. `mergeable_pending` is how many reads get an unknown
    mergeability.
    """

    id: int
    head_sha: str
    base_sha: str
    head_ref: str = "changes"
    base_ref: str = ""
    draft: bool = False
    conflicts: bool = False
    mergeable_pending: int = 0
    branch_gone: bool = False
    requested: list[Account] = field(default_factory=list)
    commits: list[CommitRecord] = field(default_factory=list)
    files: list[ChangedFile] = field(default_factory=lambda: [ChangedFile("README.md")])
    merged_at: float | None = None
    merged_by: Account | None = None
    merge_sha: str | None = None
    reviews: list[Review] = field(default_factory=list)
    comments: list[ReviewComment] = field(default_factory=list)


@dataclass(frozen=True)
class Assigned:
    """An assignment of an issue, or (not `on`) its removal."""

    id: int
    actor: Account
    assignee: Account
    on: bool
    created_at: float


@dataclass(eq=False)
class Issue:
    """An issue, or a pull request if `pull` is set; both share one numbering."""

    id: int
    repository: "Repository" = field(repr=False)
    number: int
    author: Account
    title: str
    body: str | None
    created_at: float
    updated_at: float
    state: str = "open"
    closed_at: float | None = None
    closed_by: Account | None = None
    state_reason: str | None = None
    labels: list[Label] = field(default_factory=list)
    assignees: list[Account] = field(default_factory=list)
    assigned: list["Assigned"] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    pull: Pull | None = None
    locked: bool = False


@dataclass(eq=False)
class Repository:
    """A repository of a user or an organization."""

    id: int
    owner: Account
    name: str
    private: bool
    created_at: float
    default_branch: str = "main"
    labels: dict[str, Label] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict, repr=False)
    stargazers: list[Account] = field(default_factory=list, repr=False)
    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    # Files at commits that are not on the default branch, by sha.
    at_commits: dict[str, dict[str, bytes]] = field(default_factory=dict, repr=False)
    check_runs: dict[int, dict[str, Any]] = field(default_factory=dict, repr=False)
    # Permissions of non-members by login: read, triage, write, maintain or admin.
    collaborators: dict[str, str] = field(default_factory=dict, repr=False)
    # The names of the collaborators' roles, which custom roles have of their own.
    custom_roles: dict[str, str] = field(default_factory=dict, repr=False)
    # A counter, because counting ten thousand issues for each payload is slow.
    open_issues: int = 0
    contributors: set[str] = field(default_factory=set, repr=False)
    # The status with which GitHub refuses a blocked repository: 403 or 451; 0 for others.
    blocked: int = 0

    @property
    def full_name(self) -> str:
        """Return owner and name, such as python-trio/trio."""
        return f"{self.owner.login}/{self.name}"


@dataclass(frozen=True)
class App:
    """The GitHub App.

    `owner` is the login of its organization or user, the only one that may install it if `public`
    is False. `hook_url` receives deliveries, "" for none. After sign-in, people return to one of
    `callback_urls`.
    """

    id: int
    slug: str
    name: str
    permissions: Mapping[str, str]
    events: tuple[str, ...]
    created_at: float
    owner: str
    public: bool = True
    external_url: str = "https://example.com"
    hook_url: str = ""
    hook_active: bool = True
    hook_content_type: str = "json"
    hook_insecure_ssl: str = "0"
    client_secret: str = field(default="", repr=False)
    callback_urls: tuple[str, ...] = ()

    @property
    def client_id(self) -> str:
        """Return the OAuth client id."""
        return f"Iv1.{self.id:016x}"
