"""Start: the time from the command to `/readyz`, as a venv, a pex and a container."""

import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import requests

from bench.bot import Site, running
from bench.circumstances import ROOT
from bench.measure import Measure, Size, Table, UnavailableError
from bench.packed import HERE, container, docker, image, pex
from bench.processes import free_port, scratch, until
from bench.say import say
from bench.simulated import Github, simulated
from bench.spread import ratio

VENV, PEX, CONTAINER = "venv", "pex", "container"
HEAD = ("started as", "very first start, s", "each later start, s", "against the venv")
# Starts and stops one kind of the bot; returns the seconds until it is ready.
Starter = Callable[[], float]


def run(size: Size) -> Table:
    """Measure; notes what this machine lacks, and raises UnavailableError without a pex."""
    return measured((VENV, PEX, CONTAINER), rounds=size.of(9, 1))


def measured(names: Sequence[str], *, rounds: int) -> Table:
    """Measure these, `rounds` times each after the very first start."""
    left_out: list[str] = []
    with ExitStack() as stack:
        home = stack.enter_context(scratch("start"))
        # A container needs it on another interface.
        github = stack.enter_context(simulated("0.0.0.0" if CONTAINER in names else "127.0.0.1"))
        starters = {}
        for name in names:
            try:
                starters[name] = stack.enter_context(_MADE[name](home, github))
            except UnavailableError as error:
                left_out.append(f"The {name} was left out: {error}.")
        first = {name: start() for name, start in starters.items()}
        later = interleaved(starters, rounds)
    return table(first, later, left_out)


def interleaved(starters: Mapping[str, Starter], rounds: int) -> dict[str, list[float]]:
    """The seconds of each start, in rounds, in random order."""
    times: dict[str, list[float]] = {name: [] for name in starters}
    for _ in range(rounds):
        for name in random.sample(list(starters), k=len(starters)):
            times[name].append(starters[name]())
        say(", ".join(f"{name} {each[-1]:.2f} s" for name, each in times.items()))
    return times


def table(
    first: Mapping[str, float], later: Mapping[str, Sequence[float]], notes: Sequence[str]
) -> Table:
    """A row for each kind; the figures are ratios to the venv."""
    against = {name: ratio(later[name], later[VENV]) for name in later if name != VENV}
    return Table(
        head=HEAD,
        rows=[
            (name, f"{first[name]:.2f}", f"{median(later[name]):.2f}", str(against.get(name, "1")))
            for name in later
        ],
        notes=[_NOTE, *notes],
        figures={
            "start.venv_seconds": median(later[VENV]),
            **{f"start.{name}_against_venv": one.middle for name, one in against.items()},
        },
    )


_NOTE = (
    "`start` until `/readyz` answers 200: both processes are up, the database is reached, and the "
    "loop has been heard from. The very first start makes the database, and the pex unpacks itself."
)


@contextmanager
def _venv(home: Path, github: Github) -> Iterator[Starter]:
    site = _site(home / VENV, github)
    yield lambda: _started(site, (sys.executable, "-m", "bot_deploy"), ROOT)


@contextmanager
def _pex(home: Path, github: Github) -> Iterator[Starter]:
    site = _site(home / PEX, github, PEX_ROOT=str(home / "pex-root"))
    packed = pex(home)
    yield lambda: _started(site, (sys.executable, str(packed)), home)


def _site(home: Path, github: Github, **settings: str) -> Site:
    home.mkdir()
    settings = {"GITHUB_API_URL": github.address, **settings}
    return Site(home, f"sqlite:///{home / 'bot.sqlite'}", settings)


def _started(site: Site, program: Sequence[str], cwd: Path) -> float:
    began = time.perf_counter()
    with running(site, "start", program=program, cwd=cwd) as bot:
        bot.wait("/readyz")
        return time.perf_counter() - began


@contextmanager
def _container(home: Path, github: Github) -> Iterator[Starter]:
    port = free_port()
    there = f"http://{HERE}:{urlsplit(github.address).port}"
    environ = Site(home, "sqlite:////data/bot.sqlite", {"GITHUB_API_URL": there}).environ
    settings = {**environ, "BOT_DATA": "/data"}
    with image() as made, container(made, settings, port) as name:
        yield lambda: _container_started(name, f"http://127.0.0.1:{port}/readyz")


def _container_started(name: str, url: str) -> float:
    began = time.perf_counter()
    docker("start", name)
    until(lambda: _answers(url), f"the container is ready: docker logs {name}")
    took = time.perf_counter() - began
    docker("stop", "--time", "10", name)
    return took


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


_MADE = {VENV: _venv, PEX: _pex, CONTAINER: _container}

MEASURE = Measure(
    name="start",
    question="How long does it take from the start until the bot is ready?",
    run=run,
)
