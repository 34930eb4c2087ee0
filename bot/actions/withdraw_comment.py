"""Withdrawn comment: replaces the text of a comment of ours that is no longer true."""

from dataclasses import dataclass
from typing import ClassVar

from bot.actions import limits
from bot.actions.base import IssueAction
from bot.actions.comment import instead
from bot.actions.work import Result, Work
from bot.actions.write_once import marker, search
from luggage.github.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBack(IssueAction):
    """Replace the text of our comment with the same `about`, because it is no longer true.

    Safe to repeat: it sets the text. The recorded result of the comment says which one it is;
    without that record the marker does. A comment that was deleted needs nothing.
    """

    kind: ClassVar[str] = "takeback"
    noun: ClassVar[tuple[str, str]] = ("comment withdrawn", "comments withdrawn")
    public: ClassVar[str] = "corrected a comment on {place}"
    own_line: ClassVar[bool] = True
    courtesy: ClassVar[bool] = True

    text: str

    def describe(self) -> str:
        """The action in words, for people."""
        return f"take back a comment on {self.subject}"

    def perform(self, work: Work) -> Result:
        """Replace it; returns the id of the comment, or that there is none."""
        said = instead(self, self.text)
        number = work.result_of(said.key).comment
        if number is None:
            number = (search(said.content, work) or {}).get("id")
        if number is None:
            return Result({"nothing": "no such comment"})
        # The marker of this action: a withdrawn comment does not count as written.
        body = limits.body(self.text, marker(self.key))
        path = f"/repos/{self.repository}/issues/comments/{number}"
        try:
            work.client.patch(path, json={"body": body})
        except NotFound:
            return Result({"gone": number})
        return Result({"comment": number})
