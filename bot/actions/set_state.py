"""State: closes or reopens an issue or a pull request on request."""

from dataclasses import dataclass, replace
from typing import ClassVar

from bot.actions.base import IssueAction
from bot.actions.comment import instead
from bot.actions.work import Result, Work
from luggage.github.errors import Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class SetState(IssueAction):
    """Close or reopen an issue or a pull request, once for each `about`.

    `state` is "open" or "closed"; `reason` is GitHub's `state_reason` of a closed issue. Where
    GitHub does not allow it, `refused` is the comment instead.

    Safe to repeat: it sets the state. A refusal is noted, and the comment is written once.
    """

    kind: ClassVar[str] = "state"
    noun: ClassVar[tuple[str, str]] = ("change of state", "changes of state")
    public: ClassVar[str] = "changed the state of {place}"
    own_line: ClassVar[bool] = True
    declines: ClassVar[bool] = True

    state: str
    reason: str = ""
    refused: str = ""
    by: str = ""

    def describe(self) -> str:
        """The action in words, for people."""
        return f"{'close' if self.state == 'closed' else 'reopen'} {self.subject}"

    def perform(self, work: Work) -> Result:
        """Set it, or say why not; returns the state, or the comment."""
        if not work.note().refused:
            try:
                return self._set(work)
            except Invalid:
                if not self.refused:
                    raise
            # The next try comments at once, and takes no second write slot.
            work = work.save(replace(work.note().look_first(), refused=True))
        return instead(self, self.refused).perform(work)

    def _set(self, work: Work) -> Result:
        values = {"state": self.state} | ({"state_reason": self.reason} if self.reason else {})
        path = f"/repos/{self.repository}/issues/{self.number}"
        answer = work.client.patch(path, json=values)
        state = answer.get("state", self.state) if isinstance(answer, dict) else self.state
        if state != self.state:
            raise Invalid(f"GitHub left it {state}", method="PATCH", path=path)
        return Result(values)
