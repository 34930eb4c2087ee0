"""Events of organizations: people are invited, join, decline, leave and are removed."""

from luggage.fake_github.happenings.scene import (
    Happening,
    Scene,
)
from luggage.fake_github.records import Account, Membership
from luggage.fake_github.shapes import accounts, apps
from luggage.fake_github.shapes.common import Json


def invite_by_hand(scene: Scene, organization: str, login: str, by: str = "olga") -> Happening:
    """An owner invites someone on GitHub's own page: organization, action member_invited."""
    with scene.world.lock:
        of = scene.world.account(organization, "Organization")
        user = scene.world.account(login)
        place = scene.world.join(of, user, role="member", state="pending")
        scene.journal.tell(f"{by} invites {login} to {organization}")
        invitation = accounts.invitation(scene.world, place)
        shape = accounts.user(scene.world, user)
        return _told(scene, "member_invited", of, by, invitation=invitation, user=shape)


def accept_invitation(scene: Scene, organization: str, login: str) -> Happening:
    """The invited joins: organization, action member_added."""
    with scene.world.lock:
        place = _place(scene, organization, login)
        place.state = "active"
        scene.journal.tell(f"{login} joins {organization}")
        return _about_place(scene, "member_added", place, login)


def decline_invitation(scene: Scene, organization: str, login: str) -> None:
    """The invited declines, or lets the invitation lapse: of that GitHub has no webhook."""
    with scene.world.lock:
        place = _place(scene, organization, login)
        scene.world.leave(place)
        scene.journal.tell(f"{login} does not join {organization}")


def leave(scene: Scene, organization: str, login: str, *, by: str = "") -> Happening:
    """A member leaves, or is removed `by` somebody: organization, action member_removed."""
    with scene.world.lock:
        place = _place(scene, organization, login)
        scene.world.leave(place)
        scene.journal.tell(f"{login} leaves {organization}")
        return _about_place(scene, "member_removed", place, by or login)


def _place(scene: Scene, organization: str, login: str) -> Membership:
    return scene.world.account(organization, "Organization").members[login.lower()]


def _about_place(scene: Scene, action: str, place: Membership, sender: str) -> Happening:
    shape = accounts.membership(scene.world, place)
    # The webhook's membership names no organization: it stands beside it.
    del shape["organization"]
    return _told(scene, action, place.organization, sender, membership=shape)


def _told(scene: Scene, action: str, organization: Account, sender: str, **more: Json) -> Happening:
    payload = {
        "action": action,
        **more,
        "organization": accounts.organization(scene.world, organization),
        **apps.installation_context(scene.world, organization),
        "sender": accounts.user(scene.world, scene.world.account(sender)),
    }
    return Happening("organization", payload)
