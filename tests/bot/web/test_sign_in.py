"""Tests of signing in at the console."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask

from bot.web.app import WebDependencies
from bot.web.app import blueprint as web_blueprint
from bot.web.console import Console, blueprint
from bot.web.flows import FLOW_SECONDS
from bot.web.sessions import LINK_SECONDS, Sessions
from bot.web.sign_in import SignIn
from luggage.fake_github import FakeGithub, faults
from luggage.fake_github.messages import Answer, HtmlPage
from luggage.github import OAuth, make_session, transport
from tests.support.running import until

CALLBACK = "http://bot.example/console/sign-in/callback"


@pytest.fixture
def github(clock):
    """The simulated GitHub, with a private App of the snakes, whose owner is olga."""
    fake = FakeGithub(clock=clock, app_owner="snakes", callback_urls=[CALLBACK])
    fake.add_organization("snakes")
    fake.add_member("snakes", "olga", role="admin")
    fake.add_member("snakes", "ida")
    fake.add_member("snakes", "invited", role="admin", state="pending")
    return fake


@pytest.fixture
def sessions(store, clock):
    return Sessions(store, clock=clock)


@pytest.fixture
def make_client(store, queue, board, clock, sessions):
    """Makes a browser at a console with this OAuth and these organisations."""

    def make(oauth=None, organizations=()):
        dependencies = WebDependencies(
            name="test-bot", secrets=None, queue=queue, board=board, clock=clock, settle_seconds=0
        )
        sign_in = SignIn(
            sessions=sessions,
            oauth=oauth,
            program="python -m bot_deploy",
            organizations=organizations,
        )
        desk = Console(
            name="test-bot", engine=store, queue=queue, board=board, sign_in=sign_in, clock=clock
        )
        app = Flask("bot", static_folder=None)
        app.register_blueprint(web_blueprint(dependencies))
        app.register_blueprint(blueprint(desk))
        return app.test_client()

    return make


@pytest.fixture
def oauth(github, clock):
    app = github.world.app
    with github.serve() as server, make_session() as session:
        yield OAuth(
            client_id=app.client_id,
            client_secret=app.client_secret,
            user_agent="test-bot",
            server_url=server.url,
            api_url=server.url,
            session=session,
            clock=clock,
        )


@pytest.fixture
def sign_in_as(github, oauth, make_client):
    """Sends a person to GitHub and back; returns the browser and the last response."""

    def run(login, organizations=()):
        github.set_browser_user(login)
        client = make_client(oauth, organizations)
        away = client.get("/console/sign-in/github")
        assert away.status_code == 303
        back = requests.get(away.headers["Location"], allow_redirects=False, timeout=5)
        return client, client.get(back.headers["Location"].removeprefix("http://bot.example"))

    return run


def is_inside(client):
    return client.get("/console/").status_code == 200


def test_an_owner_comes_in(sign_in_as):
    """An active owner of the App's organisation is signed in by login."""
    client, answer = sign_in_as("olga")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/")
    assert "olga" in client.get("/console/").text


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ("ida", "not an owner of snakes"),
        ("invited", "not installed in any of your organisations"),
        ("stranger", "not installed in any of your organisations"),
    ],
)
def test_only_owners_can_sign_in(sign_in_as, login, words):
    """Members, invited people and strangers get the reason."""
    client, answer = sign_in_as(login)
    assert answer.status_code == 403
    assert words in answer.text
    assert not is_inside(client)


def test_a_person_who_declines_is_not_signed_in(sign_in_as):
    """A person who declines at GitHub is not signed in."""
    client, answer = sign_in_as(None)
    assert (answer.status_code, is_inside(client)) == (403, False)


@pytest.fixture
def of_lions(github):
    """The App is public, and leo has installed it on his own organisation."""
    github.world.app = replace(github.world.app, public=True)
    github.add_organization("lions")
    github.add_member("lions", "leo", role="admin")


def test_installing_a_public_app_is_no_way_in(sign_in_as, of_lions):
    """Owners of other organisations with the App cannot sign in."""
    client, answer = sign_in_as("leo")
    assert answer.status_code == 403
    assert "owners of lions cannot sign in" in answer.text
    assert not is_inside(client)


