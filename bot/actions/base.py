"""Action base class: a frozen value that says what to do at GitHub, and how to do it safely.

A subclass is a frozen dataclass in its own file. Its class variables say how it is called, its
fields what it is about, and `perform` what it does at GitHub. Defining the class registers it.

Key, subject and description are derived, so that the queue, previews, the history and the public
status page treat every kind alike, those of custom rules included (docs/decisions/0140). The queue
stores a `Planned`: an action with its rule, cause and installation.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Self

from bot.actions.work import Result, Work

# The queue that holds actions.
ACTIONS = "action"

_KIND = re.compile(r"[a-z][a-z0-9 -]{0,49}")
# PostgreSQL indexes 2,704 bytes at most, of which the key is a part.
_LONGEST_IDENTITY = 500
_PLACES = {"place": "o/r#1", "repository": "o/r", "owner": "o"}


class ActionError(TypeError):
    """An action class cannot be used; the message says what to change."""


class Action:
    """One effect at GitHub, as data.

    `kind` names it in the queue. `noun` counts it in previews (singular, plural). `public` is the
    phrase on the public status page, with {place}, {repository} or {owner}; "" keeps it off.

    `own_line` decides in which order actions run. False: in the order of the delivery that led to
    them. True: in the order of `subject`, whatever deliveries led to them.

    `urgent` lets it overtake the other actions of its installation: people wait for it.

    `declines` says that the action, where GitHub refuses it, comments on the same `about` instead.

    `courtesy` says that it only tells people something. It waits for the work before it; the work
    after it does not wait for it. In a locked conversation the bot leaves it out.

    A field `by` names who ordered it by hand. Where GitHub refuses such an action, the bot answers
    with GitHub's reason (`bot.actions.comment.obey`). `needed` says that the actions after it
    make no sense without it: it ends dead after the answer. A field `again` names the text that
    orders a dead one once more; then it is tried again, and answered anew.
    """

    __slots__ = ()

    kind: ClassVar[str]
    noun: ClassVar[tuple[str, str]]
    public: ClassVar[str] = ""
    own_line: ClassVar[bool] = False
    declines: ClassVar[bool] = False
    urgent: ClassVar[bool] = False
    courtesy: ClassVar[bool] = False
    needed: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Register a class that has a kind of its own.

        Raises ActionError for one that cannot be used. One without a kind is a base class.
        """
        super().__init_subclass__()
        if "kind" in vars(cls):
            _register(cls)

    @property
    def identity(self) -> str:
        """What the action is about. Two actions of one kind and identity are one."""
        about: str = getattr(self, "about")  # noqa: B009  # a field of most subclasses
        return about

    @property
    def key(self) -> str:
        """The key in the queue: `kind:identity` in lower case, as GitHub's names ignore case.

        The end of a long identity is a hash: the words of a command are part of it.
        """
        return f"{_prefix(self.kind)}:{_short(self.identity.lower())}"

    @property
    def subject(self) -> str:
        """`owner/repo#number` of the issue or pull request that it is about; "" without one."""
        repository, number = getattr(self, "repository", None), getattr(self, "number", None)
        return "" if repository is None or number is None else f"{repository}#{number}"

    @property
    def ordered_in(self) -> str:
        """`owner/repo#number` of where somebody ordered it by hand; "" for what nobody ordered."""
        place: str = getattr(self, "place", "") or self.subject
        return place if getattr(self, "by", "") else ""

    def describe(self) -> str:
        """The action in words, for people."""
        return f"{self.kind} {self.subject or self.identity}"

    def perform(self, work: Work) -> Result:
        """Do it at GitHub, and return what came of it. Repeating it must be safe.

        A process may die at any line, and GitHub's answer may get lost. There are three ways:

        * set: GitHub keeps one, however often it is asked for (a label, a state). Just repeat.
        * look first: ask GitHub, and write only where something is missing (an invitation).
        * write once: GitHub would keep two (a comment). Use `bot.actions.write_once`.

        Raises luggage.github's RequestFailed as it comes: the loop decides about a retry. Raises
        Superseded for what is no longer wanted, and Postpone for what must wait.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define perform")

    def line(self, delivery: str) -> str:
        """The subject under which the job waits, given the subject of the delivery behind it.

        What a delivery about a whole repository asks of one issue waits in the line of that issue.
        """
        repository = getattr(self, "repository", None)
        joins = self.own_line or (self.subject and delivery == repository)
        return self.subject if joins else delivery

    @classmethod
    def marked_keys(cls, key: str) -> Iterator[str]:
        """The keys whose markers stand in what the action with this key wrote."""
        yield key
        if cls.declines:
            yield f"comment:{key.partition(':')[2]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueAction(Action):
    """Base class of actions on one issue or pull request: one effect for each `about`."""

    about: str
    repository: str
    number: int


_KINDS: dict[str, type[Action]] = {}


def kinds() -> Mapping[str, type[Action]]:
    """All action classes by kind: the bot's own, and those of the custom rules that are loaded."""
    return MappingProxyType({each.kind: each for each in _KINDS.values()})


