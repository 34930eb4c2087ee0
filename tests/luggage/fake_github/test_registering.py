"""The pages on which an App is registered and installed, and the code's exchange."""

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
    """The manifest's name is filled in, and the manifest and the state travel on in the form."""
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
def test_a_manifest_that_github_refuses_is_refused(github, change, complaint):
    """What the documentation demands is demanded here, in GitHub's words."""
    answer = submit(github, NEW, manifest=json.dumps(MANIFEST | change))
    assert answer.status == 422
    assert complaint in answer.body.replace("&quot;", '"')


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_what_is_no_manifest_is_refused(github, text):
    """No manifest, or none that is a JSON object, makes no App."""
    answer = submit(github, NEW, manifest=text)
    assert (answer.status, "valid GitHub App manifest" in answer.body) == (422, True)


@pytest.mark.parametrize("path", ["/organizations/nobody", "/organizations/bob"])
def test_only_an_organization_has_the_page(github, path):
    """A name that is none, or a person's, is not found."""
    github.add_user("bob")
    answer = submit(github, f"{path}/settings/apps/new", manifest=json.dumps(MANIFEST))
    assert answer.status == 404


def test_the_state_comes_back_with_the_code(github):
    """GitHub leads back to redirect_url, with a code and the state as it was given."""
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
def test_a_name_that_cannot_be_is_asked_for_again(github, name, complaint):
    """A name that is taken or too long brings the form again, with a complaint."""
    answer = create(github, name=name)
    assert answer.status == 422
    assert complaint in answer.body
    assert "Create GitHub App for snakes" in answer.body


def test_a_name_is_text_on_the_page(github):
    """Nothing that was typed becomes part of the page."""
    assert "<b>" not in create(github, name=f"<b>{'x' * 40}").body


def test_the_code_gives_the_secrets_once(github):
    """From then on the App is the registered one, with its own key, secret and bot account."""
    before = (github.app_id, github.private_key, github.webhook_secret)
    location = registered(github)
    told = converted(github, location).body
    assert (told["id"], told["pem"], told["webhook_secret"]) == (
        github.app_id,
        github.private_key,
        github.webhook_secret,
    )
    assert not set(before) & {github.app_id, github.private_key, github.webhook_secret}
    assert told["permissions"] == MANIFEST["default_permissions"] | {"metadata": "read"}
    assert told["owner"]["login"] == "snakes"
    assert converted(github, location).status == 404


def test_a_code_is_good_for_an_hour(github, clock):
    """After that it is not found, and the App stays who it was."""
    location, before = registered(github), github.app_id
    clock.advance(3601)
    assert converted(github, location).status == 404
    assert github.app_id == before


def test_a_registered_app_is_installed_on_its_page(github):
    """It is installed nowhere at first; its page offers the owner's organization, and no other."""
    github.add_organization("lions", installed=False)
    converted(github, registered(github))
    page = browse(github, "/apps/snake-charmer/installations/new")
    assert (github.world.installations, "lions" in page.body) == ({}, False)
    assert submit(github, "/apps/snake-charmer/installations", account="lions").status == 404
    assert submit(github, "/apps/snake-charmer/installations", account="snakes").status == 200
    (installation,) = github.world.installations.values()
    assert installation.account.login == "snakes"
    assert browse(github, "/apps/test-bot/installations/new").status == 404


def test_the_new_key_is_the_one_that_counts(github):
    """A JWT made with the new key is taken, and one of the App before is not."""
    with github.serve() as server:
        asker = Asker(github, server.url)
        old = asker.jwt()
        converted(github, registered(github))
        assert asker.as_app("GET", "/app").json()["name"] == "Snake Charmer"
        assert asker.ask("GET", "/app", f"Bearer {old}").status_code == 401
        asker.close()


def test_an_app_without_a_hook_hears_nothing(clock):
    """Without hook_attributes, or with an inactive hook, nothing is delivered by itself."""
    fake = FakeGithub(clock=clock)
    fake.add_organization("snakes")
    converted(fake, registered(fake, hook_attributes=None))
    fake.install("snakes")
    assert fake.notify(*fake.open_issue("snakes/trio", "bob")) is None
    assert fake.hooks.sent == []


def test_notify_delivers_what_github_would(github):
    """To an active hook, of an installed App, for an event it has subscribed to."""
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