def test_the_operator_names_who_comes_in(sign_in_as, of_lions):
    """Only owners of the configured organisations can sign in, ignoring case."""
    assert is_inside(sign_in_as("leo", ["LIONS"])[0])
    assert not is_inside(sign_in_as("olga", ["LIONS"])[0])


def test_an_owner_sees_the_organisations_that_are_theirs(sign_in_as, of_lions, github, sessions):
    """Owners of the App's organisation see the whole bot; others see what they own."""

    def scope_of(login, organizations):
        client, _ = sign_in_as(login, organizations)
        return sessions.find(client.get_cookie("console", path="/console").value).scope

    assert scope_of("olga", ()).is_whole
    assert scope_of("olga", ["snakes", "lions"]).is_whole
    leo = scope_of("leo", ["snakes", "lions"])
    assert list(leo.organizations.values()) == ["lions"]
    assert leo.tenants == {str(github.install("lions").id)}
    github.faults.append(faults.plan(faults.refused(404, "no"), path="/apps/*", times=None))
    assert list(scope_of("olga", ["snakes", "lions"]).organizations.values()) == ["snakes"]
    github.faults.clear()


def test_owners_of_a_suspended_installation_cannot_sign_in(sign_in_as, github, clock):
    """Owners of a suspended installation cannot sign in."""
    github.install("snakes").suspended_at = clock()
    assert sign_in_as("olga")[1].status_code == 403


def test_an_installation_on_a_person_gives_no_access(sign_in_as, github):
    """An installation on a person's account gives no access."""
    github.world.install(github.add_user("leo"))
    assert sign_in_as("leo")[1].status_code == 403


@pytest.mark.parametrize("status", [403, 404])
def test_an_app_whose_owner_is_not_shown_lets_nobody_in(sign_in_as, github, status):
    """The page names the remedy, with which owners can sign in."""
    for _ in range(2):
        github.faults.append(faults.plan(faults.refused(status, "no"), path="/apps/*"))
    client, answer = sign_in_as("olga")
    assert (answer.status_code, is_inside(client)) == (403, False)
    assert "BOT_CONSOLE_ORGANIZATIONS" in answer.text
    assert is_inside(sign_in_as("olga", ["snakes"])[0])


REQUESTS = [
    "/login/oauth/access_token",
    "/user",
    "/user/installations",
    "/apps/*",
    "/user/memberships/orgs/*",
]


def said(body, status=200, **headers):
    """A fault: GitHub answers this instead."""
    return faults.Fault(name="odd", answer=Answer(status, body, headers))


BAD = {
    **{str(status): said({"message": "no"}, status) for status in (400, 401, 403, 404, 422, 429)},
    **{str(status): faults.failed(status, done=False) for status in (500, 502, 503)},
    "304": said(None, 304),
    "204": said(None, 204),
    "a redirect elsewhere": said({}, 302, location="https://evil.example/"),
    "a redirect to itself": said({}, 301, location="/user"),
    "a redirect to nowhere": said({}, 307),
    "dropped": faults.dropped(),
    "reset": faults.reset(done=False),
    "cut short": faults.cut_short(),
    "limited": faults.secondary_limit(),
    "HTML": said(HtmlPage("<html>It works!</html>")),
    **{repr(odd): said(odd) for odd in (None, [], {}, "", "admin", 0, 1, True, [None], [[]], [{}])},
    "odd fields": said({"login": 7, "access_token": {}, "installations": {}, "owner": []}),
    "an odd list": said({"installations": [None, 1, "x", {}, {"suspended_at": None}]}),
    "another owner": said({"id": 1, "owner": {"login": "snakes", "id": 1}}),
    "no owner": said({"id": 1, "owner": None}),
    "the role alone": said({"role": "admin", "state": "active"}),
    "another organisation's": said(
        {"role": "admin", "state": "active", "organization": {"login": "snakes", "id": 1}}
    ),
    "pending": said({"role": "admin", "state": "pending"}),
}


