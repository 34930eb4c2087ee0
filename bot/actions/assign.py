"""Assignees: assigns people to an issue, or unassigns them, and stores claims."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from bot.actions.base import IssueAction
from bot.actions.comment import instead
from bot.actions.work import Result, Work
from bot.actions.write_once import present_logins
from luggage.github.errors import Ambiguous, Invalid, RateLimited, RequestFailed

# How long the bot relies on an issue being unassigned; longer than the wait for a write slot.
FREE_SECONDS = 10.0
# How long an assignment may rely on its reservation: with the 25 s that a request may take, and
# GitHub's read lag, less than `bot.store.people.FRESH_SECONDS`.
RESERVED_SECONDS = 15.0
_DROPPED = (
    "only assigns people who work on the repository or who commented on the issue, ten at most. It "
    "left out"
)
_KEPT = "did not unassign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign(IssueAction):
    """Assign people to an issue, once for each `about`.

    A `claim` is stored, so that the bot can release it when it is idle. With `taken`, the action
    assigns the issue only if no one else has it, and otherwise writes that text as a comment. With
    `most`, it assigns it only if the person holds fewer open issues, and otherwise writes `full`.

    Safe to repeat: GitHub keeps each assignee once. After a lost answer, a claim finds that the
    person has the issue. The comment is written once.
    """

    kind: ClassVar[str] = "assign"
    noun: ClassVar[tuple[str, str]] = ("assignment", "assignments")
    public: ClassVar[str] = "assigned {place}"
    own_line: ClassVar[bool] = True
    declines: ClassVar[bool] = True

    people: tuple[str, ...]
    by: str = ""
    claim: bool = False
    taken: str = ""
    most: int = 0
    full: str = ""

    def describe(self) -> str:
        """The action in words, for people."""
        return f"assign {', '.join(self.people)} to {self.subject}"

    def perform(self, work: Work) -> Result:
        """Assign, or say why not; returns the logins, or the comment."""
        logins = present_logins(work, self.people)
        if self.taken and not self._is_free(work, logins):
            return instead(self, self.taken).perform(work)
        if self.most:
            return self._perform_within_limit(work, logins)
        self._assign(work, logins)
        return self._assigned(work)

    def _perform_within_limit(self, work: Work, logins: Sequence[str]) -> Result:
        (person,) = self.people
        reserved_at = self._reserve(work, person, *logins)
        if reserved_at is None:
            return instead(self, self.full).perform(work)
        try:
            self._assign(work, logins, not_after=reserved_at + RESERVED_SECONDS)
        except (Ambiguous, RateLimited):
            raise  # It may be there, or the next try uses the reservation.
        except RequestFailed:
            # GitHub certainly did not take it: it does not count.
            work.people.not_claimed(self.repository, self.number, person, reserved_at)
            raise
        return self._assigned(work)

    def _reserve(self, work: Work, person: str, login: str) -> float | None:
        """Reserve one of the person's places; None without one. `login` is theirs by now.

        Claims of other issues are performed at the same time. Stored claims may be stale, so GitHub
        confirms them when they reach the limit.
        """
        place = (self.repository, self.number, person)
        reserved_at = work.people.reserve_claim(*place, most=self.most)
        if reserved_at is not None:
            return reserved_at
        params = {"assignee": login, "state": "open", "per_page": self.most + 1}
        issues = work.client.get(f"/repos/{self.repository}/issues", params=params)
        held = {int(issue["number"]) for issue in issues}
        return work.people.reserve_claim(*place, most=self.most, held=held)

    def _assign(self, work: Work, logins: Sequence[str], *, not_after: float | None = None) -> None:
        path = f"/repos/{self.repository}/issues/{self.number}/assignees"
        answer = work.client.post(path, json={"assignees": list(logins)}, not_after=not_after)
        _check(self, answer, logins, are_assigned=True)

    def _assigned(self, work: Work) -> Result:
        for person in self.people if self.claim else ():
            work.people.remember_claim(self.repository, self.number, person)
        return Result({"assigned": self.people})

    def _is_free(self, work: Work, logins: Sequence[str]) -> bool:
        """Whether no one else has it; noted, so that a wait for a write slot asks only once."""
        if work.clock() - (work.note().free_at or 0.0) < FREE_SECONDS:
            return True
        issue = work.client.get(f"/repos/{self.repository}/issues/{self.number}")
        holders = {str(one["login"]).lower() for one in issue.get("assignees") or ()}
        if holders - {login.lower() for login in logins}:
            return False
        # If another person takes it meanwhile, the next try looks for the comment before it writes.
        work.save(replace(work.note().look_first(), free_at=work.clock()))
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Unassign(IssueAction):
    """Unassign people from an issue, and delete their claims, once for each `about`.

    Safe to repeat: GitHub ignores people who are not assigned.
    """

    kind: ClassVar[str] = "unassign"
    noun: ClassVar[tuple[str, str]] = ("assignment removed", "assignments removed")
    public: ClassVar[str] = "removed an assignment of {place}"
    own_line: ClassVar[bool] = True
    declines: ClassVar[bool] = True

    people: tuple[str, ...]
    by: str = ""

    def describe(self) -> str:
        """The action in words, for people."""
        return f"unassign {', '.join(self.people)} from {self.subject}"

    def perform(self, work: Work) -> Result:
        """Unassign; returns the logins."""
        path = f"/repos/{self.repository}/issues/{self.number}/assignees"
        logins = present_logins(work, self.people)
        answer = work.client.delete(path, json={"assignees": list(logins)})
        _check(self, answer, logins, are_assigned=False)
        for person in self.people:
            work.people.forget_claim(self.repository, self.number, person)
        return Result({"unassigned": self.people})


def _check(
    action: Assign | Unassign, answer: Any, logins: Sequence[str], *, are_assigned: bool
) -> None:
    """Compare GitHub's answer with the request: it drops people without an error.

    Raises Invalid. An answer without assignees says nothing.
    """
    listed = answer.get("assignees") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        return
    assigned = {str(each.get("login")).lower() for each in listed if isinstance(each, dict)}
    wrong = [each for each in logins if (each.lower() in assigned) is not are_assigned]
    if wrong:
        method = "POST" if are_assigned else "DELETE"
        raise Invalid(
            f"GitHub {_DROPPED if are_assigned else _KEPT} {', '.join(wrong)}",
            method=method,
            path=f"/repos/{action.repository}/issues/{action.number}/assignees",
        )
