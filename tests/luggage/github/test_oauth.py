"""A person signs in with the App: the web flow, under the eyes of GitHub's own description."""

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
    fake.sits_at_the_browser("olga")
    return fake


@pytest.fixture
def judge(github):
    with openapi.CheckingServer(github) as server:
        yield server


@pytest.fixture
def make_oauth(github, judge, clock):
    """Makes the App as people sign in with it."""
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
    """What a browser brings back from GitHub."""
    address = oauth.address(state=state, verifier=VERIFIER)
    answer = requests.get(address, allow_redirects=False, timeout=5)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(f"{CALLBACK}?")
    return {
        name: text for name, (text,) in parse_qs(urlsplit(answer.headers["Location"]).query).items()
    }


def test_a_code_becomes_a_client_of_the_person(make_oauth, judge):
    """Who signed in, where the App is installed, and with which role: as GitHub describes it."""
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
    # The two pages for browsers are not part of the API, nor of its description.
    assert [each for each in judge.violations if "/login/oauth/" not in each] == []


def test_the_client_of_a_person_only_reads(make_oauth):
    """A person signs in to be known, not to have things done in their name."""
    oauth = make_oauth()
    client = oauth.redeem(sent_back(oauth)["code"], verifier=VERIFIER)
    with pytest.raises(WriteRefused):
        client.put("/orgs/{org}/memberships/{person}", org="snakes", person="eve")


def test_a_code_is_good_once(make_oauth):
    """The second time GitHub does not take it."""
    oauth = make_oauth()
    code = sent_back(oauth)["code"]
    oauth.redeem(code, verifier=VERIFIER)
    with pytest.raises(Unauthorized, match="bad_verification_code"):
        oauth.redeem(code, verifier=VERIFIER)


def test_a_stolen_code_is_of_no_use(make_oauth):
    """Without the verifier of the browser that set out (PKCE), a code is refused."""
    oauth = make_oauth()
    with pytest.raises(Unauthorized, match="bad_verification_code"):
        oauth.redeem(sent_back(oauth)["code"], verifier="w" * 43)


def test_a_wrong_secret_is_told(make_oauth):
    """The operator's mistake has GitHub's own words, and no secret."""
    oauth = make_oauth()
    code = sent_back(oauth)["code"]
    wrong = make_oauth(client_secret="wrong")
    with pytest.raises(Unauthorized, match="incorrect_client_credentials") as caught:
        wrong.redeem(code, verifier=VERIFIER)
    assert code not in str(caught.value)
    assert "wrong" not in repr(wrong)


def test_who_says_no_comes_back_without_a_code(github, make_oauth):
    """GitHub tells that access was denied, and leaves the state."""
    github.sits_at_the_browser(None)
    assert sent_back(make_oauth()) == {"error": "access_denied", "state": "s"}


def test_the_challenge_is_that_of_the_standard():
    """RFC 7636, appendix B."""
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
def test_what_is_no_token_is_an_error(make_oauth, clock, answer, error):
    """Whatever a server says instead of a token, nobody is signed in."""
    server = HttpServer(lambda _request: Outcome(answer=answer), clock=clock)
    with server, pytest.raises(error):
        make_oauth(server_url=server.url).redeem("c", verifier=VERIFIER)


def test_a_server_that_is_away_is_told(make_oauth, github):
    """Nothing was sent, and the error says so."""
    server = github.serve()
    server.stop()
    with pytest.raises(Unreachable):
        make_oauth(server_url=server.url).redeem("c", verifier=VERIFIER)


def test_a_token_that_is_taken_back_is_refused_at_once(make_oauth, github):
    """A person's token cannot be renewed, so 401 is the end."""
    oauth = make_oauth()
    client = oauth.redeem(sent_back(oauth)["code"], verifier=VERIFIER)
    github.credentials._people.clear()
    with pytest.raises(Unauthorized):
        client.get("/user")
