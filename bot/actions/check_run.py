"""Check run: a verdict on a commit, where GitHub shows checks."""

import logging
from dataclasses import dataclass
from typing import ClassVar

from bot.actions import limits
from bot.actions.base import Action
from bot.actions.work import Result, Work, may_appear
from bot.actions.write_once import marker
from luggage.github.errors import Forbidden, Invalid, NotFound

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun(Action):
    """Give a commit a check run, one of each name.

    `conclusion` is GitHub's: success, failure, neutral. `summary` and `text` are Markdown.

    Safe to repeat: it looks first for the check run with its `external_id`, and sets what it says.
    Two of one name would show as one, the latest. A check run that GitHub refuses is only logged:
    it is a courtesy, and the commit may be gone.
    """

    kind: ClassVar[str] = "check"
    noun: ClassVar[tuple[str, str]] = ("check", "checks")
    public: ClassVar[str] = "checked a commit of {repository}"

    repository: str
    commit: str
    name: str
    conclusion: str
    title: str
    summary: str
    text: str = ""

    @property
    def identity(self) -> str:
        """The commit, and the name of the check."""
        return f"{self.repository}/{self.commit}/{self.name}"

    def describe(self) -> str:
        """The action in words, for people."""
        return f"check {self.name} of {self.commit[:8]} in {self.repository}: {self.conclusion}"

    def perform(self, work: Work) -> Result:
        """Create or change it; returns its id and address. GitHub: "Create a check run"."""
        try:
            return self._set(work)
        except Forbidden as error:
            # An installation whose owner has not granted "checks" yet is no reason to worry.
            log.warning("no check on %s: the App lacks the permission: %s", self.repository, error)
            return Result({"check": None, "reason": "not permitted"})
        except (Invalid, NotFound) as error:
            if may_appear(error, work.job, work.clock()):
                raise
            log.warning("no check on %s: GitHub refused it: %s", self.repository, error)
            return Result({"check": None, "reason": "refused"})

    def _set(self, work: Work) -> Result:
        root, mark = f"/repos/{self.repository}", marker(self.key)
        listed = f"{root}/commits/{self.commit}/check-runs"
        found = work.client.pages(listed, params={"check_name": self.name, "filter": "all"})
        runs = [run["id"] for run in found if run.get("external_id") == mark]
        content, path = self._content(mark), f"{root}/check-runs"
        if runs:
            answer = work.client.patch(f"{path}/{runs[0]}", json=content)
        else:
            answer = work.client.post(path, json={**content, "head_sha": self.commit})
        return Result({"check": answer["id"], "url": answer.get("html_url")})

    def _content(self, mark: str) -> dict[str, object]:
        output = {"title": limits.title(self.title), "summary": limits.output(self.summary)}
        return {
            "name": self.name,
            "external_id": mark,
            "status": "completed",
            "conclusion": self.conclusion,
            "output": {**output, "text": limits.output(self.text)} if self.text else output,
        }
