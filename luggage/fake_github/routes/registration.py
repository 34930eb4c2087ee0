"""App registration from a manifest: GitHub's pages, and the exchange of the code.

Every caller counts as an owner of every organization. Source: "Registering a GitHub App from a
manifest" in GitHub's documentation.
"""

import html
import json
import re
import secrets
from typing import Any
from urllib.parse import urlencode, urlsplit

from luggage.fake_github.credentials import new_private_key
from luggage.fake_github.messages import Answer, HtmlPage, existing, not_found
from luggage.fake_github.records import Account, App
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes import apps as shapes

routes = RouteTable()
# "You must complete this step of the GitHub App Manifest flow within one hour."
CODE_SECONDS = 3600.0
MAX_NAME_LENGTH = 34
# GitHub rejects subscriptions to events that every App receives, or that need a missing permission.
_ALWAYS_SENT = frozenset({"installation", "installation_repositories", "github_app_authorization"})
_NEEDED = {
    "issues": {"issues"},
    "issue_comment": {"issues", "pull_requests"},
    "push": {"contents"},
    "organization": {"members"},
    "member": {"members", "metadata"},
}


class _Rejected(Exception):  # noqa: N818 - a response, not a bug
    """GitHub rejects the manifest or the name."""


@routes("POST", "/organizations/{org}/settings/apps/new", any_caller=True)
def new_app(call: RouteCall) -> Answer:
    """Return the page for the App's name, filled in from the manifest."""
    org, text = _organization(call), call.request.form.get("manifest", "")
    try:
        manifest = _manifest(text)
    except _Rejected as error:
        return _page("Invalid GitHub App configuration", f"<p>{html.escape(str(error))}</p>", 422)
    return _form(org, text, str(manifest.get("name", "")), call.request.query.get("state", ""))


@routes("POST", "/organizations/{org}/settings/apps", any_caller=True)
def create_app(call: RouteCall) -> Answer:
    """Create the App, and redirect to the manifest's redirect_url with a code."""
    org, form = _organization(call), call.request.form
    name, text = form.get("name", "").strip(), form.get("manifest", "")
    try:
        app = _app(call, org, name, _manifest(text))
    except _Rejected as error:
        return _form(org, text, name, form.get("state", ""), str(error))
    code = secrets.token_hex(20)
    call.world.registered[code] = app
    call.world.app_slugs.add(app.slug)
    call.log(f"the App {app.name} is registered for {org.login}")
    query = {"code": code, **({"state": form["state"]} if form.get("state") else {})}
    return Answer(302, None, {"Location": f"{_manifest(text)['redirect_url']}?{urlencode(query)}"})


@routes("POST", "/app-manifests/{code}/conversions", any_caller=True)
def convert(call: RouteCall) -> Answer:
    """Return the App's secrets, once and within an hour; it replaces the current App."""
    app = existing(call.world.registered.pop(call.names["code"], None))
    if call.world.clock() > app.created_at + CODE_SECONDS:
        raise not_found()
    call.world.replace_app(app)
    call.credentials.replace_key(new_private_key())
    call.hooks.replace_app(app.id, secrets.token_hex(20))
    shape = {
        **shapes.integration(call.world),
        "client_secret": app.client_secret,
        "webhook_secret": call.hooks.secret,
        "pem": call.credentials.pem,
    }
    return Answer(201, shape)


@routes("GET", "/apps/{slug}/installations/new", any_caller=True)
def choose_account(call: RouteCall) -> Answer:
    """Return the page for choosing where to install the App."""
    app = _app_by_slug(call)
    buttons = "".join(
        f'<button name="account" value="{html.escape(one.login)}">'
        f"Install on {html.escape(one.login)}</button>"
        for one in _accounts(call, app)
    )
    form = f'<form method="post" action="/apps/{app.slug}/installations">{buttons}</form>'
    return _page(f"Install {app.name}", form)


@routes("POST", "/apps/{slug}/installations", any_caller=True)
def install(call: RouteCall) -> Answer:
    """Install the App; repeating changes nothing."""
    app, login = _app_by_slug(call), call.request.form.get("account", "")
    account = existing(next((one for one in _accounts(call, app) if one.login == login), None))
    call.world.install(account)
    call.log(f"{app.name} is installed on {account.login}")
    return _page(f"{app.name} is installed", f"<p>On {html.escape(account.login)}.</p>")


