"""bot.operations.doctor.webhook_checks: the webhook and its recent deliveries."""

from dataclasses import replace

import pytest
import requests

from bot.operations.doctor import Verdict, WebhookChecks, healthz_problem
from luggage.fake_github import Answer, HttpServer, Outcome
from luggage.github import make_session
from luggage.github.manifest import NO_WEBHOOK_URL

URL = "https://bot.example/webhook/github"


class Asked(list):
    """Returns prepared problems, and records the addresses."""

    problem = ""

    def __call__(self, url):
        self.append(url)
        return self.problem


@pytest.fixture
def asked():
    return Asked()


@pytest.fixture
def webhook(app, asked, clock):
    def webhook(*, polls=False):
        return WebhookChecks(app.app_client.read_only, asked, polls=polls, clock=clock)

    return webhook


def configure(github, **fields):
    github.world.app = replace(github.world.app, **({"hook_url": URL} | fields))


def test_an_address_that_is_ours_is_well(github, webhook, asked):
    """The check requests /healthz at GitHub's address."""
    configure(github)
    assert (webhook().address().verdict, asked) == (Verdict.OK, ["https://bot.example/healthz"])


def test_an_address_below_a_path_is_well(github, webhook, asked):
    """A proxy may serve the bot below a path."""
    configure(github, hook_url="https://example.org/bots/one/webhook/github")
    assert webhook().address().verdict is Verdict.OK
    assert asked == ["https://example.org/bots/one/healthz"]


def test_an_address_where_nobody_answers_is_reported(github, webhook, asked):
    """An unreachable address fails with the reason."""
    configure(github)
    asked.problem = "answered 502"
    finding = webhook().address()
    assert (finding.verdict, "answered 502" in finding.detail) == (Verdict.FAILED, True)


@pytest.mark.parametrize(
    ("fields", "verdict", "words"),
    [
        ({"hook_content_type": "form"}, Verdict.FAILED, "'form'"),
        ({"hook_insecure_ssl": "1"}, Verdict.WARNING, "certificate"),
        ({"hook_url": "https://bot.example/"}, Verdict.FAILED, "does not end in /webhook/github"),
        ({"hook_url": NO_WEBHOOK_URL}, Verdict.FAILED, "registered without one"),
    ],
)
def test_a_wrong_setting_is_reported(github, webhook, asked, fields, verdict, words):
    """Each wrong setting has its remedy, and the address is not requested."""
    configure(github, **fields)
    finding = webhook().address()
    assert finding.verdict is verdict
    assert words in finding.detail
    assert finding.remedy
    assert asked == []


@pytest.mark.parametrize("polls", [True, False])
def test_an_app_without_an_address_is_reported(webhook, asked, polls, app, monkeypatch):
    """An App without an address has no deliveries to fetch either."""
    look = webhook(polls=polls)
    monkeypatch.setattr(look, "_client", lambda: Config({"url": "", "content_type": "json"}))
    assert look.address().verdict is Verdict.FAILED


class Config:
    """A client with one answer."""

    def __init__(self, told):
        self._told = told

    def get(self, _path):
        return self._told


def test_a_polling_bot_needs_no_reachable_address(github, webhook, asked):
    """A polling bot's address is not requested."""
    configure(github, hook_url=NO_WEBHOOK_URL)
    assert (webhook(polls=True).address().verdict, asked) == (Verdict.OK, [])


# Deliveries


def attempt(github, status, *, guid=None):
    github.webhook_url = URL
    headers, body = github.signed("star", {"action": "created"}, delivery_id=guid)
    github.hooks.keep(
        "star", headers, body, url=URL, result=(status, "-"), began_at=github.world.clock()
    )
    return headers["X-GitHub-Delivery"]


def test_no_deliveries_are_no_failure(webhook):
    """A day without deliveries passes."""
    for polls in (True, False):
        finding = webhook(polls=polls).deliveries()
        assert (finding.verdict, finding.detail.split(" (")[0]) == (
            Verdict.OK,
            "none in the last day",
        )


