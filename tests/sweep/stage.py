"""Stage of the sweep: a whole bot in one thread, whose requests the sweep sees and may answer.

The database is real, the clock stands still, and the simulated GitHub is called without a socket:
a requests adapter takes the place of the network, so that a thousand small lives take a minute.
"""

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from requests.adapters import BaseAdapter
from sqlalchemy import Engine

from bot.actions import ACTIONS, planned_of
from bot.events import DELIVERIES
from bot.loop.periodic.recover import Recoverer, is_wanted
from bot.loop.periodic.schedule import RuleSchedule
from bot.loop.run import Updater, job_log_context
from bot.operations.preview.check import Previewer
from bot.rules import RULES
from bot.settings.files import FILE, SettingsFiles
from bot.settings.layers import Settings
from bot.store.enqueue import job_of
from bot.store.people import People
from bot.store.recovery import QueueInbox
from bot_deploy.wiring.parts import HISTORIES
from luggage.database import open_engine
from luggage.fake_github import FakeGithub
from luggage.fake_github.credentials import private_key
from luggage.fake_github.messages import Answer, Request
from luggage.fake_github.routes import ROUTES
from luggage.github import GithubApp, Recovery
from luggage.github.tokens import load_private_key
from luggage.github.transport import make_session
from luggage.github.webhooks import decode
from luggage.jobs import Job, Queue, Worker
from luggage.jobs.wake import LocalWakeup
from luggage.telemetry.meter import Meter
from tests.support.clock import FakeClock
from tests.support.migrated import migrated

URL = "http://api.test"
TRIO, HOME = "snakes/trio", "snakes/.github"
# More turns than any story needs: a job that is retried for a day comes to its end within them.
_MOST_TURNS = 400
# For how long failed tries do not count here.
OUTAGE_SECONDS = 1800.0
_NAME = re.compile(r"\(\?P<(\w+)>[^)]*\)")


@dataclass(frozen=True)
class Place:
    """A kind of request: who makes it, and what it asks; `maker` is a rule or a part of the bot."""

    maker: str
    method: str
    template: str

    def __str__(self) -> str:
        """Return the request, as in GitHub's documentation."""
        return f"{self.method} {self.template}"


@dataclass(frozen=True)
class Asked:
    """One request of the bot: its place, and what makes it this request and no other."""

    place: Place
    exact: tuple[str, str, str]


@dataclass
class Interference:
    """What the network does to a request: called with it and GitHub's way of answering it.

    Returns the answer, or raises what `requests` would.
    """

    meets: Callable[[Asked], bool]
    does: Callable[[Request, Callable[[], Answer]], Answer]
    hits: int = 0


@cache
def _key() -> tuple[str, RSAPrivateKey]:
    """The App's key as PEM, and loaded: that takes longer than a short life."""
    pem = private_key()
    return pem, load_private_key(pem)


def template(method: str, path: str) -> str:
    """The path with names in place of what differs, such as `/repos/{owner}/{repo}`."""
    route, _ = ROUTES.find(method, path)
    return _NAME.sub(r"{\1}", route.pattern.pattern).replace("\\", "")


