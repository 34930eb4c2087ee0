"""Who belongs to an organization: how people are invited, join, decline, leave and are removed.

Each method changes the world and gives the webhook that tells of it, where GitHub has one.
"""

from typing import NamedTuple

from luggage.fake_github.journal import Journal
from luggage.fake_github.records import Account, Membership
from luggage.fake_github.shapes import accounts, apps
from luggage.fake_github.shapes.common import Json
from luggage.fake_github.world import World


class Happening(NamedTuple):
    """An event's name and its payload: `fake.deliver(*happening)` sends it."""

    event: str
    payload: Json


class Belonging:
    """The part of Story that is about organizations; LookupError for a place that there is not."""

    def __init__(self, world: World, journal: Journal) -> None:
        self.world = world
        self.journal = journal

    def invite_by_hand(self, organization: str, login: str, by: str = "olga") -> Happening:
        """An owner invites someone on GitHub's own page: organization, action member_invited."""
        with self.world.lock:
            of = self.world.account(organization, "Organization")
            user = self.world.account(login)
            place = self.world.join(of, user, role="member", state="pending")
            self.journal.tell(f"{by} invites {login} to {organization}")
            invitation = accounts.invitation(self.world, place)
            shape = accounts.user(self.world, user)
            return self._told("member_invited", of, by, invitation=invitation, user=shape)

    def accept_invitation(self, organization: str, login: str) -> Happening:
        """The invited joins: organization, action member_added."""
        with self.world.lock:
            place = self._place(organization, login)
            place.state = "active"
            self.journal.tell(f"{login} joins {organization}")
            return self._about_place("member_added", place, login)

    def decline_invitation(self, organization: str, login: str) -> None:
        """The invited declines, or lets the invitation lapse: of that GitHub has no webhook."""
        with self.world.lock:
            place = self._place(organization, login)
            self.world.leave(place)
            self.journal.tell(f"{login} does not join {organization}")

    def leave(self, organization: str, login: str, *, by: str = "") -> Happening:
        """A member leaves, or is removed `by` somebody: organization, action member_removed."""
        with self.world.lock:
            place = self._place(organization, login)
            self.world.leave(place)
            self.journal.tell(f"{login} leaves {organization}")
            return self._about_place("member_removed", place, by or login)

    def _place(self, organization: str, login: str) -> Membership:
        return self.world.account(organization, "Organization").members[login.lower()]

    def _about_place(self, action: str, place: Membership, sender: str) -> Happening:
        shape = accounts.membership(self.world, place)
        # The webhook's membership names no organization: it stands beside it.
        del shape["organization"]
        return self._told(action, place.organization, sender, membership=shape)

    def _told(self, action: str, organization: Account, sender: str, **more: Json) -> Happening:
        payload = {
            "action": action,
            **more,
            "organization": accounts.organization(self.world, organization),
            **apps.installation_context(self.world, organization),
            "sender": accounts.user(self.world, self.world.account(sender)),
        }
        return Happening("organization", payload)
