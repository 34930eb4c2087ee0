"""Showroom: a bot after a day of demo traffic, with its pages served by a fixed clock.

The people of the demo work for a day. Then an invitation is refused, a delivery has to be
recovered, and a hostile payload arrives. It is the same each time.
"""

import json
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from flask import Flask, Response
from sqlalchemy import insert
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server

import bot.rules
import bot.store.tables
import luggage.jobs
from bot.actions import Comment, Planned
from bot.loop.run import Updater, job_log_context
from bot.operations.preview.check import Previewer
from bot.settings import layers
from bot.settings.files import SettingsFiles
from bot.store.board import SqlBoard
from bot.store.enqueue import Source, job_of
from bot.store.people import People
from bot.web import app as web
from bot.web import console
from bot.web.errors import refused
from bot.web.sessions import Sessions
from bot.web.sign_in import SignIn
from bot_deploy.demo.scenes import MAINTAINER, ORGANIZATION, REPOSITORIES, deliveries
from luggage.database import History, open_engine
from luggage.fake_github import FakeGithub, faults
from luggage.github import Delivery, GithubApp, OAuth, make_session
from luggage.jobs import NewJob, Queue, Worker
from luggage.jobs.wake import LocalWakeup
from tests.support.clock import FakeClock
from tests.support.migrated import migrated

HISTORIES = (
    History(name="jobs", package=luggage.jobs.MIGRATIONS, metadata=luggage.jobs.metadata),
    History(name="bot", package="bot.store.migrations", metadata=bot.store.tables.metadata),
)
NAME = "portmanteau"
DAY_SECONDS = 86_400.0
_SEED = 20
_LINE = "x" * 1_000_000
LONG_NAME = f"{'o' * 39}/{'r' * 100}"
RIGHT_TO_LEFT = "נחש־אחד"
HOSTILE = {
    "action": "opened",
    "repository": {"full_name": REPOSITORIES[0], "private": True},
    "sender": {"login": "<script>alert('sender')</script>"},
    "issue": {
        "number": 13,
        "title": "</pre><script>alert('title')</script><img src=x onerror=alert('image')>",
        "body": "\x1b[31mred\x1b[0m \x1b]0;title\x07 \u202egnp.exe {{ 7 * 7 }} ghp_" + "a1" * 18,
        "line": _LINE,
    },
}


