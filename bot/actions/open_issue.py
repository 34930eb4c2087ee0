"""Issue: opens one, once."""

from dataclasses import dataclass, replace
from typing import ClassVar

from bot.actions.base import Action
from bot.actions.work import Result, Work
from bot.actions.write_once import Text, write_once


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIssue(Action):
    """Open an issue, once for each `about`, whatever the text says; `closed` closes it at once.

    Safe to repeat: it is written once (`bot.actions.write_once`); closing sets a state.
    """

    kind: ClassVar[str] = "issue"
    noun: ClassVar[tuple[str, str]] = ("issue", "issues")

    about: str
    repository: str
    title: str
    text: str
    closed: bool = False

    def describe(self) -> str:
        """The action in words, for people."""
        return f"open an issue in {self.repository}"

    def perform(self, work: Work) -> Result:
        """Open it; returns the number and the address."""
        number = work.note().opened
        if number is None:
            issue = write_once(Text.issue(self.key, self.repository, self.title, self.text), work)
            if not self.closed:
                return Result.of_issue(issue)
            number = int(issue["number"])
            # Closing may have to wait for a write slot. The next try must not depend on GitHub's
            # list to show that the issue is there.
            work = work.save(replace(work.note(), opened=number))
        path = f"/repos/{self.repository}/issues/{number}"
        return Result.of_issue(work.client.patch(path, json={"state": "closed"}))