@dataclass
class Stage:
    """A bot and its GitHub; a context manager. `asked` are its requests, in order."""

    engine: Engine
    interference: Interference | None = None
    asked: list[Asked] = field(default_factory=list)
    #: What becomes of the payload of the delivery with this number, if anything.
    changes: Mapping[int, Callable[[Any], Any]] = field(default_factory=dict)
    #: The deliveries: event and payload.
    heard: list[tuple[str, Any]] = field(default_factory=list)
    #: The answers that the bot got, with the requests.
    answers: list[tuple[Asked, Answer]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.maker = ""
        self.failures: list[str] = []
        pem, key = _key()
        self.github = FakeGithub(clock=self.clock, private_key=pem)
        self.github.world.api_url = URL
        self.queue = Queue(self.engine, clock=self.clock)
        self.people = People(self.engine, clock=self.clock)
        self.settings = SettingsFiles(self.engine, RULES, Settings(), clock=self.clock)
        self.app = GithubApp(
            app_id=self.github.app_id,
            private_key=key,
            webhook_secrets=[self.github.webhook_secret],
            user_agent="sweep",
            api_url=URL,
            clock=self.clock,
            sleep=self.clock.advance,
            wait=None,
            session=self._session(),
        )
        self._updater = Updater(
            app=self.app,
            queue=self.queue,
            people=self.people,
            settings=self.settings,
            clock=self.clock,
            meter=_Naming(self),
            previewer=Previewer(
                queue=self.queue, people=self.people, settings=self.settings, timer=lambda: 0.0
            ),
        )
        self._wakeup = LocalWakeup()
        self._worker = Worker(
            self.queue,
            {name: self._named(name, handler) for name, handler in self._updater.handlers.items()},
            threads=1,
            lease_seconds=60.0,
            wakeup=self._wakeup,
            clock=self.clock,
            random=lambda: 0.5,
            context=job_log_context,
        )
        self.schedule = RuleSchedule(
            app=self.app,
            engine=self.engine,
            queue=self.queue,
            settings=self.settings,
            clock=self.clock,
        )
        inbox = QueueInbox(
            engine=self.engine, queue=self.queue, clock=self.clock, settle_seconds=1.0
        )
        self._recoverer = Recoverer(
            Recovery(self.app.app_client, inbox, wants=is_wanted, clock=self.clock),
            inbox,
            clock=self.clock,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._wakeup.close()

    # What stories do

    def settings_file(self, text: str, repo: str = TRIO) -> None:
        """Put a settings file into a repository."""
        self.github.add_file(repo, FILE, text)

    def deliver(self, happening: tuple[str, Any]) -> None:
        """Receive a delivery as the webhook does, and let the loop come to rest."""
        event, payload = happening
        number = len(self.heard)
        payload = self.changes.get(number, lambda same: same)(payload)
        self.heard.append((event, payload))
        body = json.dumps(payload).encode()
        delivery = decode(f"guid-{number + 1}", event, body)
        self.queue.put(job_of(delivery, body, run_at=self.clock()))
        self.rest()

    def due(self, *, days: float) -> None:
        """Let days pass; the scheduled rules that were due run once."""
        self.periodic("schedule", self.schedule, times=1, every=days * 86_400.0)
        self.periodic("schedule", self.schedule, times=4, every=600.0)

    def periodic(self, name: str, task: Callable[[], object], *, times: int, every: float) -> None:
        """Run a periodic task so many times, as the scheduler does: a failure ends one run."""
        for _ in range(times):
            self.maker = name
            try:
                task()
            except Exception as error:  # noqa: BLE001 -- the scheduler logs it, and goes on
                self.failures.append(f"{type(error).__name__}: {error}")
            self.maker = ""
            self.rest()
            self.clock.advance(every)

    def recover(self, *, times: int = 4) -> None:
        """Fetch missed deliveries, every five minutes."""
        self.periodic("recovery", self._recoverer, times=times, every=300.0)

    def rest(self) -> None:
        """Let the loop work until nothing is left that runs by itself; the clock jumps ahead."""
        for _ in range(_MOST_TURNS):
            self._worker.drain()
            run_at = self.queue.next_run_at([DELIVERIES, ACTIONS])
            if run_at is None:
                return
            self.clock.advance(max(0.0, run_at - self.clock()) + 0.001)
        raise AssertionError("the loop does not come to rest")

    # Who asks what

    @contextmanager
    def naming(self, maker: str) -> Iterator[None]:
        """Name the rule or part that makes the requests meanwhile."""
        before, self.maker = self.maker, maker
        try:
            yield
        finally:
            self.maker = before

    def _named(self, queue: str, handler: Callable[[Job], Any]) -> Callable[[Job], Any]:
        def handle(job: Job) -> Any:
            planned = planned_of(job.body) if queue == ACTIONS else None
            with self.naming(f"{planned.rule}: {job.kind}" if planned else "preview"):
                return handler(job)

        return handle

    def _session(self) -> requests.Session:
        session = make_session()
        session.mount("http://", Network(self.answer))
        return session

    def answer(self, request: Request) -> Answer:
        """GitHub's answer, or what the interference makes of it."""
        named = template(request.method, request.path)
        place = Place(_maker(self.maker, named, request), request.method, named)
        query = "&".join(f"{name}={value}" for name, value in sorted(request.query.items()))
        asked = Asked(place, (request.method, f"{request.path}?{query}", _text(request.body)))
        self.asked.append(asked)

        interference = self.interference
        if interference is not None and interference.meets(asked):
            interference.hits += 1
            # As if nothing were cached: there must be an answer to change.
            headers = {n: v for n, v in request.headers.items() if n != "if-none-match"}
            whole = replace(request, headers=headers)
            answer = interference.does(whole, lambda: self.github.handle(whole).answer)
        else:
            answer = self.github.handle(request).answer
        self.answers.append((asked, answer))
        return answer


def _text(body: bytes) -> str:
    return body.decode(errors="replace")


def _maker(maker: str, named: str, request: Request) -> str:
    """Who makes a request: some that come with every delivery have a name of their own."""
    if named.endswith("/access_tokens"):
        return "token"
    if named == "/app":
        return "own name"
    is_settings = named.endswith(("/contents/{path}", "/repos/{owner}/{repo}"))
    return "settings" if is_settings and "ref" not in request.query else maker


class _Naming(Meter):
    """A meter that tells the stage which rule is being evaluated."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    @contextmanager
    def timed(self, family: Any, *labels: str) -> Iterator[None]:
        """Name the rule while it is evaluated."""
        is_rule = labels and labels[0] in {rule.name for rule in RULES}
        with self._stage.naming(labels[0] if is_rule else self._stage.maker):
            yield


class Network(BaseAdapter):
    """The network: hands a request to whoever answers it."""

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        super().__init__()
        self._answer = answer

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        """Answer a request; raises the exceptions of requests."""
        parts = urlsplit(str(request.url))
        body: Any = request.body or b""
        answer = self._answer(
            Request(
                method=str(request.method),
                path=parts.path,
                query=dict(parse_qsl(parts.query, keep_blank_values=True)),
                headers={name.lower(): value for name, value in request.headers.items()},
                body=body.read() if hasattr(body, "read") else body,
            )
        )
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update({"Content-Type": answer.content_type, **answer.headers})
        response._content, response._content_consumed = answer.encoded(), True
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        """Nothing is open."""


class _Database:
    """A database of this process: each life begins with a copy of the migrated file.

    The engine stays, because compiling its statements takes longer than a life.
    """

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        within = str(memory) if memory.is_dir() else None
        self._directory = tempfile.TemporaryDirectory(prefix="sweep-", dir=within)
        self._path = Path(self._directory.name) / "bot.sqlite"
        self.engine = open_engine(f"sqlite:///{self._path}")
        migrated(self.engine, HISTORIES)
        self.engine.dispose()
        self._empty = self._path.read_bytes()

    def renewed(self) -> Engine:
        """The engine, with an empty database."""
        self.engine.dispose()
        # A new file: a life that failed may hold the old one open.
        for end in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + end).unlink(missing_ok=True)
        self._path.write_bytes(self._empty)
        return self.engine


@cache
def database() -> _Database:
    """The database of this process."""
    return _Database()


@contextmanager
def staged(interference: Interference | None = None) -> Iterator[Stage]:
    """A new bot and GitHub; one at a time in a process."""
    with (
        pytest.MonkeyPatch.context() as patch,
        Stage(database().renewed(), interference) as stage,
    ):
        # A day of retries is the same as an hour of them, and most of the time of a sweep.
        patch.setattr("bot.loop.run.OUTAGE_SECONDS", OUTAGE_SECONDS)
        yield stage
