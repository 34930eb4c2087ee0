"""Tests of App registration: pages, installation, and the exchange of the code."""

import json
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from luggage.fake_github import FakeGithub, Request
from tests.support.asker import Asker
from tests.support.registering import MANIFEST, create, registered, submit

NEW = "/organizations/snakes/settings/apps/new"


def converted(github, location):
    code = dict(parse_qsl(urlsplit(location).query))["code"]
    path = f"/app-manifests/{code}/conversions"
    return github.handle(Request(method="POST", path=path, headers={"user-agent": "bot"})).answer


def browse(github, path):
    return github.handle(
        Request(method="GET", path=path, headers={"user-agent": "a browser"})
    ).answer


def test_the_page_asks_for_the_name(github):
    """The form has the manifest's name, and carries the manifest and the state."""
    answer = submit(github, f"{NEW}?state=s3", manifest=json.dumps(MANIFEST))
    assert answer.status == 200
    assert answer.content_type == "text/html; charset=utf-8"
    assert 'value="Snake Charmer"' in answer.body
    assert 'name="state" value="s3"' in answer.body
    assert "Create GitHub App for snakes" in answer.body


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"url": None}, '"url" wasn'),
        ({"hook_attributes": {"active": False}}, '"url" wasn'),
        ({"redirect_url": None}, "Redirect url"),
        ({"default_events": ["installation"]}, "unsupported: installation"),
        ({"default_events": ["organization"]}, "unsupported: organization"),
        ({"default_events": ["push"], "default_permissions": {}}, "unsupported: push"),
    ],
)
def test_invalid_manifest_is_rejected(github, change, complaint):
    """An invalid manifest gets GitHub's error."""
    answer = submit(github, NEW, manifest=json.dumps(MANIFEST | change))
    assert answer.status == 422
    assert complaint in answer.body.replace("&quot;", '"')


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_malformed_manifest_is_rejected(github, text):
    """A missing manifest, or one that is not a JSON object, is rejected."""
    answer = submit(github, NEW, manifest=text)
    assert (answer.status, "valid GitHub App manifest" in answer.body) == (422, True)


@pytest.mark.parametrize("path", ["/organizations/nobody", "/organizations/bob"])
def test_only_an_organization_has_the_page(github, path):
    """An unknown name or a person gets a 404."""
    github.add_user("bob")
    answer = submit(github, f"{path}/settings/apps/new", manifest=json.dumps(MANIFEST))
    assert answer.status == 404


def test_the_state_comes_back_with_the_code(github):
    """GitHub redirects to redirect_url with a code and the unchanged state."""
    location = urlsplit(registered(github, state="s3"))
    query = dict(parse_qsl(location.query))
    assert f"{location.scheme}://{location.netloc}{location.path}" == MANIFEST["redirect_url"]
    assert query["state"] == "s3"
    assert query["code"]
    assert "state" not in registered(github, name="Another", state="")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("Test Bot", "already been taken"), ("x" * 35, "1 to 34"), ("!", "1 to 34")],
)
def test_bad_name_returns_the_form(github, name, complaint):
    """A taken or long name returns the form with an error."""
    answer = create(github, name=name)
    assert answer.status == 422
    assert complaint in answer.body
    assert "Create GitHub App for snakes" in answer.body


def test_input_is_escaped(github):
    """User input is escaped on the page."""
    assert "<b>" not in create(github, name=f"<b>{'x' * 40}").body


def test_code_returns_the_secrets_once(github):
    """The exchange replaces the App, with a new key, secret and bot account."""
    before = (github.app_id, github.private_key, github.webhook_secret)
    location = registered(github)
    shape = converted(github, location).body
    assert (shape["id"], shape["pem"], shape["webhook_secret"]) == (
        github.app_id,
        github.private_key,
        github.webhook_secret,
    )
    assert not set(before) & {github.app_id, github.private_key, github.webhook_secret}
    assert shape["permissions"] == MANIFEST["default_permissions"] | {"metadata": "read"}
    assert shape["owner"]["login"] == "snakes"
    assert converted(github, location).status == 404


def test_a_code_is_good_for_an_hour(github, clock):
    """After an hour the code is not found, and the App stays the same."""
    location, before = registered(github), github.app_id
    clock.advance(3601)
    assert converted(github, location).status == 404
    assert github.app_id == before


def test_a_registered_app_is_installed_on_its_page(github):
    """A new App is not installed; its page offers only the owner's organization."""
    github.add_organization("lions", installed=False)
    converted(github, registered(github))
    page = browse(github, "/apps/snake-charmer/installations/new")
    assert (github.world.installations, "lions" in page.body) == ({}, False)
    assert submit(github, "/apps/snake-charmer/installations", account="lions").status == 404
    assert submit(github, "/apps/snake-charmer/installations", account="snakes").status == 200
    (installation,) = github.world.installations.values()
    assert installation.account.login == "snakes"
    assert browse(github, "/apps/test-bot/installations/new").status == 404


def test_only_the_new_key_works(github):
    """After the exchange only the new key works."""
    with github.serve() as server:
        asker = Asker(github, server.url)
        old = asker.jwt()
        converted(github, registered(github))
        assert asker.as_app("GET", "/app").json()["name"] == "Snake Charmer"
        assert asker.ask("GET", "/app", f"Bearer {old}").status_code == 401
        asker.close()


def test_app_without_a_hook_gets_no_delivery(clock):
    """Nothing is delivered without an active hook."""
    fake = FakeGithub(clock=clock)
    fake.add_organization("snakes")
    converted(fake, registered(fake, hook_attributes=None))
    fake.install("snakes")
    assert fake.notify(*fake.open_issue("snakes/trio", "bob")) is None
    assert fake.hooks.sent == []


def test_notify_delivers_what_github_would(github):
    """notify() delivers to an active hook of an installed App that subscribes to the event."""
    github.webhook_url = "http://127.0.0.1:1/webhook/github"
    assert github.notify(*github.open_issue("snakes/trio", "bob")) == 502
    app = github.world.app
    github.world.app = replace(app, events=())
    assert github.notify(*github.open_issue("snakes/trio", "bob")) is None
    github.world.app = replace(app, hook_active=False)
    assert github.notify(*github.open_issue("snakes/trio", "bob")) is None
    github.world.app = app
    github.world.installations.clear()
    assert github.notify(*github.open_issue("snakes/trio", "bob")) is None
    assert len(github.hooks.sent) == 1
