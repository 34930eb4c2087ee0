"""Repositories and their labels."""

from luggage.github.testing.messages import Answer, invalid
from luggage.github.testing.routing import Call, Routes
from luggage.github.testing.shapes import accounts
from luggage.github.testing.shapes import repositories as shapes

routes = Routes()


@routes("GET", "/repos/{owner}/{repo}")
def get_repository(call: Call) -> Answer:
    """A repository."""
    return Answer(200, shapes.full_repository(call.world, call.repository()))


@routes("GET", "/installation/repositories")
def list_repositories(call: Call) -> Answer:
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
def list_labels(call: Call) -> Answer:
    """All labels of the repository."""
    repository = call.repository()
    found = list(repository.labels.values())
    return call.page(found, lambda one: shapes.label(call.world, repository, one))


@routes("POST", "/repos/{owner}/{repo}/labels")
def create_label(call: Call) -> Answer:
    """A new label; a name that exists is refused."""
    repository, name = call.repository(), call.text("Label", "name")
    if name.lower() in repository.labels:
        raise invalid("Label", "name", "already_exists")
    return Answer(201, shapes.label(call.world, repository, call.world.label(repository, name)))


@routes("GET", "/repos/{owner}/{repo}/collaborators/{username}/permission")
def get_permission(call: Call) -> Answer:
    """What someone may do: owners administer, members write, everybody else reads."""
    repository, user = call.repository(), call.user()
    place = repository.owner.members.get(user.login.lower())
    role = place.role if place is not None and place.state == "active" else ""
    is_owner = user is repository.owner or role == "admin"
    permission = "admin" if is_owner else "write" if role else "read"
    rights = dict.fromkeys(("admin", "maintain", "push", "triage", "pull"), False)
    rights |= {"pull": True, "triage": bool(role), "push": bool(role)}
    if is_owner:
        rights = dict.fromkeys(rights, True)
    shape = {**accounts.user(call.world, user), "permissions": rights, "role_name": permission}
    return Answer(200, {"permission": permission, "role_name": permission, "user": shape})
