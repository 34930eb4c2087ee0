"""Facts about GitHub and the bot, for rules: frozen values without URLs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from bot.actions import Action
from bot.events import Person

__all__ = [
    "Earlier",
    "Effect",
    "Merging",
    "Moment",
    "NotYet",
    "PartialList",
    "Pull",
    "Question",
    "Waiting",
]

T = TypeVar("T")

# How many changed files of a pull request the bot reads: ten requests.
MOST_FILES = 1000


class PartialList(tuple[T, ...]):
    """A list that GitHub or the bot has cut.

    What it lacks may exist: a rule takes nothing away and counts nothing because of it.
    """

    __slots__ = ()


class NotYet(Exception):  # noqa: N818  a signal, not an error
    """GitHub is still computing a fact; the loop asks this rule, and no other, again later.

    `meanwhile` holds the actions that the rule can already return. Raise it from a RequestFailed if
    a question failed: then that error decides when the rule is asked again, and for how long.
    docs/decisions/0106 and 0166 say more.
    """

    def __init__(self, reason: str, meanwhile: Sequence[Action] = ()) -> None:
        super().__init__(reason)
        self.meanwhile = meanwhile


@dataclass(frozen=True, slots=True)
class Question:
    """A request for approval: whom to invite, and where the person gets the welcome.

    `place` is `owner/repo#number`: the merged pull request, or with `by_hand` the issue or pull
    request where somebody wrote `/invite`.
    """

    person: str
    place: str
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request as it is now.

    `base` is the target branch. `files` counts changed files, `lines` added and deleted lines.
    `merges` is True if it has no conflicts, None if GitHub does not know yet. `author` is None for
    a deleted account. Times are epoch seconds.
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
    files: int = 0
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class Merging:
    """An open pull request; `merges` is None while GitHub checks it for conflicts."""

    number: int
    author: Person | None
    base: str
    merges: bool | None
    is_draft: bool
    labels: frozenset[str]
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open issue or pull request, and the people it waits for.

    `updated_at` is in epoch seconds. `keys` are the key names of the people, which stay when they
    are renamed; only of an issue's assignees.
    """

    number: int
    author: Person | None
    labels: frozenset[str]
    people: tuple[str, ...]
    is_draft: bool
    updated_at: float
    is_locked: bool = False
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """An event in the timeline of an issue or pull request.

    `what` is GitHub's name for it, `at` its time in epoch seconds. `by` is None for commits, whose
    logins GitHub does not list, and for deleted accounts. `state` is the state of a review:
    `approved`, `changes_requested` or `commented`.
    """

    what: str
    by: Person | None
    at: float
    state: str = ""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An action as the bot wanted it last; `has_failed` if it ended, and GitHub refused it."""

    action: Action
    has_failed: bool


@dataclass(frozen=True, slots=True)
class Effect:
    """An action of the bot on an issue or pull request: its time, its description and its rule."""

    at: float
    words: str
    rule: str
    is_done: bool
