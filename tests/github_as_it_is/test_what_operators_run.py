"""Doctor, sign-in, registration and the board on Parse: each request x each answer, in process.

None of them is a job of the loop, so tests/sweep does not see them. Each must say in one line what
went wrong, without a traceback, and what to do.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from html import unescape
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask

from bot.operations.doctor import GithubChecks, HealthCheck, Verdict, WebhookChecks, examine
from bot.parse import Application, ParseBoard, ParseClient, ParseMood
from bot.rules import RULES, needs
from bot.store.board import BoardAway, Line, Mood, SqlBoard
from bot.web.app import WebDependencies
from bot.web.app import blueprint as web_blueprint
from bot.web.console import Console, blueprint
from bot.web.registration import RegistrationError, TryAgain
from bot.web.sessions import Sessions
from bot.web.sign_in import SignIn
from bot_deploy.registration import exchange
from luggage.fake_github import FakeGithub
from luggage.fake_github.messages import Answer, Request
from luggage.github import GithubApp, OAuth
from luggage.jobs import Queue
from tests.support.registering import registered
from tests.sweep.answers import REPLIES, Reply
from tests.sweep.stage import URL, Network, database

HOST = "http://bot.example"
CALLBACK = f"{HOST}/console/sign-in/callback"


def _other_kind(_request: Request, ask: Callable[[], Answer]) -> Answer:
    """A list in place of an object, and an object in place of a list."""
    answer = ask()
    return replace(answer, body={} if isinstance(answer.body, list) else [])


def _nulls(_request: Request, ask: Callable[[], Answer]) -> Answer:
    """Each field null."""
    answer = ask()
    return replace(answer, body=_null(answer.body))


def _null(body: Any) -> Any:
    if isinstance(body, list):
        return [_null(each) for each in body]
    return dict.fromkeys(body) if isinstance(body, dict) else body


ODD = {
    **REPLIES,
    "other kind": Reply("other kind", _other_kind),
    "nulls": Reply("nulls", _nulls),
    "a number": Reply("a number", lambda _request, ask: replace(ask(), body=7)),
}


@dataclass
class Wire:
    """A session whose requests GitHub answers; `odd` changes the answers at one path."""

    github: Callable[[Request], Answer]
    place: str = ""
    odd: Reply | None = None
    hits: int = 0
    session: requests.Session = field(init=False)

    def __post_init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, Network(self.answer))

    def answer(self, request: Request) -> Answer:
        """GitHub's answer, or the odd one."""
        if self.odd is None or (request.method, request.path) != tuple(self.place.split()):
            return self.github(request)
        self.hits += 1
        return self.odd.does(request, lambda: self.github(request))


@contextmanager
def meeting(place: str, reply: str, github: Callable[[Request], Answer]) -> Iterator[Wire]:
    """A wire with one odd answer; AssertionError unless the place was reached, and named."""
    wire = Wire(github, place, ODD[reply])
    try:
        yield wire
    except Exception as error:
        raise AssertionError(f"{place}, {reply}: {type(error).__name__}: {error}") from error
    assert wire.hits, f"{place} was not asked"


def is_line(text: str) -> bool:
    """Whether a text is one line without a trace of Python."""
    return bool(text) and "\n" not in text and "Traceback" not in text and "object at" not in text


# Doctor

DOCTOR = ("app", "installations", "webhook", "deliveries")
DOCTORS = {
    "GET /app": "app",
    "GET /app/installations": "installations",
    "GET /app/hook/config": "webhook",
    "GET /app/hook/deliveries": "deliveries",
}


@pytest.fixture
def github(clock):
    fake = FakeGithub(clock=clock, app_owner="snakes", callback_urls=[CALLBACK])
    fake.world.api_url = fake.world.server_url = URL
    fake.add_organization("snakes")
    fake.add_member("snakes", "olga", role="admin")
    fake.miss(*fake.open_issue("snakes/trio", "bob"))
    return fake


def checks(github: FakeGithub, session: requests.Session, clock: Any) -> list[HealthCheck]:
    def make() -> GithubApp:
        return GithubApp(
            app_id=github.app_id,
            private_key=github.private_key,
            webhook_secrets=[github.webhook_secret],
            user_agent="doctor",
            api_url=URL,
            clock=clock,
            sleep=clock.advance,
            session=session,
        )

    ask = GithubChecks(make, needs(RULES), server_url=URL)
    hook = WebhookChecks(lambda: ask.client, lambda _url: "", polls=False, clock=clock)
    return [
        HealthCheck("secrets", ask.secrets),
        HealthCheck("app", ask.app, ("secrets",)),
        HealthCheck("permissions", ask.permissions, ("app",)),
        HealthCheck("events", ask.events, ("app",)),
        HealthCheck("installations", ask.installations, ("app",)),
        HealthCheck("webhook", hook.address, ("app",)),
        HealthCheck("deliveries", hook.deliveries, ("app",)),
    ]


@pytest.mark.parametrize("place", DOCTORS)
def test_doctor_says_each_answer_in_one_line_with_a_remedy(github, clock, place):
    """A failed check names what to do; the checks that do not depend on it go on."""
    wire = Wire(lambda request: github.handle(request).answer)
    found = dict(examine(checks(github, wire.session, clock)))
    usual = {name for name, each in found.items() if each.verdict is Verdict.FAILED}
    for reply in ODD:
        with meeting(place, reply, lambda request: github.handle(request).answer) as wire:
            found = dict(examine(checks(github, wire.session, clock)))
        here = (place, reply)
        for name, finding in found.items():
            assert is_line(finding.detail), (here, name, finding)
            advises = finding.remedy or " -- " in finding.detail
            assert advises or finding.verdict is not Verdict.FAILED, (here, name, finding)
        hurt = {name for name, each in found.items() if each.verdict is Verdict.FAILED}
        # A limit closes the gate for the next requests, too.
        if not reply.startswith(("403 secondary", "403 limit", "429")):
            assert hurt - usual <= {DOCTORS[place]}, (here, hurt)


