"""Actions on memberships and on the App's installation, and what makes GitHub refuse it."""

from luggage.fake_github.happenings.scene import Happening, Scene, repository_of
from luggage.fake_github.records import Account, Installation, Membership
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


def suspend(scene: Scene, login: str) -> Happening:
    """Suspend the App on an account: installation, action suspend. All requests get 403."""
    return _suspended(scene, login, "suspend", scene.world.clock())


def unsuspend(scene: Scene, login: str) -> Happening:
    """End the suspension: installation, action unsuspend."""
    return _suspended(scene, login, "unsuspend", None)


def uninstall(scene: Scene, login: str) -> Happening:
    """Remove the App from an account: installation, action deleted. New tokens get 404.

    Raises LookupError if it is not installed there.
    """
    with scene.world.lock:
        installation = _installation(scene, login)
        del scene.world.installations[installation.id]
        scene.journal.add(f"{login} uninstalls the App")
        return _installation_event(scene, "deleted", installation)


def set_allow_list(scene: Scene, login: str, *, on: bool = True) -> None:
    """Refuse the bot's address by an IP allow list (403), or accept it again; no webhook."""
    with scene.world.lock:
        scene.world.accounts[login.lower()].has_allow_list = on
        scene.journal.add(f"{login} {'refuses' if on else 'accepts'} the bot's address")


def block_repository(scene: Scene, repo: str, status: int = 451) -> None:
    """Refuse everything in a repository, as GitHub's staff does: 451 or 403, 0 to end it."""
    with scene.world.lock:
        repository_of(scene, repo).blocked = status
        scene.journal.add(f"GitHub {'blocks' if status else 'unblocks'} {repo}")


def accept_permissions(scene: Scene, login: str, **permissions: str) -> Happening:
    """Replace what an account granted the App: installation, new_permissions_accepted."""
    with scene.world.lock:
        installation = _installation(scene, login)
        installation.permissions = permissions
        scene.journal.add(f"{login} grants {permissions}")
        return _installation_event(scene, "new_permissions_accepted", installation)


def _suspended(scene: Scene, login: str, action: str, at: float | None) -> Happening:
    with scene.world.lock:
        installation = _installation(scene, login)
        installation.suspended_at = at
        scene.journal.add(f"{login} {action}s the App")
        return _installation_event(scene, action, installation)


def _installation(scene: Scene, login: str) -> Installation:
    installation = scene.world.installation_of(scene.world.accounts[login.lower()])
    if installation is None:
        raise LookupError(f"The App is not installed on {login}.")
    return installation


def _installation_event(scene: Scene, action: str, installation: Installation) -> Happening:
    payload = {
        "action": action,
        "installation": apps.installation(scene.world, installation),
        "sender": accounts.user(scene.world, scene.world.account("olga")),
    }
    return Happening("installation", payload)


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
