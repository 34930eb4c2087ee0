"""Fixtures for stories on one issue or pull request."""

import json

import pytest

from bot.events import DELIVERIES, SCHEDULE
from bot.rules import RULES
from bot.settings.files import SettingsFiles
from bot.settings.layers import Settings, read
from luggage.jobs import NewJob, State

TRIO = "snakes/trio"


@pytest.fixture
def settings():
    """The maintainers' settings; stories override them."""
    return {}


@pytest.fixture
def files(store, clock, settings):
    """The settings files, with `settings` as the operator's settings."""
    return SettingsFiles(store, RULES, Settings(read(RULES, settings)), clock=clock)


@pytest.fixture
def story(deliver, settled):
    """Deliver events and run all jobs that follow."""

    def tell(happening, guid=None):
        deliver(happening, guid)
        settled(200)
        return happening

    return tell


@pytest.fixture
def tick(queue, clock, github, settled):
    """Run a scheduled rule."""

    def run(rule):
        payload = {
            "action": rule,
            "installation": {"id": github.install("snakes").id},
            "organization": {"login": "snakes"},
            "repository": {"full_name": TRIO, "private": False, "default_branch": "main"},
        }
        queue.put(
            NewJob(
                queue=DELIVERIES,
                key=f"schedule:{rule}:{clock()}:{TRIO}",
                subject=f"{TRIO}/schedule",
                kind=SCHEDULE,
                body=json.dumps(payload).encode(),
                run_at=clock(),
            )
        )
        settled(200)

    return run


@pytest.fixture
def killed_once(queue, worker, clock, settled, monkeypatch):
    """Kill the process at the end of the next job of a queue, and start a new one."""

    class Killed(BaseException):
        """Stands for SIGKILL: nothing in the worker catches it."""

    def work_on():
        for _ in range(20):
            worker.drain()
            clock.advance(1.1)

    def run(name):
        end = queue.end

        def dying(ended):
            if (ended[0].job.queue, ended[0].state) == (name, State.DONE):
                raise Killed
            return end(ended)

        monkeypatch.setattr(queue, "end", dying)
        with pytest.raises(Killed):
            work_on()
        monkeypatch.setattr(queue, "end", end)
        clock.advance(61)
        queue.reclaim()
        settled(200)

    return run


@pytest.fixture
def texts(github):
    """The comments of an issue or pull request, without hidden markers."""

    def read_thread(number=1):
        return [one.body.partition("\n\n<!--")[0] for one in github.comments(TRIO, number)]

    return read_thread


@pytest.fixture
def bots(github):
    """The bot's comments on an issue or pull request."""

    def said(number=1):
        return [
            one.body.partition("\n\n<!--")[0]
            for one in github.comments(TRIO, number)
            if one.author.login == "test-bot[bot]"
        ]

    return said


@pytest.fixture
def cost(github):
    """The numbers of writes and reads."""

    def count(happen):
        before = len(github.calls)
        happen()
        calls = [one for one in github.calls[before:] if "access_tokens" not in one.path]
        writes = [one for one in calls if one.method != "GET" and one.path != "/graphql"]
        return len(writes), len(calls) - len(writes)

    return count