def test_deliveries_that_arrived_are_well(github, webhook):
    """Deliveries with status 2xx pass."""
    attempt(github, 202)
    attempt(github, 200)
    finding = webhook().deliveries()
    assert (finding.verdict, finding.detail) == (Verdict.OK, "2 in the last day, all arrived")


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "webhook secret"), (502, "no process listened"), (503, "log of that time")],
)
def test_deliveries_that_fail_now_are_reported(github, webhook, status, words):
    """The failure names the share, the newest status and its meaning."""
    attempt(github, 202)
    attempt(github, status)
    finding = webhook().deliveries()
    assert finding.verdict is Verdict.FAILED
    assert f"1 of 2 in the last day failed, the latest with {status}" in finding.detail
    assert words in finding.remedy


def test_deliveries_that_failed_before_are_a_warning(github, webhook):
    """Earlier failures are a warning if the newest delivery arrived."""
    attempt(github, 500)
    attempt(github, 202)
    assert webhook().deliveries().verdict is Verdict.WARNING


def test_a_redelivery_makes_up_for_a_failure(github, webhook):
    """The newest attempt of a delivery counts."""
    guid = attempt(github, 500)
    attempt(github, 202, guid=guid)
    assert webhook().deliveries().detail == "1 in the last day, all arrived"


def test_yesterday_does_not_count(github, webhook, clock):
    """Failures of more than a day ago do not count."""
    attempt(github, 500)
    clock.advance(86401)
    attempt(github, 202)
    assert webhook().deliveries().detail == "1 in the last day, all arrived"


def test_a_day_may_have_many_pages(github, webhook):
    """All pages count, up to a thousand attempts."""
    for _ in range(1050):
        attempt(github, 202)
    assert webhook().deliveries().detail == "1000 in the last day, all arrived"
    assert len(github.calls_to("GET", "/app/hook/deliveries")) == 10


def test_a_polling_bot_ignores_failed_deliveries(github, webhook):
    """A polling bot ignores failures: every delivery in its log has failed."""
    attempt(github, 502)
    finding = webhook(polls=True).deliveries()
    assert (finding.verdict, finding.detail) == (Verdict.OK, "1 in the last day")


# The server at the address


@pytest.fixture
def answering(clock):
    """Check a server with a fixed response; returns the problem and the request."""
    requests_ = []

    def answering(answer):
        def handle(request):
            requests_.append(request)
            return Outcome(answer=answer)

        with HttpServer(handle, clock=clock) as server, make_session() as session:
            return healthz_problem(session, f"{server.url}/healthz"), requests_

    return answering


def test_a_bot_is_known_by_its_healthz(answering):
    """A bot's /healthz passes, and the request has no credential."""
    problem, (request,) = answering(Answer(200, {"status": "alive"}))
    assert (problem, request.path) == ("", "/healthz")
    assert not {"authorization", "cookie"} & set(request.headers)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(502, {"status": "alive"}), "answered 502"),
        (Answer(302, None, {"Location": "https://elsewhere.example/"}), "answered 302"),
        (Answer(200, {"hello": "world"}), "something else"),
        (Answer(200, {"padding": "x" * 5000, "status": "alive"}), "something else"),
    ],
)
def test_anything_else_is_not(answering, answer, words):
    """Another page, a redirect (not followed), another service or a flood fails."""
    problem, asked = answering(answer)
    assert words in problem
    assert len(asked) == 1


def test_an_unreachable_server_is_reported(clock):
    """An unreachable server fails with the kind of the error."""
    with HttpServer(lambda _: Outcome(answer=Answer(200)), clock=clock) as server:
        pass
    with make_session() as session:
        assert healthz_problem(session, f"{server.url}/healthz") == "no answer (ConnectionError)"


def test_an_invalid_address_is_reported():
    """An invalid address fails without an exception."""
    with make_session() as session:
        assert "no answer" in healthz_problem(session, "https://[/healthz")
    assert issubclass(requests.exceptions.InvalidURL, requests.RequestException)