@pytest.mark.parametrize("path", REQUESTS)
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_whatever_is_not_a_clear_yes_lets_nobody_in(sign_in_as, github, path, bad, caplog):
    """Each request of the sign-in, with each bad answer: a page with a reason, and no traceback."""
    github.faults.append(faults.plan(bad, path=path, times=None))
    client, answer = sign_in_as("olga")
    assert answer.status_code in (403, 503)
    assert not is_inside(client)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_github_that_is_silent_lets_nobody_in(sign_in_as, github, monkeypatch):
    """A timeout is reported, and nobody is signed in."""
    monkeypatch.setattr(transport, "READ_SECONDS", 0.1)
    github.faults.append(faults.plan(faults.slow(1.0), path="/apps/*"))
    client, answer = sign_in_as("olga")
    assert (answer.status_code, is_inside(client)) == (503, False)


def test_without_the_permission_no_one_can_sign_in(sign_in_as, github):
    """If GitHub hides the role, the person cannot sign in."""
    refusal = faults.refused(403, "Resource not accessible by integration")
    github.faults.append(faults.plan(refusal, path="/user/memberships/*"))
    assert sign_in_as("olga")[1].status_code == 403


def test_a_github_that_is_down_is_reported(sign_in_as, github):
    """If GitHub is down, the page says so and no one is signed in."""
    github.faults.append(faults.plan(faults.failed(502, done=False), path="/user"))
    client, answer = sign_in_as("olga")
    assert (answer.status_code, is_inside(client)) == (503, False)


def test_a_wrong_client_secret_is_reported(sign_in_as, github):
    """A wrong client secret is reported with GitHub's message."""
    github.world.app = replace(github.world.app, client_secret="changed")
    answer = sign_in_as("olga")[1]
    assert answer.status_code == 403
    assert "incorrect_client_credentials" in answer.text


def test_only_the_browser_that_set_out_comes_back(github, oauth, make_client):
    """A callback with another state or without the cookie is refused."""
    github.set_browser_user("olga")
    first, second = make_client(oauth), make_client(oauth)
    away = first.get("/console/sign-in/github").headers["Location"]
    second.get("/console/sign-in/github")
    back = requests.get(away, allow_redirects=False, timeout=5).headers["Location"]
    path = back.removeprefix("http://bot.example")
    assert second.get(path).status_code == 403
    assert make_client(oauth).get(path).status_code == 403
    assert make_client(oauth).get("/console/sign-in/callback?state=&code=x").status_code == 403
    assert github.calls_to("POST", "/login/*") == []


def begin(github, client):
    """Start a sign-in as olga; return the path of the callback."""
    github.set_browser_user("olga")
    away = client.get("/console/sign-in/github").headers["Location"]
    back = requests.get(away, allow_redirects=False, timeout=5).headers["Location"]
    return back.removeprefix("http://bot.example")


def test_another_sign_in_does_not_wait(github, oauth, make_client):
    """An owner is signed in while GitHub answers a stranger slowly."""
    github.faults.append(faults.plan(faults.slow(2.0), path="/login/oauth/access_token"))
    stranger = make_client(oauth)
    owner = stranger.application.test_client()
    paths = [begin(github, stranger), begin(github, owner)]
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(stranger.get, paths[0])
        until(lambda: any(call.fault for call in github.calls), "GitHub is asked")
        assert owner.get(paths[1]).status_code == 303
        assert not slow.done()


def callbacks(flow, cookie):
    """A stranger's cookies and queries for a callback: none is a sign-in that the bot began."""
    state, verifier, expires_at, signature = cookie.split(".")
    yield "", "code=bad"
    yield "", "code=bad&state="
    yield "x.y", "code=bad&state=x"
    yield "x.y.9999999999.", "code=bad&state=x"
    yield f"x.y.9999999999.{signature}", "code=bad&state=x"
    yield f"{state}.{verifier}.{int(expires_at) + 1}.{signature}", f"code=bad&state={state}"
    yield cookie, "code=bad&state=x"
    yield cookie, f"state={state}"
    yield cookie[:-1], f"code=bad&state={state}"
    yield f"\xe9.{cookie}", f"code=bad&state={state}"
    yield "." * 10, "code=bad&state=."


def test_only_a_sign_in_that_the_bot_began_costs_a_request(github, oauth, make_client):
    """Forged, changed and missing cookies are refused without asking GitHub."""
    client = make_client(oauth)
    flow = begin(github, client)
    cookie = client.get_cookie("console-sign-in", path="/console/sign-in").value
    before = len(github.calls)
    for value, query in callbacks(flow, cookie):
        stranger = client.application.test_client()
        stranger.set_cookie("console-sign-in", value, path="/console/sign-in")
        assert stranger.get(f"/console/sign-in/callback?{query}").status_code == 403
    assert len(github.calls) == before
    assert client.get(flow).status_code == 303


