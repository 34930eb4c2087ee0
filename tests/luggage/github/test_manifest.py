"""Tests of App manifests and of the exchange of their code."""

import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from bot.rules import RULES, needs
from luggage.fake_github import Answer, FakeGithub, HttpServer, Outcome, faults
from luggage.github import (
    Ambiguous,
    ConfigurationError,
    Invalid,
    NotFound,
    Unreachable,
    make_session,
)
from luggage.github.manifest import NO_WEBHOOK_URL, convert, manifest
from tests.support import octokit
from tests.support.openapi import CheckingServer
from tests.support.registering import registered, submit

WISH = {
    "name": "Snake Charmer",
    "url": "https://snakes.example",
    "webhook_url": NO_WEBHOOK_URL,
    "redirect_url": "http://127.0.0.1:1/registered",
    "callback_urls": ["https://bot.example/console/"],
    "permissions": {"pull_requests": "write", "issues": "write", "metadata": "read"},
    "events": {"pull_request", "issues"},
}


@pytest.fixture
def github():
    fake = FakeGithub()
    fake.add_organization("snakes")
    return fake


def code_of(github, **more):
    return dict(parse_qsl(urlsplit(registered(github, **more)).query))["code"]


def ask(url, code, clock):
    with make_session() as session:
        return convert(code, api_url=url, user_agent="bot", session=session, clock=clock)


def test_manifest_has_the_apps_settings():
    """The manifest has sorted permissions and events, and makes a private App."""
    made = manifest(**WISH)
    assert made["default_permissions"] == WISH["permissions"]
    assert made["default_events"] == ["issues", "pull_request"]
    assert made["public"] is False
    assert json.loads(json.dumps(made)) == made


def test_webhook_is_active_without_an_address():
    """The webhook is active without an address too, so that GitHub logs deliveries."""
    assert manifest(**WISH)["hook_attributes"] == {"url": NO_WEBHOOK_URL, "active": True}
    assert urlsplit(NO_WEBHOOK_URL).hostname.endswith(".invalid")


def test_long_name_is_truncated():
    """The name is cut to GitHub's 34 characters."""
    assert manifest(**WISH | {"name": "x" * 40})["name"] == "x" * 34


def test_github_accepts_the_manifest(github):
    """GitHub accepts a manifest with everything that all rules need."""
    everything = needs(RULES)
    text = json.dumps(
        manifest(**WISH | {"permissions": everything.permissions, "events": everything.events})
    )
    page = submit(github, "/organizations/snakes/settings/apps/new", manifest=text)
    assert (page.status, "Create GitHub App for snakes" in page.body) == (200, True)


def test_all_that_rules_need_exists_at_github():
    """The rules' permissions and events exist in GitHub's description."""
    path = octokit.package("openapi") / "generated/api.github.com.json"
    description = json.loads(path.read_text())
    known = description["components"]["schemas"]["app-permissions"]["properties"]
    hooks = {name.replace("-", "_") for name in description["x-webhooks"]}
    for name, level in needs(RULES).permissions.items():
        assert level in known[name]["enum"], name
    for event in needs(RULES).events:
        assert any(hook == event or hook.startswith(f"{event}_") for hook in hooks), event


def test_the_code_is_exchanged_for_the_app(github, clock):
    """The exchange returns id, owner, page and secrets, with a valid request."""
    with CheckingServer(github) as server:
        app = ask(server.url, code_of(github), clock)
    assert (app.id, app.owner, app.slug) == (github.app_id, "snakes", "snake-charmer")
    assert app.private_key == github.private_key
    assert app.webhook_secret == github.webhook_secret
    assert app.client_secret == github.world.app.client_secret
    assert server.violations == []


def test_repr_contains_no_secret(github, clock):
    """The repr contains neither key nor secret."""
    with github.serve() as server:
        app = ask(server.url, code_of(github), clock)
    shown = repr(app) + repr([app.private_key, app.client_secret, app.webhook_secret])
    for secret in (app.private_key, app.client_secret, app.webhook_secret):
        assert str(secret)[:20] not in shown


def test_used_code_is_not_found(github, clock):
    """A code works once and for one hour; the error does not contain it."""
    with github.serve() as server:
        code = code_of(github)
        ask(server.url, code, clock)
        with pytest.raises(NotFound) as caught:
            ask(server.url, code, clock)
    assert code not in str(caught.value)


def test_refused_connection_is_unreachable(github, clock):
    """Without a connection the exchange is Unreachable."""
    with github.serve() as server:
        code = code_of(github)
    with pytest.raises(Unreachable):
        ask(server.url, code, clock)


def test_truncated_response_is_ambiguous(github, clock):
    """A truncated response is Ambiguous."""
    code = code_of(github)
    github.faults.append(faults.plan(faults.cut_short()))
    with github.serve() as server, pytest.raises(Ambiguous):
        ask(server.url, code, clock)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"owner": {}, "pem": "hunter2"},
        {"owner": None},
        {"owner": {"login": "o"}, "id": float("inf")},
    ],
)
def test_malformed_response_is_ambiguous(body, clock):
    """A malformed response is Ambiguous, and the error does not quote it."""
    with (
        HttpServer(lambda _: Outcome(answer=Answer(201, body)), clock=clock) as server,
        pytest.raises(Ambiguous) as caught,
    ):
        ask(server.url, "c0de", clock)
    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize("code", ["", "..", "."])
def test_malformed_code_is_never_sent(github, code, clock):
    """A code that would change the URL is not sent."""
    with github.serve() as server, pytest.raises(Invalid):
        ask(server.url, code, clock)
    assert github.calls == []


def test_bad_api_address_raises(clock):
    """A bad API address is a ConfigurationError."""
    with pytest.raises(ConfigurationError, match="api_url"):
        ask("nowhere", "c0de", clock)
