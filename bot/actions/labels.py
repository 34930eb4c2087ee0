"""Labels: puts them on an issue or a pull request, or takes one off."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from bot.actions.base import IssueAction
from bot.actions.limits import MOST_LABELS
from bot.actions.work import Result, Work
from luggage.github.errors import Invalid, NotFound

_CHANGED = Result({"skipped": "the pull request has changed since"})


def _is_as_decided(action: "Label | Unlabel", work: Work) -> bool:
    """Whether a pull request still has the head and title for which the labels were decided."""
    if not action.head:
        return True
    pull = work.client.get(f"/repos/{action.repository}/pulls/{action.number}")
    return bool((pull["head"]["sha"], pull["title"]) == (action.head, action.title))


def _dropped(names: Sequence[str], answer: Any) -> Sequence[str]:
    """The labels that GitHub's answer lacks; none if it lists no labels at all."""
    if not isinstance(answer, list):
        return []
    there = {str(each.get("name") or "").lower() for each in answer if isinstance(each, dict)}
    if "" in there:  # It does not say which.
        return []
    return [name for name in names if name.lower() not in there]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(IssueAction):
    """Put labels on an issue or a pull request, once for each `about`.

    With `head` and `title`, only while the pull request still has them. A delivery of its own
    decides about a new head or title.

    Safe to repeat: GitHub keeps each label once.
    """

    kind: ClassVar[str] = "label"
    noun: ClassVar[tuple[str, str]] = ("label added", "labels added")
    public: ClassVar[str] = "labelled {place}"
    own_line: ClassVar[bool] = True
    declines: ClassVar[bool] = True

    names: tuple[str, ...]
    head: str = ""
    title: str = ""
    by: str = ""

    def describe(self) -> str:
        """The action in words, for people."""
        return f"put the label {', '.join(self.names)} on {self.subject}"

    def perform(self, work: Work) -> Result:
        """Put them on, in one request; returns their names, as many as GitHub allows.

        Raises RequestFailed; Invalid, one of these, also for labels that GitHub left out.
        """
        if not _is_as_decided(self, work):
            return _CHANGED
        path = f"/repos/{self.repository}/issues/{self.number}/labels"
        names = self.names[:MOST_LABELS]
        answer = work.client.post(path, json={"labels": list(names)})
        dropped = _dropped(names, answer)
        if dropped:
            raise Invalid(f"GitHub left out {', '.join(dropped)}", method="POST", path=path)
        return Result({"labels": names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlabel(IssueAction):
    """Take a label off an issue or a pull request; `head` and `title` as for Label.

    Safe to repeat: a label that is off already needs nothing.
    """

    kind: ClassVar[str] = "unlabel"
    noun: ClassVar[tuple[str, str]] = ("label removed", "labels removed")
    public: ClassVar[str] = "removed a label from {place}"
    own_line: ClassVar[bool] = True
    declines: ClassVar[bool] = True

    name: str
    head: str = ""
    title: str = ""
    by: str = ""

    def describe(self) -> str:
        """The action in words, for people."""
        return f"take the label {self.name} off {self.subject}"

    def perform(self, work: Work) -> Result:
        """Take it off; returns its name."""
        if not _is_as_decided(self, work):
            return _CHANGED
        path = f"/repos/{self.repository}/issues/{self.number}/labels/{{name}}"
        with suppress(NotFound):
            work.client.delete(path, name=self.name)
        return Result({"no label": self.name})
