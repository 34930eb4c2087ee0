"""Actions on memberships: invite, accept, decline, leave, remove."""

from luggage.fake_github.happenings.scene import Happening, Scene
from luggage.fake_github.records import Account, Membership
from luggage.fake_github.shapes import accounts, apps
from luggage.fake_github.shapes.common import Json


def invite_by_hand(scene: Scene, organization: str, login: str, by: str = "olga") -> Happening:
    """Invite a person on GitHub's own page: organization, action member_invited."""
    with scene.world.lock:
        account = scene.world.account(organization, "Organization")
        user = scene.world.account(login)
        membership = scene.world.join(account, user, role="member", state="pending")
        scene.journal.add(f"{by} invites {login} to {organization}")
        invitation = accounts.invitation(scene.world, membership)
        shape = accounts.user(scene.world, user)
        return _event(scene, "member_invited", account, by, invitation=invitation, user=shape)


def accept_invitation(scene: Scene, organization: str, login: str) -> Happening:
    """Accept an invitation: organization, action member_added."""
    with scene.world.lock:
        membership = _membership(scene, organization, login)
        membership.state = "active"
        scene.journal.add(f"{login} joins {organization}")
        return _membership_event(scene, "member_added", membership, login)


def decline_invitation(scene: Scene, organization: str, login: str) -> None:
    """Decline an invitation or let it expire; GitHub sends no webhook."""
    with scene.world.lock:
        membership = _membership(scene, organization, login)
        scene.world.leave(membership)
        scene.journal.add(f"{login} does not join {organization}")


def leave(scene: Scene, organization: str, login: str, *, by: str = "") -> Happening:
    """Leave, or be removed `by` someone: organization, action member_removed."""
    with scene.world.lock:
        membership = _membership(scene, organization, login)
        scene.world.leave(membership)
        scene.journal.add(f"{login} leaves {organization}")
        return _membership_event(scene, "member_removed", membership, by or login)


def _membership(scene: Scene, organization: str, login: str) -> Membership:
    return scene.world.account(organization, "Organization").members[login.lower()]


def _membership_event(scene: Scene, action: str, membership: Membership, sender: str) -> Happening:
    shape = accounts.membership(scene.world, membership)
    # In a webhook the organization is next to the membership, not in it.
    del shape["organization"]
    return _event(scene, action, membership.organization, sender, membership=shape)


def _event(
    scene: Scene, action: str, organization: Account, sender: str, **more: Json
) -> Happening:
    payload = {
        "action": action,
        **more,
        "organization": accounts.organization(scene.world, organization),
        **apps.installation_context(scene.world, organization),
        "sender": accounts.user(scene.world, scene.world.account(sender)),
    }
    return Happening("organization", payload)
