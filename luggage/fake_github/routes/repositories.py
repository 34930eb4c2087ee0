"""Repositories and their labels."""

from luggage.fake_github.messages import Answer, existing, invalid
from luggage.fake_github.records import Account, Repository
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes import accounts
from luggage.fake_github.shapes import repositories as shapes

routes = RouteTable()
_ROLES = ("none", "read", "triage", "write", "maintain", "admin")
_RIGHTS = ("pull", "triage", "push", "maintain", "admin")


@routes("GET", "/repos/{owner}/{repo}")
def get_repository(call: RouteCall) -> Answer:
    """Return a repository."""
    return Answer(200, shapes.full_repository(call.world, call.repository()))


@routes("GET", "/installation/repositories")
def list_repositories(call: RouteCall) -> Answer:
    """List the installation's repositories."""
    accessible = [each for each in call.world.repositories.values() if call.has_access(each.owner)]
    page, headers = call.slice(accessible)
    body = {
        "total_count": len(accessible),
        "repository_selection": "all",
        "repositories": [shapes.repository(call.world, each) for each in page],
    }
    return Answer(200, body, headers)


@routes("GET", "/repos/{owner}/{repo}/labels")
def list_labels(call: RouteCall) -> Answer:
    """List the repository's labels."""
    repository = call.repository()
    labels = list(repository.labels.values())
    return call.page(labels, lambda one: shapes.label(call.world, repository, one))


@routes("GET", "/repos/{owner}/{repo}/labels/{name}")
def get_label(call: RouteCall) -> Answer:
    """Return a label; its name is case-insensitive."""
    repository = call.repository()
    label = existing(repository.labels.get(call.names["name"].lower()))
    return Answer(200, shapes.label(call.world, repository, label))


@routes("POST", "/repos/{owner}/{repo}/labels")
def create_label(call: RouteCall) -> Answer:
    """Create a label; an existing name is an error."""
    repository, name = call.repository(), call.text("Label", "name")
    if name.lower() in repository.labels:
        raise invalid("Label", "name", "already_exists")
    return Answer(201, shapes.label(call.world, repository, call.world.label(repository, name)))


@routes("GET", "/repos/{owner}/{repo}/collaborators/{username}/permission")
def get_permission(call: RouteCall) -> Answer:
    """Return a user's permission: owners have admin, members write, others what they were given.

    `permission` is the legacy form: maintain becomes write, and triage becomes read.
    """
    repository, user = call.repository(), call.user()
    role = _role(repository, user)
    at = _ROLES.index(role)
    # "pull" comes first, and each right includes those before it.
    rights = {right: rank < at for rank, right in enumerate(_RIGHTS)}
    permission = {"triage": "read", "maintain": "write"}.get(role, role)
    is_granted = repository.collaborators.get(user.login.lower()) == role
    name = repository.custom_roles.get(user.login.lower(), role) if is_granted else role
    shape = {**accounts.user(call.world, user), "permissions": rights, "role_name": name}
    return Answer(200, {"permission": permission, "role_name": name, "user": shape})


def _role(repository: Repository, user: Account) -> str:
    membership = repository.owner.members.get(user.login.lower())
    role = membership.role if membership is not None and membership.state == "active" else ""
    if user is repository.owner or role == "admin":
        return "admin"
    granted = repository.collaborators.get(user.login.lower())
    return granted or ("write" if role else "none" if repository.private else "read")
