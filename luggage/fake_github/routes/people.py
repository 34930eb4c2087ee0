"""A person signs in with the App (OAuth with PKCE), and asks about himself with the token.

Follows "Generating a user access token for a GitHub App" in GitHub's documentation. There is no
page to click on: who sits at the browser (`FakeGithub.sits_at_the_browser`) has agreed before, and
then GitHub sends the browser back at once.
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


@routes("GET", "/login/oauth/authorize", by_anybody=True)
def authorize(call: RouteCall) -> Answer:
    """Back to the App's callback address, with a code for who sits at the browser."""
    app, query = call.world.app, call.request.query
    if query.get("client_id") != app.client_id or not app.callback_urls:
        raise not_found()
    told = {"error": "access_denied"}
    if call.world.at_the_browser is not None:
        code = Code(call.world.at_the_browser, query.get("code_challenge", ""))
        told = {"code": call.credentials.remember(code)}
    told["state"] = query.get("state", "")
    return Answer(302, None, {"Location": f"{app.callback_urls[0]}?{urlencode(told)}"})


@routes("POST", "/login/oauth/access_token", by_anybody=True)
def redeem(call: RouteCall) -> Answer:
    """A token for a code; like GitHub, with status 200 for errors too."""
    app, given = call.world.app, call.request.form
    credentials = given.get("client_id"), given.get("client_secret")
    if credentials != (app.client_id, app.client_secret):
        return Answer(200, {"error": "incorrect_client_credentials"})
    code = call.credentials.recall(given.get("code", ""))
    if code is None or not _fits(given.get("code_verifier", ""), code.challenge):
        return Answer(200, {"error": "bad_verification_code"})
    token = call.credentials.issue_to(code.person)
    return Answer(200, {"access_token": token, "token_type": "bearer", "scope": ""})


@routes("GET", "/user", by_anybody=True)
def get_authenticated_user(call: RouteCall) -> Answer:
    """Who signed in."""
    return Answer(200, accounts.public_user(call.world, _person(call)))


@routes("GET", "/user/installations", by_anybody=True)
def list_installations(call: RouteCall) -> Answer:
    """The App's installations on the person's organizations, and on the person."""
    person = _person(call)
    seen = [one for one in call.world.installations.values() if _sees(person, one.account)]
    shown, headers = call.slice(seen)
    listed = [apps.installation(call.world, one) for one in shown]
    return Answer(200, {"total_count": len(seen), "installations": listed}, headers)


@routes("GET", "/user/memberships/orgs/{org}", by_anybody=True)
def get_own_membership(call: RouteCall) -> Answer:
    """The person's own place in an organization where the App is installed; 404 elsewhere."""
    person, organization = _person(call), call.user("org")
    place = organization.members.get(person.login.lower())
    if place is None or call.world.installation_of(organization) is None:
        raise not_found()
    return Answer(200, accounts.membership(call.world, place))


@routes("GET", "/apps/{app_slug}", by_anybody=True)
def get_app_by_slug(call: RouteCall) -> Answer:
    """The App; a private one is shown to the members of its owner alone."""
    app = call.world.app
    if call.names["app_slug"] != app.slug:
        raise not_found()
    if not app.public and not _sees(_person(call), call.world.app_owner):
        raise not_found()
    return Answer(200, apps.integration(call.world))


def _person(call: RouteCall) -> Account:
    return call.credentials.person(call.request.headers.get("authorization", ""))


def _sees(person: Account, account: Account) -> bool:
    place = account.members.get(person.login.lower())
    return account is person or (place is not None and place.state == "active")


def _fits(verifier: str, challenge: str) -> bool:
    """Whether the verifier belongs to the challenge (RFC 7636, S256), where there is one."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return not challenge or base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge
