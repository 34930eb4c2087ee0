"""Stories: people act on GitHub, the bot receives the deliveries, and the test checks the result.

Each is played in several weathers: deliveries come as they should, each twice, in reverse, or with
a bot that is killed after each thing it does. GitHub's own description judges every request.
"""

import pytest

from luggage.jobs import State
from tests.support.apps import app_at
from tests.support.openapi import CheckingServer

FAIR, TWICE, REVERSED, KILLED = "fair", "each twice", "in reverse", "killed in between"
LEASE_SECONDS = 60.0


@pytest.fixture(params=[FAIR, TWICE, REVERSED, KILLED])
def weather(request):
    """The order of deliveries, and whether the bot is killed."""
    return request.param


@pytest.fixture
def judge(github):
    """GitHub's API description, which checks every request to the simulated GitHub."""
    with CheckingServer(github) as server:
        yield server
        assert server.violations == []


@pytest.fixture
def app(github, clock, judge):
    """Our App, with a client whose requests the judge checks."""
    return app_at(judge.url, github, clock)


@pytest.fixture
def set_up(github):
    """Give the organisation a settings file."""

    def set_up(text):
        github.add_repository("snakes/.github")
        github.add_file("snakes/.github", ".github/bot.toml", text)

    return set_up


class _Killed(BaseException):
    """Stands for SIGKILL: nothing in the worker catches it."""


@pytest.fixture
def rest(worker, queue, clock, weather, monkeypatch):
    """Let the bot work until no job is due within `within` seconds."""
    if weather == KILLED:
        monkeypatch.setattr(queue, "end", _first_time_killed(queue.end))

    def rest(within=3600.0):
        until = clock() + within
        for _ in range(1000):
            try:
                worker.drain()
            except _Killed:
                clock.advance(LEASE_SECONDS + 1)
                queue.reclaim()
                continue
            run_at = queue.next_run_at(["delivery", "action"])
            if run_at is None or run_at > until:
                return
            clock.advance(max(0.0, run_at - clock()) + 0.001)
        raise AssertionError("the bot does not come to rest")

    return rest


def _first_time_killed(end):
    """Kill the worker once, after a job is done and before that is recorded."""
    killed = set()

    def dying(ended):
        done = [each.job.id for each in ended if each.state is State.DONE]
        if not killed.issuperset(done):
            killed.update(done)
            raise _Killed
        return end(ended)

    return dying


@pytest.fixture
def play(deliver, rest, weather):
    """Deliver events according to the weather, and let the bot work."""

    def play(*happenings):
        if weather == REVERSED:
            happenings = happenings[::-1]
        for happening in happenings:
            deliver(happening)
            if weather == TWICE:
                deliver(happening)
        rest()

    return play


@pytest.fixture
def said(github):
    """The bot's comments in a conversation, without hidden lines."""

    def said(number, repository="snakes/trio"):
        return [
            comment.body.partition("\n\n<!--")[0]
            for comment in github.comments(repository, number)
            if comment.author is github.world.bot
        ]

    return said
