"""Organizations, their members and invitations; users."""

from luggage.fake_github.messages import Answer, Refused, not_found
from luggage.fake_github.records import Membership
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes import accounts as shapes

routes = RouteTable()


@routes("GET", "/users/{username}")
def get_user(call: RouteCall) -> Answer:
    """What everybody may know of a user."""
    return Answer(200, shapes.public_user(call.world, call.user()))


@routes("GET", "/orgs/{org}")
def get_organization(call: RouteCall) -> Answer:
    """An organization."""
    return Answer(200, shapes.full_organization(call.world, call.organization()))


@routes("GET", "/orgs/{org}/members")
def list_members(call: RouteCall) -> Answer:
    """The members; the invited are none yet."""
    active = [one.user for one in call.organization().members.values() if one.state == "active"]
    return call.page(active, lambda user: shapes.user(call.world, user))


@routes("GET", "/orgs/{org}/members/{username}")
def check_member(call: RouteCall) -> Answer:
    """204 for a member, 404 for everybody else, the invited too."""
    place = call.organization().members.get(call.names["username"].lower())
    if place is None or place.state != "active":
        raise not_found()
    return Answer(204)


@routes("GET", "/orgs/{org}/memberships/{username}")
def get_membership(call: RouteCall) -> Answer:
    """The membership, pending or active."""
    return Answer(200, shapes.membership(call.world, _membership(call)))


@routes("PUT", "/orgs/{org}/memberships/{username}")
def put_membership(call: RouteCall) -> Answer:
    """Invite, or change the role; again and again it stays one pending invitation."""
    organization, role = call.organization(), call.body().get("role", "member")
    if role not in {"member", "admin"}:
        raise Refused(422, f"Invalid request.\n\n{role!r} is not a possible value.")
    user = call.user()
    if user.kind != "User":
        # Bots and organizations cannot be members.
        raise Refused(422, "Validation Failed", [{"resource": "OrganizationInvitation"}])
    place = call.world.join(organization, user, role=role, state="pending")
    call.tell(f"{call.actor.login} invites {user.login} to {organization.login} ({place.state})")
    return Answer(200, shapes.membership(call.world, place))


@routes("GET", "/orgs/{org}/invitations")
def list_invitations(call: RouteCall) -> Answer:
    """Those who have been invited and have not answered."""
    pending = [one for one in call.organization().members.values() if one.state == "pending"]
    return call.page(pending, lambda one: shapes.invitation(call.world, one))


@routes("DELETE", "/orgs/{org}/memberships/{username}")
def delete_membership(call: RouteCall) -> Answer:
    """Remove a member or take back an invitation."""
    place = _membership(call)
    call.world.leave(place)
    call.tell(f"{call.actor.login} removes {place.user.login} from {place.organization.login}")
    return Answer(204)


def _membership(call: RouteCall) -> Membership:
    found = call.organization().members.get(call.names["username"].lower())
    if found is None:
        raise not_found()
    return found
