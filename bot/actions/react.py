"""Reaction: puts an emoji on a text."""

from dataclasses import dataclass
from typing import ClassVar

from bot.actions.base import Action
from bot.actions.work import Result, Superseded, Work, may_appear
from luggage.github.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class React(Action):
    """Put a reaction on a text. `target` is its path in the repository: `issues/comments/55`.

    Safe to repeat: GitHub keeps one reaction of a kind for each text and App.
    """

    kind: ClassVar[str] = "react"
    noun: ClassVar[tuple[str, str]] = ("reaction", "reactions")
    public: ClassVar[str] = "left a reaction on {place}"
    courtesy: ClassVar[bool] = True

    repository: str
    target: str
    content: str

    @property
    def identity(self) -> str:
        """The text, and the reaction."""
        return f"{self.repository}/{self.target}/{self.content}"

    def describe(self) -> str:
        """The action in words, for people."""
        return f"react with {self.content} in {self.repository}"

    def perform(self, work: Work) -> Result:
        """React; returns the id of the reaction. Raises Superseded for a deleted text."""
        path = f"/repos/{self.repository}/{self.target}/reactions"
        try:
            answer = work.client.post(path, json={"content": self.content})
        except NotFound as error:
            if may_appear(error, work.job, work.clock()):
                raise
            raise Superseded("the text was deleted") from error
        return Result({"reaction": answer["id"]})
