"""Script of the demo: starts a simulated GitHub and the bot, and sends deliveries.

The simulated GitHub is an HTTP server in this process. Its App's credentials are made for each run
and reach the bot's processes as those of `start` do; the database is a new one.
"""

import itertools
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from http import HTTPStatus
from pathlib import Path

import requests

from bot_deploy.arguments import program
from bot_deploy.config import Config, load
from bot_deploy.config.handover import packed_for
from bot_deploy.demo.console_link import ConsoleLinks
from bot_deploy.demo.scenes import REPOSITORIES, SceneDelivery, deliveries
from bot_deploy.demo.screen import Screen
from bot_deploy.demo.surroundings import LOCAL, SLUG, command, environment, free_port, home
from bot_deploy.migrate import migrate
from bot_deploy.wiring.parts import open_parts
from bot_deploy.wiring.processes import SUBCOMMANDS, Relay, entries
from luggage.fake_github import FakeGithub
from luggage.jobs import Queue, State
from luggage.run.runtime_dirs import runtime_dirs
from luggage.telemetry.logs import configure_logging

# How long the processes may take to start, and the bot to finish what it was sent.
_TIMEOUT_SECONDS = 60.0
_PAUSE_SECONDS = 0.1
# The first hint follows the first scenes, each of the others so many deliveries later.
_HINT_EVERY = 5
_LOG_LINES = 15


def play(
    environ: MutableMapping[str, str],
    *,
    seed: int,
    every_seconds: float,
    number: int | None,
    host: str,
) -> int:
    """Play the demo, and return the exit code; without `number`, until a signal.

    Replaces the contents of `environ`, from which ncolony hands on variables by name.
    """
    before = dict(environ)
    github = FakeGithub(app_slug=SLUG)
    for repository in REPOSITORIES:  # their pages are there before anybody does anything
        github.add_repository(repository)
    with home() as directory, github.serve(host=host, port=free_port(host, 8001)) as server:
        github.world.api_url = github.world.server_url = f"http://{LOCAL}:{server.port}"
        screen = Screen.of(environ, github=github.world.server_url)
        settings = environment(environ, github, directory=directory, host=host)
        environ.clear()
        environ.update(settings)
        script = Script(
            github,
            load(settings),
            screen,
            seed=seed,
            every_seconds=every_seconds,
            command=command(directory, before),
        )
        return script.run(directory, number, host=host)