class Showroom:
    """The bot and its parts; `url` is the address of its pages."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.clock = FakeClock()
        self.engine = open_engine(f"sqlite:///{directory / 'bot.sqlite'}")
        stack.callback(self.engine.dispose)
        migrated(self.engine, HISTORIES)
        self.queue = Queue(self.engine, clock=self.clock)
        self.board = SqlBoard(self.engine, clock=self.clock)
        self.sessions = Sessions(self.engine, clock=self.clock)
        self.github = FakeGithub(clock=self.clock, app_slug=NAME, app_owner=ORGANIZATION)
        self.github_url = stack.enter_context(self.github.serve()).url
        self.worker = self._worker(stack)
        self.url = stack.enter_context(_served(self._app(stack)))
        self.github.world.app = replace(
            self.github.world.app, callback_urls=(f"{self.url}/console/sign-in/callback",)
        )

    def _worker(self, stack: ExitStack) -> Worker:
        app = GithubApp(
            app_id=self.github.app_id,
            private_key=self.github.private_key,
            webhook_secrets=[self.github.webhook_secret],
            user_agent=NAME,
            api_url=self.github_url,
            clock=self.clock,
            sleep=self.clock.advance,
            wait=None,
            limits=bot.store.limits.SqlLimitMemory(self.engine),
        )
        files = SettingsFiles(self.engine, bot.rules.RULES, layers.Settings(), clock=self.clock)
        people = People(self.engine, clock=self.clock)
        updater = Updater(
            app=app,
            queue=self.queue,
            people=people,
            settings=files,
            clock=self.clock,
            previewer=Previewer(queue=self.queue, people=people, settings=files),
        )
        wakeup = LocalWakeup()
        stack.callback(wakeup.close)
        return Worker(
            self.queue,
            updater.handlers,
            threads=1,
            lease_seconds=60.0,
            wakeup=wakeup,
            clock=self.clock,
            random=lambda: 0.5,
            context=job_log_context,
        )

    def _app(self, stack: ExitStack) -> Flask:
        github = self.github.world.app
        oauth = OAuth(
            client_id=github.client_id,
            client_secret=github.client_secret,
            user_agent=NAME,
            server_url=self.github_url,
            api_url=self.github_url,
            session=stack.enter_context(make_session()),
            clock=self.clock,
        )
        reception = web.WebDependencies(
            name=NAME,
            secrets=[self.github.webhook_secret],
            queue=self.queue,
            board=self.board,
            clock=self.clock,
            settle_seconds=0.0,
        )
        desk = console.Console(
            name=NAME,
            engine=self.engine,
            queue=self.queue,
            board=self.board,
            sign_in=SignIn(sessions=self.sessions, oauth=oauth, program="python -m bot_deploy"),
            clock=self.clock,
        )
        app = Flask("bot", static_folder=None)
        app.register_blueprint(web.blueprint(reception))
        app.register_blueprint(console.blueprint(desk))
        app.register_error_handler(HTTPException, refused)
        app.after_request(_in_memory)
        return app

    def link(self) -> str:
        """The address of a new sign-in link for the console."""
        return f"{self.url}/console/sign-in/link/{self.sessions.make_link()}"

    def put(
        self, event: str, payload: object, guid: str, *, source: Source = Source.WEBHOOK
    ) -> int:
        """Store a delivery as the webhook or recovery does; returns its number."""
        delivery = Delivery(guid, event, payload)
        job = job_of(delivery, json.dumps(payload).encode(), run_at=self.clock(), source=source)
        return self.queue.put(job).id

    def settle(self) -> None:
        """Run the loop until nothing is due soon."""
        for _ in range(200):
            self.worker.drain()
            run_at = self.queue.next_run_at(["delivery", "action"])
            if run_at is None or run_at > self.clock() + 60:
                return
            self.clock.advance(max(0.0, run_at - self.clock()) + 0.001)

    def live_a_day(self, number: int = 60) -> None:
        """Let people work for a day."""
        rng = random.Random(_SEED)
        ended_at = self.clock() + DAY_SECONDS
        story = deliveries(self.github, rng)
        for left in range(number, 0, -1):
            delivery = next(story)
            self.put(*delivery.happening, delivery.id)
            self.settle()
            if rng.random() < 0.05:
                self.board.say("I'm bored")
            gap = (ended_at - self.clock()) / left
            self.clock.advance(rng.uniform(0.1, 1.9) * gap * (0.2 if rng.random() < 0.5 else 1.6))
        self.board.beat("loop")

    def refuse_invitations(self) -> None:
        """Make GitHub refuse all further invitations."""
        refusal = faults.refused(403, "Resource not accessible by integration")
        self.github.faults.append(faults.plan(refusal, method="PUT", path="/orgs/*", times=None))

    def go_wrong(self) -> None:
        """Add a refused invitation, a recovered and a lost delivery, and a hostile payload."""
        self.refuse_invitations()
        merged = self.github.merge_pull_request(
            REPOSITORIES[1], "quetzal", "Count the scales", by=MAINTAINER
        )
        self.put(*merged, "7d1c3f10-c6d5-11f0-8de9-0242ac120002")
        self.settle()
        opened = self.github.open_issue(REPOSITORIES[2], MAINTAINER, "Anyone?", "/ping")
        self.put(*opened, "83b0f2a2-c6d5-11f0-9f5c-0242ac120002", source=Source.RECOVERED)
        self.settle()
        self.put("issues", HOSTILE, "91c5e7b4-c6d5-11f0-8d3b-0242ac120002")
        self.settle()
        now = self.clock()
        with self.engine.begin() as connection:
            connection.execute(
                insert(bot.store.tables.recovery).values(
                    id=1, since=now - 130, until=0.0, cursor="", caught_up_at=now - 130
                )
            )
            connection.execute(
                insert(bot.store.tables.missed).values(
                    guid="5f0e1d2c-c6d4-11f0-8b7a-0242ac120002",
                    attempt_id=1,
                    attempted_at=now - 3 * DAY_SECONDS,
                    tries=3,
                    lost="404 Not Found",
                )
            )
        self.clock.advance(130)
        self.board.beat("loop")

    def crowd(self, number: int) -> None:
        """Put many deliveries: of a name from right to left, about a place with a long name."""
        payload = {
            "action": "opened",
            "repository": {"full_name": LONG_NAME, "private": False},
            "sender": {"login": RIGHT_TO_LEFT, "id": 7},
            "installation": {"id": 7},
            "issue": {"number": 1, "title": RIGHT_TO_LEFT * 20},
        }
        body = json.dumps(payload).encode()
        self.queue.put_all(
            [
                job_of(Delivery(f"{at:08x}", "issues", payload), body, run_at=self.clock())
                for at in range(number)
            ]
        )
        text = f"{RIGHT_TO_LEFT} {'w' * 300} {LONG_NAME}#1 @{'a' * 39}\n\n# {RIGHT_TO_LEFT}"
        action = Comment(about=RIGHT_TO_LEFT, repository=LONG_NAME, number=1, text=text)
        planned = Planned(action=action, installation=7, delivery="00000000", rule="ping")
        parent = self.queue.find("delivery", "00000000")
        self.queue.put(
            NewJob(
                queue="action",
                key=action.key,
                body=planned.encode(),
                run_at=self.clock(),
                subject=action.subject,
                kind=action.kind,
                parent=None if parent is None else parent.id,
                tenant="7",
                person="7",
            )
        )


@contextmanager
def showroom(directory: Path) -> Iterator[Showroom]:
    """Run a bot after a day with some trouble."""
    with ExitStack() as stack:
        room = Showroom(directory, stack)
        room.live_a_day()
        room.go_wrong()
        yield room


def _in_memory(response: Response) -> Response:
    """Hold the response, not an open file: werkzeug leaves it open when a browser hangs up."""
    response.direct_passthrough = False
    whole = response.get_data()
    response.close()
    response.set_data(whole)
    return response


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Log no requests."""


@contextmanager
def _served(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
