"""Tests of deliveries: signing, sending, and GitHub's delivery log."""

import hashlib
import hmac
import uuid

import pytest

from luggage.fake_github import Answer, FakeGithub, HttpServer, Outcome
from tests.support.asker import REPO

LOG = "/app/hook/deliveries"


@pytest.fixture
def received():
    """Requests that the bot received."""
    return []


@pytest.fixture
def bot(received, clock):
    """A bot that responds 202, or with the status in the path."""

    def handle(request):
        received.append(request)
        return Outcome(answer=Answer(int(request.path.strip("/") or 202)))

    with HttpServer(handle, clock=clock) as server:
        yield server


def test_a_delivery_is_signed_over_its_bytes(github, bot, received):
    """Both signatures are the HMAC of the bytes that arrive."""
    event, payload = github.open_issue(REPO, "bob", "Zürich 🐍")
    assert github.deliver(event, payload, to=bot.url) == 202
    (request,) = received
    for header, algorithm in (("x-hub-signature", "sha1"), ("x-hub-signature-256", "sha256")):
        digest = hmac.new(github.webhook_secret.encode(), request.body, algorithm).hexdigest()
        assert request.headers[header] == f"{algorithm}={digest}"
    assert request.json == payload


def test_a_delivery_has_githubs_headers(github, bot, received):
    """A delivery has GitHub's headers and a JSON body."""
    github.deliver(*github.star(REPO, "bob"), to=bot.url)
    headers = received[0].headers
    assert headers["x-github-event"] == "star"
    assert uuid.UUID(headers["x-github-delivery"])
    assert headers["x-github-hook-installation-target-id"] == str(github.app_id)
    assert headers["x-github-hook-installation-target-type"] == "integration"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("GitHub-Hookshot/")


def test_delivery_with_another_secret(github):
    """A delivery can be signed with another secret, or unsigned."""
    headers, body = github.signed("ping", {}, secret="other")
    digest = hmac.new(b"other", body, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == f"sha256={digest}"
    assert not [name for name in github.signed("ping", {}, secret="")[0] if "Signature" in name]


def test_deliver_returns_the_status(github, bot):
    """deliver() returns the bot's status; redirects are not followed, as on GitHub."""
    statuses = [github.deliver("ping", {}, to=f"{bot.url}/{code}") for code in (200, 302, 503)]
    assert statuses == [200, 302, 503]


def test_a_failed_connection_has_status_502(github, bot):
    """A failed connection has status 502, also in the log."""
    bot.stop()
    assert github.deliver("ping", {}, to=bot.url) == 502
    assert github.hooks.sent[-1].reason == "failed to connect to host"


def test_too_slow(github, clock, monkeypatch):
    """A timeout has status 504 in the log."""
    monkeypatch.setattr("luggage.fake_github.hooks.RESPONSE_TIMEOUT_SECONDS", 0.1)
    late = Outcome(answer=Answer(202), delay_seconds=60)
    with HttpServer(lambda _request: late, clock=clock) as bot:
        assert github.deliver("ping", {}, to=bot.url) == 504


def test_without_an_address_nothing_is_delivered(github):
    """deliver() without a URL raises an error that says what is missing."""
    with pytest.raises(ValueError, match="webhook_url"):
        github.deliver("ping", {})


def test_webhook_url_is_the_default(bot, received):
    """Deliveries go to webhook_url by default."""
    fake = FakeGithub(webhook_url=bot.url)
    assert fake.deliver("ping", {}) == 202


def test_log_is_newest_first(ask, github, bot):
    """GET /app/hook/deliveries lists all attempts with event, action, ids and status."""
    github.deliver(*github.open_issue(REPO, "bob"), to=bot.url)
    github.miss("ping", {"zen": "Be quick."})
    newest, oldest = ask.as_app("GET", LOG).json()
    assert (newest["event"], newest["status_code"], newest["installation_id"]) == (
        "ping",
        502,
        None,
    )
    assert (oldest["action"], oldest["status_code"]) == ("opened", 202)
    assert oldest["installation_id"] == github.install("snakes").id
    assert oldest["repository_id"] == github.add_repository(REPO).id


def test_a_missed_delivery_is_found_in_the_log(ask, github):
    """GET /app/hook/deliveries/{id} has the payload, but no signature."""
    missed = github.miss(*github.open_issue(REPO, "bob", "Lost"), delivery_id="abc")
    attempt = ask.as_app("GET", f"{LOG}/{missed.id}").json()
    assert attempt["guid"] == attempt["request"]["headers"]["X-GitHub-Delivery"] == "abc"
    assert attempt["request"]["payload"]["issue"]["title"] == "Lost"
    assert not [name for name in attempt["request"]["headers"] if "Signature" in name]


def test_the_cursor_leads_through_the_log(ask, github):
    """Following rel=next yields every attempt once, despite new ones."""
    ids = [github.miss("ping", {"n": number}).id for number in range(5)]
    answer = ask.as_app("GET", LOG, params={"per_page": 2})
    seen = [one["id"] for one in answer.json()]
    github.miss("ping", {"n": "late"})
    while "next" in answer.links:
        answer = ask.as_app("GET", answer.links["next"]["url"].removeprefix(ask.url))
        seen += [one["id"] for one in answer.json()]
    assert seen == ids[::-1]


def test_the_log_is_filtered_by_status(ask, github, bot):
    """status=failure lists statuses from 400, status=success the others."""
    good = github.deliver("ping", {}, to=bot.url)
    bad = github.deliver("ping", {}, to=f"{bot.url}/500")
    listed = [
        [one["status_code"] for one in ask.as_app("GET", LOG, params={"status": status}).json()]
        for status in ("success", "failure")
    ]
    assert listed == [[good], [bad]]


@pytest.mark.parametrize("params", [{"status": "sad"}, {"cursor": "v1_x"}])
def test_log_rejects_bad_parameters(ask, params):
    """An unknown status or cursor gets a 422."""
    assert ask.as_app("GET", LOG, params=params).status_code == 422


def test_log_keeps_three_days(ask, github, clock):
    """Attempts older than three days are neither listed nor found."""
    missed = github.miss("ping", {})
    clock.advance(3 * 24 * 3600 + 1)
    assert ask.as_app("GET", LOG).json() == []
    assert ask.as_app("GET", f"{LOG}/{missed.id}").status_code == 404


def test_a_redelivery_has_the_same_id(ask, github, bot, received):
    """A redelivery has the same guid, and the log marks it."""
    missed = github.miss(*github.open_issue(REPO, "bob"), delivery_id="abc")
    assert ask.as_app("POST", f"{LOG}/{missed.id}/attempts").status_code == 202
    assert github.redeliver(to=bot.url) == [202]
    assert received[0].headers["x-github-delivery"] == "abc"
    assert ask.as_app("GET", LOG).json()[0]["redelivery"]
    assert github.redeliver(to=bot.url) == []


def test_installation_token_cannot_read_the_log(ask):
    """An installation token cannot read the log."""
    assert ask("GET", LOG).status_code == 401
