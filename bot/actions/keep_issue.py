"""Kept issue: one issue about something, whose text and state follow what it is about."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from bot.actions.base import Action
from bot.actions.work import Result, Work
from bot.actions.write_once import Text, adopted, send


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepIssue(Action):
    """Keep one issue about something: open with this text, or closed with it.

    There is one issue for each `about`, however often its text changes; `version` tells the changes
    apart. An issue that does not exist is not opened just to be closed.

    Safe to repeat: the number is kept, and a change sets text and state. Without a known number it
    searches for the marker first, and opens the issue as write once does. A change that comes after
    a later one does nothing.
    """

    kind: ClassVar[str] = "keep issue"
    # Only the bot itself uses it, about settings; so no preview shows it.
    noun: ClassVar[tuple[str, str]] = ("kept issue", "kept issues")
    own_line: ClassVar[bool] = True

    about: str
    version: str
    repository: str
    title: str
    text: str
    open: bool = True

    @property
    def identity(self) -> str:
        """The version of the issue."""
        return f"{self.about}/{self.version}"

    @property
    def subject(self) -> str:
        """The issue: its versions are performed in their order, whatever deliveries led to them.

        It begins with the repository, so a pause of the organisation holds it, too.
        """
        return f"{self.repository}/keep-issue:{self.about}".lower()

    def describe(self) -> str:
        """The action in words, for people."""
        return f"{'open or change' if self.open else 'close'} the issue about {self.about}"

    def perform(self, work: Work) -> Result:
        """Open, change or close it; returns the number and the state or address."""
        kept = work.people.kept_issue(self.about)
        if kept is not None and kept.job > work.job.id:
            return Result({"issue": kept.number, "state": "changed since"})
        # All versions carry one marker.
        text = Text.issue(f"keep-issue:{self.about}", self.repository, self.title, self.text)
        found = adopted(text, work) if kept is None else {"number": kept.number}
        if found is not None:
            return self._change(int(found["number"]), text, work)
        return self._open(text, work) if self.open else Result({"issue": None})

    def _change(self, number: int, text: Text, work: Work) -> Result:
        state = "open" if self.open else "closed"
        path = f"/repos/{self.repository}/issues/{number}"
        work.client.patch(path, json={**text.marked(), "state": state})
        work.people.keep_issue(self.about, number, work.job.id)
        return Result({"issue": number, "state": state})

    def _open(self, text: Text, work: Work) -> Result:
        issue: Any = send(text, work)
        work.people.keep_issue(self.about, int(issue["number"]), work.job.id)
        return Result.of_issue(issue)

    @classmethod
    def marked_keys(cls, key: str) -> Iterator[str]:
        """The key itself, and that of the issue, whose marker all versions carry."""
        yield key
        yield key.rpartition("/")[0]
