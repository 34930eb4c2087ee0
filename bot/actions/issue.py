"""Frozen effects on an issue or a pull request itself: labels, assignees, state, an older comment.

They belong to `bot.actions.Action`; bot.performing does them. Each is one write at GitHub:
the turn to write may be far away, and an action begins anew when it comes.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Put labels on an issue or a pull request, once for each `about`.

    With `head` and `title`, only while the pull request is still what was looked at: another head
    or title is decided anew, with a delivery of its own.
    """

    kind: ClassVar[str] = "label"
    about: str
    repository: str
    number: int
    names: tuple[str, ...]
    head: str = ""
    title: str = ""

    @property
    def key(self) -> str:
        """What the change is about."""
        return f"label:{self.about}".lower()

    @property
    def subject(self) -> str:
        """What is done in one thread is done in its order."""
        return f"{self.repository}#{self.number}"

    def describe(self) -> str:
        """The action in words, for people."""
        return f"put the label {', '.join(self.names)} on {self.repository}#{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlabel:
    """Take a label off an issue or a pull request; `head` and `title` as of Label."""

    kind: ClassVar[str] = "unlabel"
    about: str
    repository: str
    number: int
    name: str
    head: str = ""
    title: str = ""

    @property
    def key(self) -> str:
        """What the change is about."""
        return f"unlabel:{self.about}".lower()

    @property
    def subject(self) -> str:
        """What is done in one thread is done in its order."""
        return f"{self.repository}#{self.number}"

    def describe(self) -> str:
        """The action in words, for people."""
        return f"take the label {self.name} off {self.repository}#{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """Give an issue to people, once for each `about`.

    A `claim` is remembered, so that it can be taken back when it lies idle. With `taken`, it is
    given only while nobody else has it; otherwise that is said, as a comment.
    """

    kind: ClassVar[str] = "assign"
    about: str
    repository: str
    number: int
    people: tuple[str, ...]
    claim: bool = False
    taken: str = ""

    @property
    def key(self) -> str:
        """What the change is about."""
        return f"assign:{self.about}".lower()

    @property
    def subject(self) -> str:
        """What is done in one thread is done in its order."""
        return f"{self.repository}#{self.number}"

    def describe(self) -> str:
        """The action in words, for people."""
        return f"assign {', '.join(self.people)} to {self.repository}#{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unassign:
    """Take an issue from people, once for each `about`."""

    kind: ClassVar[str] = "unassign"
    about: str
    repository: str
    number: int
    people: tuple[str, ...]

    @property
    def key(self) -> str:
        """What the change is about."""
        return f"unassign:{self.about}".lower()

    @property
    def subject(self) -> str:
        """What is done in one thread is done in its order."""
        return f"{self.repository}#{self.number}"

    def describe(self) -> str:
        """The action in words, for people."""
        return f"unassign {', '.join(self.people)} from {self.repository}#{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetState:
    """Close or reopen an issue or a pull request, once for each `about`.

    `state` is "open" or "closed"; `reason` is GitHub's `state_reason` of a closed issue. `refused`
    is said instead, as a comment, where GitHub does not allow it.
    """

    kind: ClassVar[str] = "state"
    about: str
    repository: str
    number: int
    state: str
    reason: str = ""
    refused: str = ""

    @property
    def key(self) -> str:
        """What the change is about."""
        return f"state:{self.about}".lower()

    @property
    def subject(self) -> str:
        """What is done in one thread is done in its order."""
        return f"{self.repository}#{self.number}"

    def describe(self) -> str:
        """The action in words, for people."""
        return f"{'close' if self.state == 'closed' else 'reopen'} {self.repository}#{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBack:
    """Replace the text of a comment of ours, named by its `about`, because it is true no more."""

    kind: ClassVar[str] = "takeback"
    about: str
    repository: str
    number: int
    text: str

    @property
    def key(self) -> str:
        """Each comment is taken back once."""
        return f"takeback:{self.about}".lower()

    @property
    def subject(self) -> str:
        """What is done in one thread is done in its order."""
        return f"{self.repository}#{self.number}"

    def describe(self) -> str:
        """The action in words, for people."""
        return f"take back a comment on {self.repository}#{self.number}"
