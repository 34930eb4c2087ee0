"""The App asks about itself, and for the tokens of its installations."""

from luggage.fake_github.messages import Answer, Refused, not_found
from luggage.fake_github.records import Account, Installation
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes import apps as shapes

routes = RouteTable()


@routes("GET", "/app", by_app=True)
def get_app(call: RouteCall) -> Answer:
    """The App, with the number of its installations."""
    count = len(call.world.installations)
    return Answer(200, {**shapes.integration(call.world), "installations_count": count})


@routes("GET", "/app/installations", by_app=True)
def list_installations(call: RouteCall) -> Answer:
    """All installations, page by page."""
    found = list(call.world.installations.values())
    return call.page(found, lambda one: shapes.installation(call.world, one))


@routes("GET", "/app/installations/{installation_id}", by_app=True)
def get_installation(call: RouteCall) -> Answer:
    """One installation."""
    return Answer(200, shapes.installation(call.world, _installation(call)))


@routes("POST", "/app/installations/{installation_id}/access_tokens", by_app=True)
def create_token(call: RouteCall) -> Answer:
    """A new token; a suspended installation gets none."""
    one = _installation(call)
    if one.suspended_at is not None:
        raise Refused(403, "This installation has been suspended")
    token = call.credentials.issue(one)
    return Answer(201, shapes.token(token.value, token.expires_at, one))


@routes("GET", "/orgs/{org}/installation", by_app=True)
def get_organization_installation(call: RouteCall) -> Answer:
    """The installation on an organization."""
    return _installation_on(call, call.user("org"))


@routes("GET", "/users/{username}/installation", by_app=True)
def get_user_installation(call: RouteCall) -> Answer:
    """The installation on a user."""
    return _installation_on(call, call.user())


@routes("GET", "/repos/{owner}/{repo}/installation", by_app=True)
def get_repository_installation(call: RouteCall) -> Answer:
    """The installation that reaches a repository."""
    full_name = f"{call.names['owner']}/{call.names['repo']}".lower()
    if full_name not in call.world.repositories:
        raise not_found()
    return _installation_on(call, call.world.repositories[full_name].owner)


@routes("GET", "/rate_limit")
def get_rate_limit(call: RouteCall) -> Answer:
    """What is left; asking costs nothing."""
    caller = 0 if call.installation is None else call.installation.id
    paths = {"core": "/", "search": "/search/issues", "graphql": "/graphql"}
    left = {name: call.limits.budget(caller, path).shape() for name, path in paths.items()}
    return Answer(200, {"resources": left, "rate": left["core"]})


def _installation(call: RouteCall) -> Installation:
    found = call.world.installations.get(call.number("installation_id"))
    if found is None:
        raise not_found()
    return found


def _installation_on(call: RouteCall, account: Account) -> Answer:
    found = call.world.installation_of(account)
    if found is None:
        raise not_found()
    return Answer(200, shapes.installation(call.world, found))
