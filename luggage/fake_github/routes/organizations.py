"""Organizations, their members and invitations; users."""

from luggage.fake_github.messages import Answer, Refused, existing, not_found
from luggage.fake_github.records import Membership
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes import accounts as shapes

routes = RouteTable()


@routes("GET", "/users/{username}")
def get_user(call: RouteCall) -> Answer:
    """Return a user's public profile."""
    return Answer(200, shapes.public_user(call.world, call.user()))


@routes("GET", "/user/{account_id}")
def get_user_by_id(call: RouteCall) -> Answer:
    """Return a user's public profile by the numeric id, whatever the login is by now."""
    number = call.number("account_id")
    found = (each for each in call.world.accounts.values() if each.id == number)
    return Answer(200, shapes.public_user(call.world, existing(next(found, None))))


@routes("GET", "/orgs/{org}")
def get_organization(call: RouteCall) -> Answer:
    """Return an organization."""
    return Answer(200, shapes.full_organization(call.world, call.organization()))


@routes("GET", "/orgs/{org}/members")
def list_members(call: RouteCall) -> Answer:
    """List the members, without pending invitations."""
    active = [one.user for one in call.organization().members.values() if one.state == "active"]
    return call.page(active, lambda user: shapes.user(call.world, user))


@routes("GET", "/orgs/{org}/members/{username}")
def check_member(call: RouteCall) -> Answer:
    """Return 204 for an active member, 404 for anyone else."""
    membership = call.organization().members.get(call.names["username"].lower())
    if membership is None or membership.state != "active":
        raise not_found()
    return Answer(204)


@routes("GET", "/orgs/{org}/memberships/{username}")
def get_membership(call: RouteCall) -> Answer:
    """Return a membership, pending or active."""
    return Answer(200, shapes.membership(call.world, _membership(call)))


@routes("PUT", "/orgs/{org}/memberships/{username}")
def put_membership(call: RouteCall) -> Answer:
    """Invite a person or change the role; repeating keeps one invitation."""
    organization, role = call.organization(), call.body().get("role", "member")
    if role not in {"member", "admin"}:
        raise Refused(422, f"Invalid request.\n\n{role!r} is not a possible value.")
    user = call.user()
    if user.kind != "User":
        # Bots and organizations cannot be members.
        raise Refused(422, "Validation Failed", [{"resource": "OrganizationInvitation"}])
    membership = call.world.join(organization, user, role=role, state="pending")
    call.log(
        f"{call.actor.login} invites {user.login} to {organization.login} ({membership.state})"
    )
    return Answer(200, shapes.membership(call.world, membership))


@routes("GET", "/orgs/{org}/invitations")
def list_invitations(call: RouteCall) -> Answer:
    """List pending invitations."""
    pending = [one for one in call.organization().members.values() if one.state == "pending"]
    return call.page(pending, lambda one: shapes.invitation(call.world, one))


@routes("DELETE", "/orgs/{org}/memberships/{username}")
def delete_membership(call: RouteCall) -> Answer:
    """Remove a member or cancel an invitation."""
    membership = _membership(call)
    call.world.leave(membership)
    call.log(
        f"{call.actor.login} removes {membership.user.login} from {membership.organization.login}"
    )
    return Answer(204)


def _membership(call: RouteCall) -> Membership:
    return existing(call.organization().members.get(call.names["username"].lower()))
