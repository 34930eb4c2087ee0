"""Invitation: offers a person membership of an organisation."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from bot.actions.base import Action
from bot.actions.work import ReadingClient, Result, Superseded, Work
from bot.actions.write_once import look_first, present_login
from luggage.github.errors import Ambiguous, RequestFailed
from luggage.jobs.model import Postpone

_PATH = "/orgs/{organization}/memberships/{person}"
# How long an invitation may rely on a look. A process that was stopped between the two finds that
# it is too late, because another process may have invited meanwhile. With the 25 s that a request
# may take to arrive, this is no more than what is left of a lease.
LOOK_SECONDS = 15.0
# GitHub limits an organisation's invitations of a day (50, or 500), and says so with 422.
_OVER_LIMIT = re.compile(r"\binvitation (?:rate )?limit\b", re.IGNORECASE)
_HOUR_SECONDS = 3600.0
# How long an invitation waits for that limit before it needs somebody.
_LIMIT_SECONDS = 3 * 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite(Action):
    """Offer a person membership of an organisation.

    `by` ordered it with a command in `place`, `owner/repo#number`; `again` names the text that
    orders it once more. `most_a_day` limits the invitations of the organisation in one day (UTC); 0
    means no limit.

    Safe to repeat: it looks first, and invites only somebody who has no membership now and has not
    been seen with one since the decision. So nobody's role is changed, and nobody who left or
    declined is invited again, under whatever login. Each invitation is noted before it is sent and
    counts against the day's limit; above it, the action waits for the next day.
    """

    kind: ClassVar[str] = "invite"
    noun: ClassVar[tuple[str, str]] = ("invitation", "invitations")
    public: ClassVar[str] = "invited a newcomer to {owner}, because of {place}"
    own_line: ClassVar[bool] = True
    urgent: ClassVar[bool] = True
    needed: ClassVar[bool] = True

    organization: str
    person: str
    role: str = "member"
    by: str = ""
    place: str = ""
    most_a_day: int = 0
    again: str = ""

    @property
    def identity(self) -> str:
        """The person in the organisation."""
        return f"{self.organization}/{self.person}"

    @property
    def subject(self) -> str:
        """The organisation: an invitation that waits for tomorrow holds up only other ones."""
        return self.organization

    def describe(self) -> str:
        """The action in words, for people."""
        return f"invite {self.person} to {self.organization}"

    def perform(self, work: Work) -> Result:
        """Invite the person; returns the state of the membership: `pending` or `active`.

        Raises Superseded for an earlier member or invited person, Postpone after the day's last
        invitation, and RequestFailed. Safe to repeat.
        """
        person = present_login(work, self.person)
        now = work.clock()
        found = membership(work.client, self.organization, person)
        if found is None:
            if work.people.membership(self.organization, self.person) is not None:
                raise Superseded(
                    f"{self.person} has been in {self.organization}, or was invited, meanwhile"
                )
            self._wait_for_room(work, now)
            found = self._send(work, person, not_after=now + LOOK_SECONDS)
        state = str(found["state"])
        work.people.remember(self.organization, self.person, state)
        return Result({"state": state})

    def _wait_for_room(self, work: Work, now: float) -> None:
        today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        others = work.people.invited_since(self.organization, today.timestamp(), but=self.person)
        if self.most_a_day and others >= self.most_a_day:
            tomorrow = (today + timedelta(days=1)).timestamp()
            raise Postpone(tomorrow, f"invited today: {others}, which is the most a day")

    def _send(self, work: Work, login: str, *, not_after: float) -> Mapping[str, Any]:
        organization, person = self.organization, self.person
        sent_at = work.people.inviting(organization, person)
        try:
            answer: Mapping[str, Any] = work.client.put(
                _PATH,
                json={"role": self.role},
                not_after=not_after,
                organization=organization,
                person=login,
            )
        except Ambiguous:
            raise
        except RequestFailed as error:
            # GitHub certainly did not take it: it does not count.
            work.people.not_invited(organization, person, sent_at)
            now = work.clock()
            if _OVER_LIMIT.search(f"{error}") and now - work.job.created_at < _LIMIT_SECONDS:
                raise Postpone(now + _HOUR_SECONDS, f"GitHub's limit of a day: {error}") from error
            raise
        return answer


def membership(client: ReadingClient, organization: str, person: str) -> Any | None:
    """GitHub's membership of a person in an organisation; None for neither member nor invited.

    Raises RequestFailed. GitHub: "Get organization membership for a user".
    """
    return look_first(client, _PATH, organization=organization, person=person)
