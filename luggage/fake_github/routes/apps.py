"""The App, its installations, tokens and rate limit."""

from luggage.fake_github.messages import Answer, Refused, existing
from luggage.fake_github.records import Account, Installation
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes import apps as shapes

routes = RouteTable()


@routes("GET", "/app", by_app=True)
def get_app(call: RouteCall) -> Answer:
    """Return the App, with its number of installations."""
    count = len(call.world.installations)
    return Answer(200, {**shapes.integration(call.world), "installations_count": count})


@routes("GET", "/app/installations", by_app=True)
def list_installations(call: RouteCall) -> Answer:
    """List all installations."""
    installations = list(call.world.installations.values())
    return call.page(installations, lambda one: shapes.installation(call.world, one))


@routes("GET", "/app/installations/{installation_id}", by_app=True)
def get_installation(call: RouteCall) -> Answer:
    """Return an installation."""
    return Answer(200, shapes.installation(call.world, _installation(call)))


@routes("POST", "/app/installations/{installation_id}/access_tokens", by_app=True)
def create_token(call: RouteCall) -> Answer:
    """Create a token; a suspended installation gets none."""
    installation = _installation(call)
    if installation.suspended_at is not None:
        raise Refused(403, "This installation has been suspended")
    token = call.credentials.issue(installation)
    return Answer(201, shapes.token(token.value, token.expires_at, installation))


@routes("GET", "/orgs/{org}/installation", by_app=True)
def get_organization_installation(call: RouteCall) -> Answer:
    """Return an organization's installation."""
    return _installation_on(call, call.user("org"))


@routes("GET", "/users/{username}/installation", by_app=True)
def get_user_installation(call: RouteCall) -> Answer:
    """Return a user's installation."""
    return _installation_on(call, call.user())


@routes("GET", "/repos/{owner}/{repo}/installation", by_app=True)
def get_repository_installation(call: RouteCall) -> Answer:
    """Return a repository's installation."""
    full_name = f"{call.names['owner']}/{call.names['repo']}".lower()
    return _installation_on(call, existing(call.world.repositories.get(full_name)).owner)


@routes("GET", "/rate_limit")
def get_rate_limit(call: RouteCall) -> Answer:
    """Return the rate limits; this request is not counted."""
    caller = 0 if call.installation is None else call.installation.id
    paths = {"core": "/", "search": "/search/issues", "graphql": "/graphql"}
    resources = {name: call.limits.budget(caller, path).shape() for name, path in paths.items()}
    return Answer(200, {"resources": resources, "rate": resources["core"]})


def _installation(call: RouteCall) -> Installation:
    return existing(call.world.installations.get(call.number("installation_id")))


def _installation_on(call: RouteCall, account: Account) -> Answer:
    installation = existing(call.world.installation_of(account))
    return Answer(200, shapes.installation(call.world, installation))
