"""Recovery with real processes: missed deliveries are fetched and take effect once."""

import os
import signal

import pytest
import requests

from luggage.fake_github import faults
from tests.support.running import running, until

TRIO = "snakes/trio"
LOG = "/app/hook/deliveries"


@pytest.fixture
def settings(github, judge):
    """A bot without an address: no webhook secret, deliveries are fetched."""
    return {
        "GITHUB_APP_ID": str(github.app_id),
        "GITHUB_PRIVATE_KEY": github.private_key,
        "GITHUB_API_URL": judge.url,
        "BOT_RECEIVE": "poll",
        "BOT_POLL_SECONDS": "0.2",
    }


def pongs(github, number):
    return len(github.comments(TRIO, number))


def effects(github):
    return [
        call.path for call in github.calls if call.method != "GET" and call.status in {200, 201}
    ]


def looks(github):
    """The number of requests for the log."""
    return len(github.calls_to("GET", LOG))


def test_a_bot_without_an_address_does_what_it_should(settings, github, judge, tmp_path):
    """Deliveries that are only in GitHub's log take effect once, and idling is free."""
    github.miss(*github.merge_pull_request(TRIO, "alice"))
    github.miss(*github.star(TRIO, "alice"))
    with running(tmp_path, settings) as bot:
        bot.wait_until_ready()
        until(lambda: github.comments(TRIO, 1), "the welcome is posted")
        github.miss(*github.open_issue(TRIO, "bert", body="/ping"))
        until(lambda: pongs(github, 2), "the ping is answered")
        until(lambda: len(github.calls_to("POST", "*/reactions")) == 1, "the heart is given")
        before = looks(github)
        until(lambda: looks(github) > before + 5, "the log is looked at again and again")
        assert {call.status for call in github.calls_to("GET", LOG)[before:]} == {304}
        assert requests.get(f"{bot.url}/", timeout=5).status_code == 200
        assert requests.post(bot.hook, data=b"{}", timeout=5).status_code == 404
    assert github.membership("snakes", "alice").state == "pending"
    assert (pongs(github, 1), pongs(github, 2)) == (1, 1)
    assert len(github.calls_to("GET", f"{LOG}/*")) == 2
    assert judge.violations == []


def test_a_bot_that_was_down_makes_up_for_it(settings, github, judge, tmp_path):
    """After downtime missed events take effect, and earlier ones do not repeat."""
    github.miss(*github.open_issue(TRIO, "alice", body="/ping"))
    with running(tmp_path, settings) as bot:
        until(lambda: pongs(github, 1), "the first ping is answered")
        assert bot.end() == 0
    for _ in range(3):
        github.miss(*github.open_issue(TRIO, "alice", body="/ping"))
        github.miss(*github.star(TRIO, "alice"))
    with running(tmp_path, settings):
        until(lambda: all(pongs(github, number) for number in (2, 3, 4)), "the others are answered")
        before = looks(github)
        until(lambda: looks(github) > before + 2, "two more turns have passed")
    assert [pongs(github, number) for number in (1, 2, 3, 4)] == [1, 1, 1, 1]
    assert judge.violations == []


def test_a_loop_killed_while_it_fetches_goes_on(settings, github, tmp_path):
    """After `kill -9` in the middle another loop resumes without loss or repetition."""
    number = 30
    for _ in range(number):
        github.miss(*github.open_issue(TRIO, "alice", body="nothing to do"))
    github.miss(*github.open_issue(TRIO, "alice", body="/ping"))
    with running(tmp_path, settings, arguments=("migrate",)) as migration:
        assert migration.process.wait(60) == 0
    with running(tmp_path, settings, arguments=("loop",)) as bot:
        until(lambda: len(github.calls_to("GET", f"{LOG}/*")) >= 12, "some are fetched")
        os.kill(bot.process.pid, signal.SIGKILL)
    with running(tmp_path, settings, arguments=("loop",)):
        until(lambda: pongs(github, number + 1), "the last one is answered")
        before = looks(github)
        until(lambda: looks(github) > before + 2, "two more turns have passed")
    assert pongs(github, number + 1) == 1
    assert len(github.calls_to("GET", f"{LOG}/*")) <= number + 1 + 1  # the one that was cut off


def test_a_webhook_and_its_recovered_twin_are_one_effect(settings, github, judge, tmp_path):
    """Deliveries by webhook are not fetched, and fetched ones may also come by webhook."""
    settings |= {"BOT_RECEIVE": "webhook", "GITHUB_WEBHOOK_SECRET": github.webhook_secret}
    with running(tmp_path, settings) as bot:
        bot.wait_until_ready()
        missed = github.open_issue(TRIO, "alice", body="/ping")
        github.miss(*missed, delivery_id="guid-1")
        until(lambda: pongs(github, 1), "the missed ping is answered")
        assert github.deliver(*missed, to=bot.hook, delivery_id="guid-1") == 202
        other = github.open_issue(TRIO, "alice", body="/ping")
        assert github.deliver(*other, to=bot.hook, delivery_id="guid-2") == 202
        until(lambda: pongs(github, 2), "the other ping is answered")
        before = looks(github)
        until(lambda: looks(github) > before + 2, "two more turns have passed")
    assert (pongs(github, 1), pongs(github, 2)) == (1, 1)
    assert len(github.calls_to("GET", f"{LOG}/*")) == 1
    assert judge.violations == []


def test_a_github_that_hangs_holds_up_nothing_else(settings, github, tmp_path):
    """While GitHub's log is down, deliveries by webhook work."""
    settings |= {"BOT_RECEIVE": "webhook", "GITHUB_WEBHOOK_SECRET": github.webhook_secret}
    github.faults.append(faults.plan(faults.slow(30), path=LOG, times=None))
    with running(tmp_path, settings) as bot:
        bot.wait_until_ready()
        github.deliver(*github.open_issue(TRIO, "alice", body="/ping"), to=bot.hook)
        until(lambda: pongs(github, 1), "the ping is answered")
        assert looks(github) <= 2
        assert bot.end() == 0