class Script:
    """The demo: supervises the bot in the main thread, sends deliveries in another one.

    `command` runs a subcommand on the demo's database.
    """

    def __init__(  # noqa: PLR0913  keyword-only options
        self,
        github: FakeGithub,
        config: Config,
        screen: Screen,
        *,
        seed: int,
        every_seconds: float,
        command: str,
    ) -> None:
        self._github = github
        self._config = config
        self._screen = screen
        self._seed = seed
        self._every_seconds = every_seconds
        self._command = command
        self._address = f"http://{LOCAL}:{config.port}"
        self._over = threading.Event()
        self._failed = False
        self._links: list[threading.Thread] = []

    def run(self, directory: Path, number: int | None, *, host: str) -> int:
        """Play until a signal, or `number` deliveries; returns the exit code."""
        from luggage.run.supervisor import Supervisor  # noqa: PLC0415  loads Twisted

        log = directory / "log.txt"
        handed_over = {
            name: packed_for(self._config, part, os.environ) for part, name in SUBCOMMANDS.items()
        }
        arguments = ["--host", host, "--program", self._command]
        with (
            log.open("w", encoding="utf-8") as stream,
            runtime_dirs(directory, entries(os.environ, gunicorn=arguments)) as places,
        ):
            configure_logging("text", name="demo", stream=stream)
            self._introduce(log)
            migrate(self._config)
            supervisor = Supervisor(
                places,
                relay=Relay(stream, "text"),
                handed_over=handed_over,
                on_end=self._over.set,
            )
            player = threading.Thread(target=self._play, args=(number, supervisor.stop))
            player.start()
            supervisor.run()
            for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C would leave files behind
            player.join()
            for link in self._links:
                link.join()
        if self._failed:
            self._show_log(log)
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
            return self._timed_out("the bot is not ready")
        self._screen.address("status page", f"{self._address}/")
        self._links.append(ConsoleLinks(self._link, self._screen, self._over).start())
        self._screen.address("GitHub", f"{self._github.world.server_url}/{REPOSITORIES[0]}")
        self._screen.say("\nPress Ctrl-C to stop. It leaves nothing behind.\n")
        self._github.journal.subscribe(self._screen.tell, whole=True)
        endless = deliveries(self._github, random.Random(self._seed))  # noqa: S311  a story
        hints = self._hints()
        for at in itertools.count(1) if number is None else range(1, number + 1):
            self._send(next(endless))
            if self._over.wait(self._every_seconds):
                return True
            if at % _HINT_EVERY == 0:
                for hint in itertools.islice(hints, 1):
                    self._screen.hint(*hint)
        return self._is_finished()

    def _introduce(self, log: Path) -> None:
        self._screen.title("Portmanteau: the demo")
        self._screen.say(
            "The bot is real. GitHub is simulated, and its people are invented "
            f"(seed {self._seed})."
        )
        self._screen.say(f"The log, while it runs: {log}\n\nThe bot starts...\n")

    def _hints(self) -> Iterator[tuple[str, str]]:
        """Yield what to look at next, with an address or a command."""
        repository = f"{self._github.world.server_url}/{REPOSITORIES[0]}"
        yield "Look next: what people read in their threads on the simulated GitHub.", repository
        yield (
            "Look next: the console shows each delivery, what was decided, and why.",
            (f"{self._address}/console/deliveries"),
        )
        yield "Look next: the same in another terminal.", f"{self._command} deliveries"
        yield "Look next: the status page, with the bot's mood and its last day.", self._address
        yield (
            "Do you like it? This creates a GitHub App for your organisation, in two clicks:",
            (f"{program()} register --organization YOUR-ORG"),
        )

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
            self._screen.problem(f"after {_TIMEOUT_SECONDS:.0f} s {problem}")
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
            self._screen.tell("the same delivery again; the bot must not repeat itself")
        url = f"{self._address}/webhook/github"
        status = self._github.deliver(*delivery.happening, to=url, delivery_id=delivery.id)
        if status != HTTPStatus.ACCEPTED and not self._over.is_set():
            self._screen.problem(f"the bot refused this delivery: status {status}")

    def _is_finished(self) -> bool:
        """Wait until no job is left; print failures, and return whether there was none."""
        with open_parts(self._config) as parts:
            in_time = self._wait(lambda: not _count(parts.queue, State.READY, State.LEASED))
            dead = _count(parts.queue, State.DEAD)
        if dead:
            self._screen.problem(f"{_number(dead, 'job', 'jobs')} failed for good")
        return not dead and (in_time or self._timed_out("the bot has not finished"))

    def _show_log(self, log: Path) -> None:
        """Print the log's last lines, because the file is about to go."""
        self._screen.problem("the end of the log:")
        for line in log.read_text(encoding="utf-8").splitlines()[-_LOG_LINES:]:
            self._screen.say(line)

    def _sum_up(self) -> None:
        github = self._github
        people = {call.path for call in github.calls_to("PUT", "*/memberships/*")}
        comments = github.calls_to("POST", "*/comments") + github.calls_to("POST", "*/replies")
        done = (
            _number(len(github.hooks.sent), "delivery", "deliveries"),
            f"{_number(len(people), 'person', 'people')} invited",
            _number(len(comments), "comment", "comments"),
        )
        self._screen.say(f"\nStopped: {', '.join(done)}.")


def _number(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _count(queue: Queue, *states: State) -> int:
    return sum(number for (_, state), number in queue.counts().items() if state in states)
