"""Closing: closes an issue that has served its purpose."""

from dataclasses import dataclass
from typing import ClassVar

from bot.actions.base import IssueAction
from bot.actions.work import Result, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseIssue(IssueAction):
    """Close an issue or a pull request, once for each `about`: a person may reopen it.

    Safe to repeat: it sets the state.
    """

    kind: ClassVar[str] = "close"
    noun: ClassVar[tuple[str, str]] = ("issue closed", "issues closed")

    def perform(self, work: Work) -> Result:
        """Close it; returns number and state."""
        path = f"/repos/{self.repository}/issues/{self.number}"
        work.client.patch(path, json={"state": "closed"})
        return Result({"issue": self.number, "state": "closed"})
