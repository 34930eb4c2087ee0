"""Many machines with real processes: one queue, one write throttle, one leader."""

import contextlib
import itertools
import os
import signal

import pytest
import requests
from sqlalchemy import text

from luggage.database import open_engine, reading
from luggage.fake_github import FakeGithub
from tests.support.running import running, until

TRIO = "snakes/trio"
LOOPS = 3


@pytest.fixture
def github():
    fake = FakeGithub()
    fake.add_repository(TRIO)
    with fake.serve() as server:
        fake.address = server.url
        yield fake


@pytest.fixture
def settings(github, postgresql_url):
    return {
        "GITHUB_APP_ID": str(github.app_id),
        "GITHUB_PRIVATE_KEY": github.private_key,
        "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
        "GITHUB_API_URL": github.address,
        "DATABASE_URL": postgresql_url,
    }


@pytest.fixture
def machine(settings, tmp_path):
    """Start a process on its own machine: its own directory and port, the shared database."""
    numbers = itertools.count()
    with contextlib.ExitStack() as stack:

        def machine(*arguments, wait=False):
            home = tmp_path / f"machine-{next(numbers)}"
            started = stack.enter_context(running(home, settings, arguments=arguments))
            if wait:
                assert started.process.wait(60) == 0, started.output
            return started

        yield machine


@pytest.fixture
def asked(settings):
    """Query the shared database."""
    engine = open_engine(settings["DATABASE_URL"])

    def asked(query):
        with reading(engine) as connection:
            return connection.execute(text(query)).scalars().all()

    yield asked
    engine.dispose()


def pings(github, web, number):
    for _ in range(number):
        happening = github.open_issue(TRIO, "alice", body="/ping")
        assert github.deliver(*happening, to=web.hook) == 202


def pongs(github):
    return [len(github.comments(TRIO, number)) for number in sorted(github_issues(github))]


def github_issues(github):
    return {
        int(call.path.split("/")[5]) for call in github.calls_to("POST", f"/repos/{TRIO}/issues/*")
    }


def test_loops_share_the_work_the_token_and_the_pace(machine, github, asked):
    """Each ping has one pong, one token serves all, and writes keep their distance."""
    machine("migrate", wait=True)
    loops = [machine("loop") for _ in range(LOOPS)]
    web = machine("gunicorn")
    web.wait_until_ready()
    until(lambda: len(asked("SELECT name FROM beat")) == LOOPS, "all loops are heard")
    pings(github, web, 6)
    done = "SELECT count(*) FROM job WHERE state = 'done' AND queue = 'action'"
    until(lambda: asked(done) == [12], "pongs and hearts are given")
    assert pongs(github) == [1] * 6
    assert len(github.calls_to("POST", "/app/installations/*/access_tokens")) == 1
    writes = sorted(call.at for call in github.calls_to("POST", f"/repos/{TRIO}/*"))
    # A request may take a moment longer than the next one.
    assert min(b - a for a, b in itertools.pairwise(writes)) > 0.8
    assert all(loop.process.poll() is None for loop in loops)


def test_another_loop_leads_when_the_leader_is_killed(machine, asked):
    """Within half a minute another loop takes over the tasks of a killed one."""
    machine("migrate", wait=True)
    loops = {f":{loop.process.pid}:": loop for loop in (machine("loop"), machine("loop"))}
    query = "SELECT holder FROM lease WHERE name = 'duty:recovery'"
    until(lambda: asked(query), "somebody leads")
    (leader,) = asked(query)
    (loop,) = [one for pid, one in loops.items() if pid in leader]
    os.kill(loop.process.pid, signal.SIGKILL)
    until(lambda: asked(query) != [leader], "another leads", patience_seconds=30)


def test_a_pause_is_obeyed_by_all_and_loses_nothing(machine, github, asked):
    """`pause` on any machine stops all loops, deliveries are stored, and `resume` resumes."""
    machine("migrate", wait=True)
    for _ in range(2):
        machine("loop")
    web = machine("gunicorn")
    web.wait_until_ready()
    machine("pause", wait=True)
    pings(github, web, 2)
    assert requests.get(f"{web.url}/readyz", timeout=5).status_code == 200
    assert "paused by hand" in requests.get(f"{web.url}/", timeout=5).text
    assert asked("SELECT state FROM job") == ["ready", "ready"]
    assert github.calls_to("POST", f"/repos/{TRIO}/*") == []
    machine("resume", wait=True)
    done = "SELECT count(*) FROM job WHERE state = 'done' AND queue = 'action'"
    until(lambda: asked(done) == [4], "everything is done")
    assert pongs(github) == [1, 1]
