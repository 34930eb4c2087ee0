"""Script of the demo: starts a simulated GitHub and the bot, and sends deliveries.

The simulated GitHub is an HTTP server in this process. Its App's credentials are made for each run
and reach the bot's processes as those of `start` do; the database is a new one.
"""

import itertools
import os
import random
import re
import socket
import textwrap
import threading
import time
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import requests

from bot_deploy.config import Config, load
from bot_deploy.config.handover import packed_for
from bot_deploy.config.settings import database_in
from bot_deploy.demo.scenes import SceneDelivery, deliveries
from bot_deploy.migrate import migrate
from bot_deploy.wiring.parts import open_parts
from bot_deploy.wiring.processes import SUBCOMMANDS, Relay, entries
from luggage.fake_github import FakeGithub
from luggage.jobs import Queue, State
from luggage.run.runtime_dirs import fresh_directory, runtime_dirs
from luggage.telemetry.logs import configure_logging, escape

_HOST = "127.0.0.1"
_USUAL_PORT = 8000
_SLUG = "portmanteau"
_LINE = 110
# How long the processes may take to start, and the bot to finish what it was sent.
_TIMEOUT_SECONDS = 60.0
_PAUSE_SECONDS = 0.1
# Settings of a real bot, which must not reach the demo.
_OF_A_BOT = re.compile("(BOT|GITHUB|SECRET|SENTRY|DATABASE|LOG)_.*")
_KEPT = {"BOT_DATA", "BOT_METRICS_TOKEN", "BOT_SETTLE_SECONDS"}
_MARKER = re.compile(r"<!--(?:(?!<!--).)*?-->")


def play(
    environ: MutableMapping[str, str], *, seed: int, every_seconds: float, number: int | None
) -> int:
    """Play the demo, and return the exit code; without `number`, until a signal.

    Replaces the contents of `environ`, from which ncolony hands on variables by name.
    """
    github = FakeGithub(app_slug=_SLUG)
    data = load(surroundings(environ), {}).data
    with github.serve() as server, fresh_directory(data, "demo-", keep=True) as home:
        settings = environment(environ, github, api_url=server.url, home=home)
        environ.clear()
        environ.update(settings)
        script = Script(github, load(settings), seed=seed, every_seconds=every_seconds)
        return script.run(home, number)


def surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the settings of a real bot, except directory and pace."""
    return {
        name: value
        for name, value in environ.items()
        if name in _KEPT or not _OF_A_BOT.fullmatch(name)
    }


def environment(
    environ: Mapping[str, str], github: FakeGithub, *, api_url: str, home: Path
) -> dict[str, str]:
    """Return the environment of the bot's processes: the App of `github`, data in `home`."""
    return surroundings(environ) | {
        "BOT_DATA": str(home.absolute()),
        "DATABASE_URL": database_in(home.absolute()),
        # The simulated GitHub has no limit, and the demo may write more than 500 times an hour.
        "BOT_WRITE_LIMITS": "1 0 0",
        "GITHUB_API_URL": api_url,
        "GITHUB_APP_ID": str(github.app_id),
        "GITHUB_PRIVATE_KEY": github.private_key,
        "GITHUB_USER_AGENT": _SLUG,
        "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
        "SENTRY_DSN": "off",
        "PORT": environ.get("PORT") or str(free_port(_USUAL_PORT)),
    }


