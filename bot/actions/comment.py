"""Comment: says something on an issue or a pull request, once."""

from dataclasses import dataclass
from typing import ClassVar

from bot.actions.base import IssueAction
from bot.actions.work import Result, Work
from bot.actions.write_once import Text, write_once


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment(IssueAction):
    """Comment on an issue or a pull request, once for each `about`, whatever the text says.

    `thread` is the review comment to answer, where the conversation is about a line of code.

    Safe to repeat: GitHub would keep two, so it is written once (`bot.actions.write_once`).
    """

    kind: ClassVar[str] = "comment"
    noun: ClassVar[tuple[str, str]] = ("comment", "comments")
    public: ClassVar[str] = "wrote a comment on {place}"
    courtesy: ClassVar[bool] = True

    text: str
    thread: int | None = None

    def describe(self) -> str:
        """The action in words, for people."""
        return f"comment on {self.subject}"

    def perform(self, work: Work) -> Result:
        """Comment; returns the id and the address of the comment."""
        return Result.of_comment(write_once(self.content, work))

    @property
    def content(self) -> Text:
        """The text as it is sent and searched for."""
        return Text.comment(self.key, self.repository, self.number, self.text, thread=self.thread)


def instead(action: IssueAction, text: str) -> Comment:
    """The comment of another action: in its place where it `declines`, or the one it withdraws."""
    return Comment(
        about=action.about, repository=action.repository, number=action.number, text=text
    )
