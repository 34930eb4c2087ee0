"""Teams of an organization, and their memberships."""

from luggage.fake_github.messages import Answer, Refused, existing, not_found
from luggage.fake_github.records import Team
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes import accounts as shapes

routes = RouteTable()
_MEMBERSHIP = "/orgs/{org}/teams/{team_slug}/memberships/{username}"


@routes("GET", "/orgs/{org}/teams")
def list_teams(call: RouteCall) -> Answer:
    """List the teams."""
    teams = list(call.organization().teams.values())
    return call.page(teams, lambda one: shapes.team(call.world, one))


@routes("GET", _MEMBERSHIP)
def get_team_membership(call: RouteCall) -> Answer:
    """Return a team membership, pending or active; 404 for anyone else."""
    team, login = _team(call), call.names["username"]
    if login.lower() not in team.roles:
        raise not_found()
    return Answer(200, shapes.team_membership(call.world, team, login))


@routes("PUT", _MEMBERSHIP)
def put_team_membership(call: RouteCall) -> Answer:
    """Add a person to a team or change the role; invite them to the organization if needed."""
    team, role = _team(call), call.body().get("role", "member")
    if role not in {"member", "maintainer"}:
        raise Refused(422, f"Invalid request.\n\n{role!r} is not a possible value.")
    user = call.user()
    if user.kind != "User":
        raise Refused(422, "Validation Failed", [{"resource": "TeamMember"}])
    if user.login.lower() not in team.organization.members:
        call.world.join(team.organization, user, role="member", state="pending")
    team.roles[user.login.lower()] = role
    call.log(f"{call.actor.login} puts {user.login} into the team {team.name} ({role})")
    return Answer(200, shapes.team_membership(call.world, team, user.login))


@routes("DELETE", _MEMBERSHIP)
def delete_team_membership(call: RouteCall) -> Answer:
    """Remove a person from a team, but not from the organization."""
    team, login = _team(call), call.names["username"].lower()
    if login not in team.roles:
        raise not_found()
    del team.roles[login]
    return Answer(204)


def _team(call: RouteCall) -> Team:
    return existing(call.organization().teams.get(call.names["team_slug"].lower()))