def free_port(usual: int) -> int:
    """Return the usual port if it is free, else another. Raises OSError if none is free."""
    for port in (usual, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
            free: int = probe.getsockname()[1]
            return free
    raise OSError("there is no free port")


class Script:
    """The demo: supervises the bot in the main thread, sends deliveries in another one."""

    def __init__(
        self, github: FakeGithub, config: Config, *, seed: int, every_seconds: float
    ) -> None:
        self._github = github
        self._config = config
        self._seed = seed
        self._every_seconds = every_seconds
        self._address = f"http://{_HOST}:{config.port}"
        self._over = threading.Event()
        self._failed = False

    def run(self, home: Path, number: int | None) -> int:
        """Play until a signal, or `number` deliveries; returns the exit code."""
        from luggage.run.supervisor import Supervisor  # noqa: PLC0415  loads Twisted

        log = home / "log.txt"
        handed_over = {
            name: packed_for(self._config, part, os.environ) for part, name in SUBCOMMANDS.items()
        }
        with (
            log.open("w", encoding="utf-8") as stream,
            runtime_dirs(home, entries(os.environ, gunicorn=["--host", _HOST])) as places,
        ):
            configure_logging("text", name="demo", stream=stream)
            migrate(self._config)
            say(f"The bot is real, GitHub is simulated (seed {self._seed}).\nThe log: {log}")
            supervisor = Supervisor(
                places,
                relay=Relay(stream, "text"),
                handed_over=handed_over,
                on_end=self._over.set,
            )
            player = threading.Thread(target=self._play, args=(number, supervisor.stop))
            player.start()
            supervisor.run()
            player.join()
        self._sum_up()
        return int(self._failed)

    def _play(self, number: int | None, stop: Callable[[], None]) -> None:
        self._failed = True
        try:
            self._failed = not self._show(number)
        finally:
            stop()

    def _show(self, number: int | None) -> bool:
        """Send deliveries, and return whether none failed; an early stop is not a failure."""
        if not self._wait(self._is_ready):
            return self._timed_out("the bot is not ready; see its log")
        say(f"The status page: {self._address}/")
        say(f"The console (this link works once, for ten minutes):\n{self._link()}")
        say("Press Ctrl-C to stop.\n")
        self._github.journal.subscribe(tell)
        endless = deliveries(self._github, random.Random(self._seed))  # noqa: S311  a story
        for _ in itertools.count() if number is None else range(number):
            self._send(next(endless))
            if self._over.wait(self._every_seconds):
                return True
        return self._is_finished()

    def _link(self) -> str:
        with open_parts(self._config) as parts:
            token = parts.sessions.make_link()
        return f"{self._address}/console/sign-in/link/{token}"

    def _wait(self, condition: Callable[[], bool]) -> bool:
        """Wait until the condition holds; returns False after a timeout or the demo's end."""
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while not condition():
            if self._over.wait(_PAUSE_SECONDS) or time.monotonic() > deadline:
                return False
        return True

    def _timed_out(self, problem: str) -> bool:
        """Print the problem and return False; returns True if a Ctrl-C ended the wait."""
        if not self._over.is_set():
            say(f"! after {_TIMEOUT_SECONDS:.0f} s {problem}")
        return self._over.is_set()

    def _is_ready(self) -> bool:
        with requests.Session() as session:
            session.trust_env = False
            try:
                answer = session.get(f"{self._address}/readyz", timeout=5)
            except requests.RequestException:
                return False
        return answer.status_code == HTTPStatus.OK

    def _send(self, delivery: SceneDelivery) -> None:
        if delivery.repeated:
            say("→ the same delivery again; the bot must not repeat itself")
        url = f"{self._address}/webhook/github"
        status = self._github.deliver(*delivery.happening, to=url, delivery_id=delivery.id)
        if status != HTTPStatus.ACCEPTED and not self._over.is_set():
            say(f"! the bot refused this delivery: status {status}")

    def _is_finished(self) -> bool:
        """Wait until no job is left; print failures, and return whether there was none."""
        with open_parts(self._config) as parts:
            in_time = self._wait(lambda: not _count(parts.queue, State.READY, State.LEASED))
            dead = _count(parts.queue, State.DEAD)
        if dead:
            say(f"! {_number(dead, 'job', 'jobs')} failed for good")
        return not dead and (in_time or self._timed_out("the bot has not finished"))

    def _sum_up(self) -> None:
        github = self._github
        people = {call.path for call in github.calls_to("PUT", "*/memberships/*")}
        comments = github.calls_to("POST", "*/comments") + github.calls_to("POST", "*/replies")
        done = (
            _number(len(github.hooks.sent), "delivery", "deliveries"),
            f"{_number(len(people), 'person', 'people')} invited",
            _number(len(comments), "comment", "comments"),
        )
        say(f"\nStopped: {', '.join(done)}.")


def _number(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _count(queue: Queue, *states: State) -> int:
    return sum(number for (_, state), number in queue.counts().items() if state in states)


def tell(line: str) -> None:
    """Print a line of the journal: an arrow to the right for people, to the left for the bot."""
    line = _MARKER.sub("", line)
    bot = f"{_SLUG}[bot] "
    if line.startswith(bot):
        line = f"← the bot {line.removeprefix(bot)}"
        say("    " + textwrap.shorten(line, _LINE, placeholder=" …"))
    else:
        say(textwrap.shorten(f"→ {line}", _LINE, placeholder=" …"))


def say(text: str) -> None:
    """Print lines at once; the demo continues after stdout was closed."""
    with suppress(OSError):
        print("\n".join(map(escape, text.split("\n"))), flush=True)
