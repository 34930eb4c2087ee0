"""Facts about GitHub and about the bot itself, as rules are told them: frozen values, no URLs."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.actions import Action
from bot.events import Person

__all__ = ["Effect", "Merging", "Moment", "NotYet", "Pull", "Waiting"]


class NotYet(Exception):  # noqa: N818  what is told, not a fault
    """GitHub is still working a fact out; the rule, and it alone, is asked again a little later.

    `meanwhile` is what can be decided already.
    """

    def __init__(self, reason: str, meanwhile: Sequence[Action] = ()) -> None:
        super().__init__(reason)
        self.meanwhile = meanwhile


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request as it stands now.

    `base` is the branch that it is meant for. `lines` are those added and deleted together.
    `merges` says whether it can be merged without conflicts. `author` is None for a deleted
    account; times are epoch seconds.
    """

    number: int
    author: Person | None
    title: str
    head: str
    labels: frozenset[str]
    lines: int
    base: str
    is_open: bool
    is_draft: bool
    merges: bool | None
    updated_at: float


@dataclass(frozen=True, slots=True)
class Merging:
    """Whether an open pull request merges into its base; None while GitHub works it out."""

    number: int
    author: Person | None
    base: str
    merges: bool | None
    is_draft: bool
    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open issue or pull request in a list, with whom it waits for; `updated_at` is epoch."""

    number: int
    author: Person | None
    labels: frozenset[str]
    people: tuple[str, ...]
    is_draft: bool
    updated_at: float


@dataclass(frozen=True, slots=True)
class Moment:
    """What somebody did in a thread: GitHub's name for it, who, and when (epoch seconds).

    `by` is None for commits, of which GitHub tells no login, and for deleted accounts. `state` is
    that of a review: `approved`, `changes_requested`, `commented`.
    """

    what: str
    by: Person | None
    at: float
    state: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that the bot wanted done in a thread: when, what (in words), by which rule."""

    at: float
    words: str
    rule: str
    is_done: bool