def _organization(call: RouteCall) -> Account:
    account = call.user("org")
    if not account.is_organization:
        raise not_found()
    return account


def _app_by_slug(call: RouteCall) -> App:
    if call.names["slug"] != call.world.app.slug:
        raise not_found()
    return call.world.app


def _accounts(call: RouteCall, app: App) -> list[Account]:
    """Return the accounts on which the App may be installed."""
    return [
        one
        for one in call.world.accounts.values()
        if one.is_organization and (app.public or one.login == app.owner)
    ]


def _manifest(text: str) -> dict[str, Any]:
    """Return the decoded manifest; raises _Rejected in GitHub's words."""
    try:
        manifest = json.loads(text)
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict):
        raise _Rejected("The configuration does not appear to be a valid GitHub App manifest.")
    hook = manifest.get("hook_attributes")
    # GitHub's message does not say that the URL is the hook's.
    if not _is_url(manifest.get("url")) or (hook is not None and not _is_url(hook.get("url"))):
        raise _Rejected('Error: "url" wasn\'t supplied.')
    if not _is_url(manifest.get("redirect_url")):
        raise _Rejected("Error: Redirect url must be a valid URL.")
    permissions = manifest.get("default_permissions", {})
    refused = [e for e in manifest.get("default_events", []) if not _may_subscribe(e, permissions)]
    if refused:
        raise _Rejected(f"Error: Default events unsupported: {', '.join(refused)}.")
    return manifest


def _may_subscribe(event: str, permissions: dict[str, str]) -> bool:
    needed = _NEEDED.get(event, {"pull_requests"} if event.startswith("pull_request") else set())
    return event not in _ALWAYS_SENT and (not needed or not needed.isdisjoint(permissions))


def _is_url(value: object) -> bool:
    return isinstance(value, str) and bool(urlsplit(value).scheme in {"http", "https"})


def _app(call: RouteCall, org: Account, name: str, manifest: dict[str, Any]) -> App:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not slug or len(name) > MAX_NAME_LENGTH:
        raise _Rejected(f"Name must be 1 to {MAX_NAME_LENGTH} characters long.")
    if slug in call.world.app_slugs:
        raise _Rejected("Name has already been taken.")
    hook = manifest.get("hook_attributes") or {"url": "", "active": False}
    return App(
        id=call.world.next_id(),
        slug=slug,
        name=name,
        permissions={**manifest.get("default_permissions", {}), "metadata": "read"},
        events=tuple(manifest.get("default_events", ())),
        created_at=call.world.clock(),
        owner=org.login,
        public=bool(manifest.get("public", False)),
        external_url=manifest["url"],
        hook_url=hook["url"],
        hook_active=hook.get("active", True),
        client_secret=secrets.token_hex(20),
        callback_urls=tuple(manifest.get("callback_urls", ())),
    )


def _form(org: Account, manifest: str, name: str, state: str, problem: str = "") -> Answer:
    alert = f'<p role="alert">{html.escape(problem)}</p>' if problem else ""
    fields = (
        f'<input type="hidden" name="manifest" value="{html.escape(manifest)}">'
        f'<input type="hidden" name="state" value="{html.escape(state)}">'
        '<label for="name">GitHub App name</label>'
        f'<input id="name" name="name" value="{html.escape(name)}">'
        f"<button>Create GitHub App for {html.escape(org.login)}</button>"
    )
    action = f"/organizations/{html.escape(org.login)}/settings/apps"
    form = f'{alert}<form method="post" action="{action}">{fields}</form>'
    return _page("Create GitHub App", form, 422 if problem else 200)


def _page(title: str, body: str, status: int = 200) -> Answer:
    head = f"<title>{html.escape(title)} · Simulated GitHub</title>"
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{head}</head>'
        f"<body><main><h1>{html.escape(title)}</h1>{body}</main></body></html>"
    )
    return Answer(status, HtmlPage(text))
