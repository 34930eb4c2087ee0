"""Frozen effects: what a rule wants done at GitHub, as data.

Because an action is data it can be stored, shown, previewed, compared and performed later. Its
`key` says what it is about: two events of one click lead to one key, and so to one effect.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self, get_args

from bot.actions.issue import Assign, Label, SetState, TakeBack, Unassign, Unlabel

__all__ = [
    "Action",
    "Ask",
    "Assign",
    "CheckRun",
    "CloseIssue",
    "Comment",
    "Invite",
    "JoinTeam",
    "KeepIssue",
    "Label",
    "OpenIssue",
    "React",
    "Rest",
    "SetState",
    "TakeBack",
    "Unassign",
    "Unlabel",
]

# The queue that holds actions.
ACTIONS = "action"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """Offer a person membership of an organisation, at most so many a day; 0 for no limit."""

    kind: ClassVar[str] = "invite"
    organization: str
    person: str
    role: str = "member"
    most_a_day: int = 0

    @property
    def key(self) -> str:
        """One invitation for each person and organisation. Logins do not depend on case."""
        return f"invite:{self.organization}/{self.person}".lower()

    @property
    def subject(self) -> str:
        """A line of their own: one that waits for tomorrow holds up those behind it, no more."""
        return self.organization

    def describe(self) -> str:
        """The action in words, for people."""
        return f"invite {self.person} to {self.organization}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """Say something on an issue or a pull request, once for each `about`.

    `thread` is the review comment to answer under, where the conversation is about a line of code.
    """

    kind: ClassVar[str] = "comment"
    about: str
    repository: str
    number: int
    text: str
    thread: int | None = None

    @property
    def key(self) -> str:
        """What the comment is about, never what it says: a changed text is no second comment."""
        return f"comment:{self.about}".lower()

    def describe(self) -> str:
        """The action in words, for people."""
        return f"comment on {self.repository}#{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class React:
    """Put a reaction on a text. `target` names it inside the repository: `issues/comments/55`."""

    kind: ClassVar[str] = "react"
    repository: str
    target: str
    content: str

    @property
    def key(self) -> str:
        """One reaction of a kind for each text."""
        return f"react:{self.repository}/{self.target}/{self.content}".lower()

    def describe(self) -> str:
        """The action in words, for people."""
        return f"react with {self.content} in {self.repository}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepIssue:
    """Keep one issue about something: open with this text, or closed with it.

    There is one issue for each `about`, however often its text changes; `version` tells the changes
    apart. An issue that does not exist is not made to be closed.
    """

    kind: ClassVar[str] = "keep issue"
    about: str
    version: str
    repository: str
    title: str
    text: str
    open: bool = True

    @property
    def key(self) -> str:
        """One effect for each version."""
        return f"keep-issue:{self.about}/{self.version}".lower()

    @property
    def subject(self) -> str:
        """Versions of one issue are performed in their order, whatever deliveries led to them."""
        return f"keep-issue:{self.about}".lower()

    def describe(self) -> str:
        """The action in words, for people."""
        what = "open or change" if self.open else "close"
        return f"{what} the issue about {self.about}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinTeam:
    """Put a person who is in the organisation, or invited, into a team, named by its slug."""

    kind: ClassVar[str] = "team"
    organization: str
    team: str
    person: str
    role: str = "member"

    @property
    def key(self) -> str:
        """One place for each person and team."""
        return f"team:{self.organization}/{self.team}/{self.person}".lower()

    def describe(self) -> str:
        """The action in words, for people."""
        return f"put {self.person} into the team {self.organization}/{self.team}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIssue:
    """Open an issue, once for each `about`; `closed` closes it again at once."""

    kind: ClassVar[str] = "issue"
    about: str
    repository: str
    title: str
    text: str
    closed: bool = False

    @property
    def key(self) -> str:
        """What the issue is about, never what it says."""
        return f"issue:{self.about}".lower()

    def describe(self) -> str:
        """The action in words, for people."""
        return f"open an issue in {self.repository}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask maintainers whether to invite a person, once for each person and organisation.

    With `number`, that of the pull request `pull_request` of `repository`, the question is a
    comment there; without, it is an issue of its own. `pull_request` is `owner/repo#number`: where
    the person will be told.
    """

    kind: ClassVar[str] = "ask"
    organization: str
    person: str
    pull_request: str
    repository: str
    title: str
    text: str
    number: int | None = None

    @property
    def key(self) -> str:
        """One question for each person and organisation."""
        return f"ask:{self.organization}/{self.person}".lower()

    def describe(self) -> str:
        """The action in words, for people."""
        return f"ask in {self.repository} whether to invite {self.person}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseIssue:
    """Close an issue or a pull request, because of what it is `about`."""

    kind: ClassVar[str] = "close"
    about: str
    repository: str
    number: int

    @property
    def key(self) -> str:
        """Once for each reason: who opens it again is not argued with."""
        return f"close:{self.about}".lower()

    def describe(self) -> str:
        """The action in words, for people."""
        return f"close {self.repository}#{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Pause or resume what the bot does for an organisation, by an order given at `ordered_at`.

    That is GitHub's ISO 8601 in UTC; the latest order counts, whichever comes in last.
    """

    kind: ClassVar[str] = "rest"
    about: str
    organization: str
    paused: bool
    ordered_at: str

    @property
    def key(self) -> str:
        """One effect for each order."""
        return f"rest:{self.about}".lower()

    def describe(self) -> str:
        """The action in words, for people."""
        return f"{'pause' if self.paused else 'resume'} the work for {self.organization}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun:
    """Say something of a commit, where GitHub shows checks: one check of a name for each commit.

    `conclusion` is GitHub's: success, failure, neutral. `summary` and `text` are Markdown.
    """

    kind: ClassVar[str] = "check"
    repository: str
    commit: str
    name: str
    conclusion: str
    title: str
    summary: str
    text: str = ""

    @property
    def key(self) -> str:
        """One check of a name for each commit."""
        return f"check:{self.repository}/{self.commit}/{self.name}".lower()

    def describe(self) -> str:
        """The action in words, for people."""
        return f"check {self.name} of {self.commit[:8]} in {self.repository}: {self.conclusion}"


#: Any of the actions.
Action = (
    Invite
    | Comment
    | React
    | JoinTeam
    | OpenIssue
    | Ask
    | CloseIssue
    | Rest
    | KeepIssue
    | CheckRun
    | Label
    | Unlabel
    | Assign
    | Unassign
    | SetState
    | TakeBack
)
_KINDS: Mapping[str, type[Action]] = {kind.kind: kind for kind in get_args(Action)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """An action as it waits in the queue: who wants it, because of what, and for whom.

    `settings` are those that the rule obeyed, where they differ from its defaults, as plain JSON;
    `digest` is that of all of them.
    """

    action: Action
    installation: int
    delivery: str
    rule: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""

    def encode(self) -> bytes:
        """All of it as JSON, for the queue."""
        return json.dumps({**asdict(self), "kind": self.action.kind}).encode()

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """What `encode` was given.

        Raises ValueError for a kind of action that this version of the bot does not know.
        """
        fields = json.loads(body)
        kind = fields.pop("kind")
        if kind not in _KINDS:
            raise ValueError(f"this version of the bot knows no action {kind!r}")
        # JSON has no tuples; a frozen value has no lists.
        values = {name: _frozen(value) for name, value in fields["action"].items()}
        return cls(**{**fields, "action": _KINDS[kind](**values)})


def planned_of(body: bytes | None) -> Planned | None:
    """The stored action; None when its body has expired, or is of another version of the bot."""
    try:
        return None if body is None else Planned.decode(body)
    except (ValueError, TypeError, KeyError):
        return None


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
