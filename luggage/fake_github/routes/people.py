"""Sign-in with the App (OAuth with PKCE), and the routes for a user's token.

It follows "Generating a user access token for a GitHub App" in GitHub's documentation. There is no
consent page: the person of `FakeGithub.set_browser_user` has consented, and GitHub redirects at
once.
"""

import base64
import hashlib
from urllib.parse import urlencode

from luggage.fake_github.credentials import Code
from luggage.fake_github.messages import Answer, not_found
from luggage.fake_github.records import Account
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes import accounts, apps

routes = RouteTable()


@routes("GET", "/login/oauth/authorize", any_caller=True)
def authorize(call: RouteCall) -> Answer:
    """Redirect to the App's callback URL with a code for the browser's user."""
    app, query = call.world.app, call.request.query
    if query.get("client_id") != app.client_id or not app.callback_urls:
        raise not_found()
    result = {"error": "access_denied"}
    if call.world.browser_user is not None:
        code = Code(call.world.browser_user, query.get("code_challenge", ""))
        result = {"code": call.credentials.add_code(code)}
    result["state"] = query.get("state", "")
    return Answer(302, None, {"Location": f"{app.callback_urls[0]}?{urlencode(result)}"})


@routes("POST", "/login/oauth/access_token", any_caller=True)
def redeem(call: RouteCall) -> Answer:
    """Return a token for a code; errors have status 200, as on GitHub."""
    app, form = call.world.app, call.request.form
    credentials = form.get("client_id"), form.get("client_secret")
    if credentials != (app.client_id, app.client_secret):
        return Answer(200, {"error": "incorrect_client_credentials"})
    code = call.credentials.take_code(form.get("code", ""))
    if code is None or not _matches_challenge(form.get("code_verifier", ""), code.challenge):
        return Answer(200, {"error": "bad_verification_code"})
    token = call.credentials.issue_user_token(code.person)
    return Answer(200, {"access_token": token, "token_type": "bearer", "scope": ""})


@routes("GET", "/user", any_caller=True)
def get_authenticated_user(call: RouteCall) -> Answer:
    """Return the person who signed in."""
    return Answer(200, accounts.public_user(call.world, _person(call)))


@routes("GET", "/user/installations", any_caller=True)
def list_installations(call: RouteCall) -> Answer:
    """List the installations on the person's account and organizations."""
    person = _person(call)
    installations = [one for one in call.world.installations.values() if _sees(person, one.account)]
    shown, headers = call.slice(installations)
    shapes = [apps.installation(call.world, one) for one in shown]
    return Answer(200, {"total_count": len(installations), "installations": shapes}, headers)


@routes("GET", "/user/memberships/orgs/{org}", any_caller=True)
def get_own_membership(call: RouteCall) -> Answer:
    """Return the person's membership of an organization; 404 without the App."""
    person, organization = _person(call), call.user("org")
    membership = organization.members.get(person.login.lower())
    if membership is None or call.world.installation_of(organization) is None:
        raise not_found()
    return Answer(200, accounts.membership(call.world, membership))


@routes("GET", "/apps/{app_slug}", any_caller=True)
def get_app_by_slug(call: RouteCall) -> Answer:
    """Return the App; a private one is visible only to members of its owner."""
    app = call.world.app
    if call.names["app_slug"] != app.slug:
        raise not_found()
    if not app.public and not _sees(_person(call), call.world.app_owner):
        raise not_found()
    return Answer(200, apps.integration(call.world))


def _person(call: RouteCall) -> Account:
    return call.credentials.person(call.request.headers.get("authorization", ""))


def _sees(person: Account, account: Account) -> bool:
    membership = account.members.get(person.login.lower())
    return account is person or (membership is not None and membership.state == "active")


def _matches_challenge(verifier: str, challenge: str) -> bool:
    """Return whether the verifier matches the challenge, if any (RFC 7636, S256)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return not challenge or base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge
