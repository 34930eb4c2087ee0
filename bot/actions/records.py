"""Notes and results of actions: what the queue keeps as text, as frozen values with one codec.

A note says how far an action has come; the next try reads it. A result says what came of it.

Both are stored as a JSON object. Version 1 has no member "version", so it reads all that was stored
since the beginning. A later version that changes the meaning of a member must add one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

VERSION = 1


class UnreadableRecord(ValueError):  # noqa: N818
    """A record that this version of the bot cannot read; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """How far an action has come; empty for one that has done nothing yet.

    `sending_at` is when a text was about to be sent, in epoch seconds. 0.0 means that it may have
    been sent long ago, by a process that could not note it. None means that it was not sent.
    `refused` says that GitHub refused the action, and that a comment has to say so. `free_at` is
    when an issue was last seen without another assignee, in epoch seconds.
    """

    sending_at: float | None = None
    refused: bool = False
    free_at: float | None = None

    def look_first(self) -> Self:
        """The same note, with a text that may have been sent: the time that is known, or 0.0."""
        return replace(self, sending_at=self.sending_at or 0.0)

    def encode(self) -> str:
        """The note as the queue keeps it: "" for an empty one."""
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        # 0.0 is a time, and equal to False.
        kept = {name: value for name, value in said.items() if value is not None}
        return _encode({name: value for name, value in kept.items() if value is not False})

    @classmethod
    def decode(cls, text: str) -> Self:
        """The note that the queue keeps. Raises UnreadableRecord for one of another version.

        A note is never guessed at: ignoring one could send a comment twice.
        """
        said = _decode(text)
        try:
            return cls(**said)
        except TypeError:
            raise _unreadable(text) from None


# The first note of an action that a lost database may have performed before.
LOOK_FIRST = Note().look_first()


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an action: facts of GitHub's answer by name, as plain JSON."""

    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_comment(cls, answer: Mapping[str, Any]) -> Self:
        """The result for a comment that GitHub has just written or shown."""
        return cls({"comment": answer["id"], "url": answer.get("html_url")})

    @classmethod
    def of_issue(cls, answer: Mapping[str, Any]) -> Self:
        """The result for an issue that GitHub has just opened or shown."""
        return cls({"issue": answer["number"], "url": answer.get("html_url")})

    @property
    def comment(self) -> int | None:
        """The id of the comment that was written or changed, if there is one."""
        return _number(self.facts.get("comment"))

    @property
    def url(self) -> str:
        """The web address of what was written; "" without one."""
        url = self.facts.get("url")
        is_web = isinstance(url, str) and url.startswith(("https://", "http://"))
        return str(url) if is_web else ""

    def encode(self) -> str:
        """The result as the queue keeps it: "" for an empty one."""
        return _encode(self.facts)

    @classmethod
    def decode(cls, text: str) -> Self:
        """The result that the queue keeps; empty for one that this version cannot read."""
        try:
            return cls(_decode(text))
        except UnreadableRecord:
            return cls()

    def words(self) -> str:
        """The text that every encoded result with these facts, in this order, contains."""
        return json.dumps(self.facts)[1:-1]

    @staticmethod
    def words_of_url(end: str) -> str:
        """The text that every encoded result contains whose `url` ends so."""
        return json.dumps(end)[1:]


def _encode(said: Mapping[str, Any]) -> str:
    return json.dumps(said) if said else ""


def _decode(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text or "{}")
        if isinstance(said, dict) and said.pop("version", VERSION) == VERSION:
            return said
    except (ValueError, RecursionError):
        pass
    raise _unreadable(text)


def _unreadable(text: str) -> UnreadableRecord:
    return UnreadableRecord(
        f"{text[:80]!r} is no record of this version of the bot: install the version that wrote it"
    )


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