# Sign-in

SIGN_INS = (
    "POST /login/oauth/access_token",
    "GET /user",
    "GET /user/installations",
    "GET /apps/test-bot",
    "GET /user/memberships/orgs/snakes",
)


def sign_in(github: FakeGithub, wire: Wire, clock: Any) -> tuple[int, str]:
    """Send an owner to GitHub and back; returns the status and the text of the page."""
    engine = database().renewed()
    queue, board = Queue(engine, clock=clock), SqlBoard(engine, clock=clock)
    oauth = OAuth(
        client_id=github.world.app.client_id,
        client_secret=github.world.app.client_secret,
        user_agent="console",
        server_url=URL,
        api_url=URL,
        session=wire.session,
        clock=clock,
    )
    door = SignIn(sessions=Sessions(engine, clock=clock), oauth=oauth, program="portmanteau")
    dependencies = WebDependencies(
        name="bot", secrets=None, queue=queue, board=board, clock=clock, settle_seconds=0
    )
    console = Console(
        name="bot", engine=engine, queue=queue, board=board, sign_in=door, clock=clock
    )
    app = Flask("bot", static_folder=None)
    app.register_blueprint(web_blueprint(dependencies))
    app.register_blueprint(blueprint(console))
    github.set_browser_user("olga")
    browser = app.test_client()
    away = browser.get("/console/sign-in/github").headers["Location"]
    back = wire.session.get(away, allow_redirects=False).headers["Location"]
    answer = browser.get(back.removeprefix(HOST))
    return answer.status_code, answer.text


@pytest.mark.parametrize("place", SIGN_INS)
def test_sign_in_says_each_answer_on_its_page(github, clock, place):
    """Whatever is not a clear yes is a no, with the reason; nobody sees a page of a crash."""
    for reply in ODD:
        with meeting(place, reply, lambda request: github.handle(request).answer) as wire:
            status, page = sign_in(github, wire, clock)
        assert status in {403, 503}, (place, reply, status)
        said = unescape(page.partition('role="alert">')[2].partition("</p>")[0])
        assert is_line(said), (place, reply, said)


# Registration


@contextmanager
def exchanging(wire: Wire) -> Iterator[None]:
    """The exchange of a code uses the wire."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exchange, "http_session", lambda *_: nullcontext(wire.session))
        patch.setattr(exchange, "seal", lambda *_: None)
        yield


def register(github: FakeGithub, wire: Wire, code: str) -> tuple[str, str]:
    """Exchange a code; returns the App's name, or what the page and the terminal say."""
    config: Any = SimpleNamespace(api_url=URL, server_url=URL)
    target: Any = None
    with exchanging(wire):
        try:
            return "registered", exchange.finish(code, "snakes", config, target).name
        except (TryAgain, RegistrationError) as error:
            return type(error).__name__, str(error)


# GitHub's refusal of the code itself, or of whoever asks.
FINAL = {reply for reply in REPLIES if reply[:3] in {"401", "404", "410", "422", "451"}} | {
    "403 refusal",
    "403 allow list",
    "403 suspended",
}


def test_registration_says_each_answer_in_one_line(clock):
    """Only GitHub's own refusal is final; whatever passes can be tried again with the same code."""
    for reply in ODD:
        github = FakeGithub(clock=clock)
        github.add_organization("snakes", installed=False)
        code = parse_qs(urlsplit(registered(github)).query)["code"][0]
        place = f"POST /app-manifests/{code}/conversions"
        with meeting(place, reply, lambda request, fake=github: fake.handle(request).answer) as it:
            outcome, said = register(github, it, code)
        assert is_line(said), (reply, said)
        assert outcome == ("RegistrationError" if reply in FINAL else "TryAgain"), (reply, said)
        assert code not in said


# The board on Parse Servers


def parse_server(request: Request) -> Answer:
    """A Parse Server with one line and one mood."""
    if request.method != "GET":
        return Answer(201 if request.method == "POST" else 200, {"objectId": "a1"})
    found = {"objectId": "a1", "status": "Hello", "createdAt": "2026-01-01T00:00:00.000Z"}
    return Answer(200, {"results": [{**found, "feeling": "happy"}]})


def board_of(wire: Wire, clock: Any) -> Mapping[str, Callable[[], object]]:
    """What the loop and the page ask of the board, by the request."""
    application = Application(url=f"{URL}/parse", application_id="a", rest_key="s3cret")
    client = ParseClient(application, wire.session, clock)
    board, mood = ParseBoard(client), ParseMood(client)
    late = clock() + 60.0
    return {
        "GET /parse/classes/lines": board.lines,
        "POST /parse/classes/lines": lambda: board.add(Line(1.0, "Hi"), "u", not_after=late),
        "GET /parse/classes/current": mood.felt,
        "PUT /parse/classes/current/a1": lambda: mood.feel(Mood.BUSY, not_after=late),
    }


def what_is_said(ask: Callable[[], object]) -> str:
    """Why the board is away, or that it is not."""
    try:
        ask()
    except BoardAway as error:
        return str(error)
    return "answered"


@pytest.mark.parametrize("place", board_of(Wire(parse_server), lambda: 0.0))
def test_the_board_says_each_answer_in_one_line(clock, place):
    """The board has an answer or is away, and nothing else happens to the loop or the page."""
    for reply in ODD:
        with meeting(place, reply, parse_server) as wire:
            said = what_is_said(board_of(wire, clock)[place])
        assert is_line(said), (reply, said)
        assert "s3cret" not in said
