"""Question to maintainers: asks them for approval to invite a person."""

from dataclasses import dataclass
from typing import ClassVar

from bot.actions.base import Action
from bot.actions.work import Result, Work
from bot.actions.write_once import Text, write_once


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Action):
    """Ask maintainers whether to invite a person, once for each person and organisation.

    With `number`, the question is a comment on that pull request of `repository`. Without it, it is
    a new issue. `pull_request` is `owner/repo#number`: where the person gets the welcome. With
    `by_hand`, somebody asked for it there with `/invite`; `again` names the text that does so once
    more.

    Safe to repeat: it is written once (`bot.actions.write_once`), and where it stands is kept.
    """

    kind: ClassVar[str] = "ask"
    noun: ClassVar[tuple[str, str]] = ("question to maintainers", "questions to maintainers")
    urgent: ClassVar[bool] = True
    needed: ClassVar[bool] = True

    organization: str
    person: str
    pull_request: str
    repository: str
    title: str
    text: str
    number: int | None = None
    by_hand: bool = False
    by: str = ""
    again: str = ""

    @property
    def identity(self) -> str:
        """The person in the organisation."""
        return f"{self.organization}/{self.person}"

    @property
    def place(self) -> str:
        """Where somebody asked for it."""
        return self.pull_request

    def describe(self) -> str:
        """The action in words, for people."""
        return f"ask in {self.repository} whether to invite {self.person}"

    def perform(self, work: Work) -> Result:
        """Ask; returns the address of the question, and its number or id."""
        number = self.number
        if number is None:
            text = Text.issue(self.key, self.repository, self.title, self.text)
            answer = write_once(text, work)
            number, result = answer["number"], Result.of_issue(answer)
        else:
            text = Text.comment(self.key, self.repository, number, self.text)
            result = Result.of_comment(write_once(text, work))
        asked_in = f"{self.repository}#{number}"
        work.people.asked(
            self.organization, self.person, asked_in, self.pull_request, by_hand=self.by_hand
        )
        return result