def marked_keys(key: str) -> Iterator[str]:
    """The keys whose markers stand in what the action with this key wrote: mostly its own."""
    cls = _KINDS.get(key.partition(":")[0], Action)
    yield from cls.marked_keys(key)


def _prefix(kind: str) -> str:
    return kind.replace(" ", "-")


def _short(identity: str) -> str:
    if len(identity) <= _LONGEST_IDENTITY:
        return identity
    digest = hashlib.blake2b(identity.encode(errors="replace"), digest_size=12).hexdigest()
    return f"{identity[:_LONGEST_IDENTITY]}... {digest}"


def _register(cls: type[Action]) -> None:
    # Any: nobody has checked the types of a custom rule's file.
    name = cls.__name__
    kind: Any = vars(cls)["kind"]
    noun: Any = getattr(cls, "noun", None)
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        raise ActionError(f"the kind of {name} must be small letters, digits, spaces and hyphens")
    known = _KINDS.get(_prefix(cls.kind))
    # A dataclass with slots is made twice: the second class replaces the first.
    if known is not None and _source(known) != _source(cls):
        taken = f"{known.__module__}.{known.__name__}"
        raise ActionError(f"the kind {cls.kind!r} of {name} is taken by {taken}: choose another")
    if not (isinstance(noun, tuple) and [type(word) for word in noun] == [str, str]):
        raise ActionError(f'{name} must define noun = ("singular", "plural"), for previews')
    try:
        cls.public.format(**_PLACES)
    except (LookupError, ValueError, AttributeError) as error:
        raise ActionError(f"public of {name} takes {{place}}, {{repository}}, {{owner}}") from error
    _KINDS[_prefix(cls.kind)] = cls


def _source(cls: type[Action]) -> tuple[str, str, str]:
    """What tells two definitions of a class apart: module, name and file."""
    code = getattr(cls.perform, "__code__", None)
    return cls.__module__, cls.__name__, getattr(code, "co_filename", "")


class UnknownAction(ValueError):  # noqa: N818
    """A stored action that no loaded class can read; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """An action as it waits in the queue.

    `delivery` is the delivery behind it. `settings` are those of `rule` that differ from its
    defaults, as plain JSON; `digest` identifies all of them. `names` are the numeric ids behind the
    names of the delivery, as bot.store.identities encodes them.
    """

    action: Action
    installation: int
    delivery: str
    rule: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    names: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def encode(self) -> bytes:
        """All of it as JSON, for the queue."""
        said = {**asdict(self), "kind": self.action.kind}
        if not self.names:
            del said["names"]
        # Their absence keeps the form of what nobody ordered.
        unset = [each for each in ("by", "place", "again") if said["action"].get(each) == ""]
        for each in unset:
            del said["action"][each]
        return json.dumps(said).encode()

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """What `encode` was given.

        Raises UnknownAction for an action of a custom rule that is not loaded, or of another
        version of the bot.
        """
        said = json.loads(body)
        kind, values = said.pop("kind"), said.pop("action")
        if kind not in kinds():
            raise UnknownAction(
                f"this bot knows no action {kind!r}. If a custom rule defines it: name its file "
                "under [rules] own in config.toml (or in BOT_RULES), restart, and retry this. If a "
                "newer version of the bot stored it: install that version. Or discard it."
            )
        try:
            # JSON has no tuples; a frozen value has no lists.
            action = kinds()[kind](**{name: _frozen(value) for name, value in values.items()})
        except TypeError as error:
            raise UnknownAction(
                f"the stored action {kind!r} does not fit this version of the bot or of its custom "
                f"rule: {error}. Install the version that stored it, and retry this. Or discard it."
            ) from error
        return cls(**said, action=action)


def planned_of(body: bytes | None) -> Planned | None:
    """The stored action; None when its body has expired, or no loaded class can read it."""
    try:
        return None if body is None else Planned.decode(body)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
