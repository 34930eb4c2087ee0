"""Team membership: puts a person into a team."""

from dataclasses import dataclass
from typing import ClassVar

from bot.actions.base import Action
from bot.actions.work import Result, Work
from bot.actions.write_once import look_first, present_login

_PATH = "/orgs/{organization}/teams/{team}/memberships/{person}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinTeam(Action):
    """Put a member of the organisation, or an invited person, into a team, named by its slug.

    `by` ordered it with a command in `place`, `owner/repo#number`.

    Safe to repeat: it looks first, and a person who is in the team keeps their role.
    """

    kind: ClassVar[str] = "team"
    noun: ClassVar[tuple[str, str]] = ("team membership", "team memberships")
    urgent: ClassVar[bool] = True
    needed: ClassVar[bool] = True

    organization: str
    team: str
    person: str
    role: str = "member"
    by: str = ""
    place: str = ""

    @property
    def identity(self) -> str:
        """The person in the team."""
        return f"{self.organization}/{self.team}/{self.person}"

    def describe(self) -> str:
        """The action in words, for people."""
        return f"put {self.person} into the team {self.organization}/{self.team}"

    def perform(self, work: Work) -> Result:
        """Join; returns role and state. GitHub: "Add or update team membership for a user"."""
        person = present_login(work, self.person)
        where = {"organization": self.organization, "team": self.team, "person": person}
        place = look_first(work.client, _PATH, **where)
        if place is None:
            role = {"role": self.role}
            place = work.client.put(_PATH, json=role, params=None, not_after=None, **where)
        return Result({"role": place["role"], "state": place["state"]})