def test_a_sign_in_asks_github_once(github, oauth, make_client):
    """A stranger who repeats the callback of one sign-in is refused without asking GitHub."""
    client = make_client(oauth)
    state = parse_qs(urlsplit(begin(github, client)).query)["state"][0]
    path = f"/console/sign-in/callback?code=bad&state={state}"
    answers = [client.get(path).status_code for _ in range(20)]
    assert answers == [403] * 20
    assert len(github.calls_to("POST", "/login/oauth/access_token")) == 1
    assert make_client(oauth).get(begin(github, client)).status_code == 403
    assert client.get(begin(github, client)).status_code == 303


def test_a_sign_in_expires(github, oauth, make_client, clock):
    """A cookie is worth nothing after ten minutes."""
    client = make_client(oauth)
    path = begin(github, client)
    clock.advance(FLOW_SECONDS)
    assert client.get(path).status_code == 403


def test_the_token_of_the_person_is_not_kept(sign_in_as, github, store):
    """The database contains no trace of the person's token."""
    sign_in_as("olga")
    (token,) = github.credentials._people
    with store.connect() as connection:
        assert token not in "\n".join(connection.connection.dbapi_connection.iterdump())


def cookie_of(answer, name="console"):
    (found,) = [
        value for value in answer.headers.getlist("Set-Cookie") if value.startswith(f"{name}=")
    ]
    return found


def test_the_cookie_is_for_the_console_alone(sessions, make_client):
    """The cookie is HttpOnly, Lax and limited to the console."""
    answer = make_client().post(f"/console/sign-in/link/{sessions.make_link()}")
    cookie = cookie_of(answer)
    assert {"HttpOnly", "Path=/console", "SameSite=Lax", "Max-Age=28800"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


def test_by_https_the_cookie_is_secure(sessions, make_client):
    """Over https the cookie is Secure; a header that anybody can send changes nothing."""
    client = make_client()
    path = f"/console/sign-in/link/{sessions.make_link()}"
    assert "Secure" not in cookie_of(client.post(path, headers={"X-Forwarded-Proto": "https"}))
    path = f"/console/sign-in/link/{sessions.make_link()}"
    assert "Secure" in cookie_of(client.post(path, base_url="https://bot.example"))


def test_a_link_signs_in_once(sessions, make_client):
    """GET does not consume a link; POST does, once."""
    client, path = make_client(), f"/console/sign-in/link/{sessions.make_link()}"
    assert "Sign in" in client.get(path).text
    assert client.get(path).status_code == 200
    assert client.post(path).headers["Location"] == "/console/"
    assert is_inside(client)
    again = make_client()
    assert again.post(path).status_code == 403
    assert not is_inside(again)


def test_an_old_link_is_refused_in_words(sessions, make_client, clock):
    """An expired link is refused with the remedy."""
    path = f"/console/sign-in/link/{sessions.make_link()}"
    clock.advance(LINK_SECONDS)
    assert "Please print a new one" in make_client().post(path).text


def test_without_an_app_there_are_only_links(make_client):
    """Without a client id, GitHub is not offered."""
    client = make_client()
    assert "Sign in with GitHub" not in client.get("/console/sign-in").text
    assert client.get("/console/sign-in/github").status_code == 404


def test_no_address_can_be_chosen_to_go_to(github, oauth, make_client, sessions):
    """No request parameter changes a redirect."""
    client = make_client(oauth)
    evil = "next=https://evil.example/&redirect_uri=https://evil.example/&return_to=//evil.example"
    away = urlsplit(client.get(f"/console/sign-in/github?{evil}").headers["Location"])
    assert f"{away.scheme}://{away.netloc}" == oauth.server_url
    assert set(parse_qs(away.query)) == {
        "client_id", "state", "code_challenge", "code_challenge_method",
    }  # fmt: skip
    path = f"/console/sign-in/link/{sessions.make_link()}?{evil}"
    answer = client.post(path, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
    assert answer.headers["Location"] == "/console/"
