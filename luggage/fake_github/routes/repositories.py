"""Repositories and their labels."""

from luggage.fake_github.messages import Answer, invalid, not_found
from luggage.fake_github.records import Account, Repository
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes import accounts
from luggage.fake_github.shapes import repositories as shapes

routes = RouteTable()
_ROLES = ("none", "read", "triage", "write", "maintain", "admin")
_RIGHTS = ("pull", "triage", "push", "maintain", "admin")


@routes("GET", "/repos/{owner}/{repo}")
def get_repository(call: RouteCall) -> Answer:
    """A repository."""
    return Answer(200, shapes.full_repository(call.world, call.repository()))


@routes("GET", "/installation/repositories")
def list_repositories(call: RouteCall) -> Answer:
    """What the installation reaches."""
    found = [each for each in call.world.repositories.values() if call.has_access(each.owner)]
    shown, headers = call.slice(found)
    body = {
        "total_count": len(found),
        "repository_selection": "all",
        "repositories": [shapes.repository(call.world, each) for each in shown],
    }
    return Answer(200, body, headers)


@routes("GET", "/repos/{owner}/{repo}/labels")
def list_labels(call: RouteCall) -> Answer:
    """All labels of the repository."""
    repository = call.repository()
    found = list(repository.labels.values())
    return call.page(found, lambda one: shapes.label(call.world, repository, one))


@routes("GET", "/repos/{owner}/{repo}/labels/{name}")
def get_label(call: RouteCall) -> Answer:
    """A label, whatever the case its name is asked for in."""
    repository = call.repository()
    found = repository.labels.get(call.names["name"].lower())
    if found is None:
        raise not_found()
    return Answer(200, shapes.label(call.world, repository, found))


@routes("POST", "/repos/{owner}/{repo}/labels")
def create_label(call: RouteCall) -> Answer:
    """A new label; a name that exists is refused."""
    repository, name = call.repository(), call.text("Label", "name")
    if name.lower() in repository.labels:
        raise invalid("Label", "name", "already_exists")
    return Answer(201, shapes.label(call.world, repository, call.world.label(repository, name)))


@routes("GET", "/repos/{owner}/{repo}/collaborators/{username}/permission")
def get_permission(call: RouteCall) -> Answer:
    """What someone may do: owners administer, members write, others what was given to them.

    `permission` is the legacy form, in which maintain is write, and triage is read.
    """
    repository, user = call.repository(), call.user()
    role = _role(repository, user)
    at = _ROLES.index(role)
    # "pull" comes first, and who may do more may do all that comes before it.
    rights = {right: rank < at for rank, right in enumerate(_RIGHTS)}
    permission = {"triage": "read", "maintain": "write"}.get(role, role)
    shape = {**accounts.user(call.world, user), "permissions": rights, "role_name": role}
    return Answer(200, {"permission": permission, "role_name": role, "user": shape})


def _role(repository: Repository, user: Account) -> str:
    place = repository.owner.members.get(user.login.lower())
    role = place.role if place is not None and place.state == "active" else ""
    if user is repository.owner or role == "admin":
        return "admin"
    given = repository.collaborators.get(user.login.lower())
    return given or ("write" if role else "none" if repository.private else "read")
