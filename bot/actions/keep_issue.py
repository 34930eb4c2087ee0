"""Kept issue: one issue about something, whose text and state follow what it is about."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from bot.actions.base import Action
from bot.actions.work import Result, Work, is_locked
from bot.actions.write_once import Text, adopted, send
from luggage.github.errors import Forbidden, Invalid, NotFound, RequestFailed

_GONE = 410

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepIssue(Action):
    """Keep one issue about something: open with this text, or closed with it.

    There is one issue for each `about`, however often its text changes; `version` tells the changes
    apart. An issue that does not exist is not opened just to be closed.

    Safe to repeat: the number is kept, and a change sets text and state. Without a known number it
    searches for the marker first, and opens the issue as write once does. A change that comes after
    a later one does nothing. An issue that was deleted, moved away or locked is replaced by a new
    one; without issues in the repository there is nothing to close.
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
        if kept is not None and not work.note().refused:
            try:
                return self._change(kept.number, text, work)
            except (NotFound, Forbidden) as error:
                if not _is_lost(error):
                    raise
                log.warning("%s#%d cannot be changed: %s", self.repository, kept.number, error)
            # The next try takes no second write slot.
            work = work.save(replace(work.note(), refused=True))
        try:
            return self._replace(None if kept is None else kept.number, text, work)
        except NotFound as error:
            if error.status != _GONE:
                raise
            return self._without_issues(error)

    def _replace(self, lost: int | None, text: Text, work: Work) -> Result:
        """Change the issue with the marker, or open one."""
        found = adopted(text, work)
        if found is not None and found["number"] != lost:
            return self._change(int(found["number"]), text, work)
        return self._open(text, work) if self.open else Result({"issue": None})

    def _without_issues(self, error: NotFound) -> Result:
        """The result in a repository whose issues are disabled; raises Invalid if one is needed."""
        if not self.open:
            return Result({"issue": None})
        remedy = f"enable issues in the settings of {self.repository}, and retry this"
        raise Invalid(
            f"{error.message}: {remedy}", method=error.method, path=error.path, status=error.status
        )

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


def _is_lost(error: RequestFailed) -> bool:
    """Whether an issue can no longer be changed, while a new one can."""
    return isinstance(error, NotFound) or is_locked(error)
