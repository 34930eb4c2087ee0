"""Tests of the OAuth web flow, checked with GitHub's OpenAPI description."""

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from luggage.fake_github import Answer, FakeGithub, HttpServer, Outcome
from luggage.github import (
    Invalid,
    NotFound,
    OAuth,
    Unauthorized,
    Unreachable,
    WriteRefused,
    make_session,
)
from luggage.github.oauth import challenge
from tests.support import openapi

CALLBACK = "https://bot.example/console/sign-in/callback"
VERIFIER = "v" * 43


@pytest.fixture
def github(clock):
    fake = FakeGithub(clock=clock, app_owner="snakes", callback_urls=[CALLBACK])
    fake.add_organization("snakes")
    fake.add_member("snakes", "olga", role="admin")
    fake.add_organization("lions", installed=False)
    fake.set_browser_user("olga")
    return fake


@pytest.fixture
def judge(github):
    with openapi.CheckingServer(github) as server:
        yield server


@pytest.fixture
def make_oauth(github, judge, clock):
    """Return a factory of OAuth clients."""
    session = make_session()

    def make(**settings):
        app = github.world.app
        usual = {
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "user_agent": "test-bot",
            "server_url": judge.url,
            "api_url": judge.url,
            "session": session,
            "clock": clock,
        }
        return OAuth(**{**usual, **settings})

    yield make
    session.close()


def sent_back(oauth, state="s"):
    """Return the query that the browser brings back from GitHub."""
    address = oauth.address(state=state, verifier=VERIFIER)
    answer = requests.get(address, allow_redirects=False, timeout=5)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(f"{CALLBACK}?")
    return {
        name: text for name, (text,) in parse_qs(urlsplit(answer.headers["Location"]).query).items()
    }


def test_a_code_becomes_a_client_of_the_person(make_oauth, judge):
    """The client reads the person, the installations and the role, with valid requests."""
    oauth = make_oauth()
    brought = sent_back(oauth)
    client = oauth.redeem(brought["code"], verifier=VERIFIER)
    assert brought["state"] == "s"
    assert client.get("/user")["login"] == "olga"
    (installation,) = client.pages("/user/installations")
    assert installation["account"]["login"] == "snakes"
    place = client.get("/user/memberships/orgs/{org}", org="snakes")
    assert (place["role"], place["state"]) == ("admin", "active")
    assert client.get("/apps/{slug}", slug="test-bot")["owner"]["login"] == "snakes"
    # The OpenAPI description does not cover the two pages for browsers.
    assert [each for each in judge.violations if "/login/oauth/" not in each] == []


def test_the_client_of_a_person_only_reads(make_oauth):
    """The client of a person is read-only."""
    oauth = make_oauth()
    client = oauth.redeem(sent_back(oauth)["code"], verifier=VERIFIER)
    with pytest.raises(WriteRefused):
        client.put("/orgs/{org}/memberships/{person}", org="snakes", person="eve")


def test_a_code_is_good_once(make_oauth):
    """GitHub rejects a code the second time."""
    oauth = make_oauth()
    code = sent_back(oauth)["code"]
    oauth.redeem(code, verifier=VERIFIER)
    with pytest.raises(Unauthorized, match="bad_verification_code"):
        oauth.redeem(code, verifier=VERIFIER)


def test_code_needs_its_verifier(make_oauth):
    """A code is rejected without the verifier that began the sign-in."""
    oauth = make_oauth()
    with pytest.raises(Unauthorized, match="bad_verification_code"):
        oauth.redeem(sent_back(oauth)["code"], verifier="w" * 43)


def test_wrong_client_secret_raises(make_oauth):
    """A wrong client secret raises GitHub's error without the secret."""
    oauth = make_oauth()
    code = sent_back(oauth)["code"]
    wrong = make_oauth(client_secret="wrong")
    with pytest.raises(Unauthorized, match="incorrect_client_credentials") as caught:
        wrong.redeem(code, verifier=VERIFIER)
    assert code not in str(caught.value)
    assert "wrong" not in repr(wrong)


def test_declined_sign_in_returns_no_code(github, make_oauth):
    """If the person declines, GitHub returns an error and the state."""
    github.set_browser_user(None)
    assert sent_back(make_oauth()) == {"error": "access_denied", "state": "s"}


def test_challenge_matches_the_rfc():
    """`challenge` matches RFC 7636, appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    digest = hashlib.sha256(VERIFIER.encode()).digest()
    assert base64.urlsafe_b64decode(challenge(VERIFIER) + "=") == digest


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(404, {"message": "Not Found"}), NotFound),
        (Answer(200, []), Unauthorized),
        (Answer(200, {"access_token": 5}), Unauthorized),
        (Answer(422, {"message": "no"}), Invalid),
    ],
)
def test_response_without_a_token_raises(make_oauth, clock, answer, error):
    """A response without a token signs nobody in."""
    server = HttpServer(lambda _request: Outcome(answer=answer), clock=clock)
    with server, pytest.raises(error):
        make_oauth(server_url=server.url).redeem("c", verifier=VERIFIER)


def test_unreachable_server_raises(make_oauth, github):
    """An unreachable server is Unreachable."""
    server = github.serve()
    server.stop()
    with pytest.raises(Unreachable):
        make_oauth(server_url=server.url).redeem("c", verifier=VERIFIER)


def test_revoked_token_is_not_retried(make_oauth, github):
    """A revoked user token raises Unauthorized without a retry."""
    oauth = make_oauth()
    client = oauth.redeem(sent_back(oauth)["code"], verifier=VERIFIER)
    github.credentials._people.clear()
    with pytest.raises(Unauthorized):
        client.get("/user")
