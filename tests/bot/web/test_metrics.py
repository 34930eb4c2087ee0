"""Tests of /metrics."""

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, text

from bot.store import meters as metrics
from bot.store.recovery import QueueInbox
from bot.store.tables import missed
from bot.store.totals import Totals
from bot.web.metrics import Exposition, blueprint
from luggage.database import writing
from luggage.jobs import NewJob
from luggage.telemetry.meter import Meter
from tests.support import ends

TOKEN = "a long enough token"
BUILD = {"version": "1.0", "commit": "abc", "python": "3.11"}


@pytest.fixture
def totals(store, clock):
    return Totals(store, name="one", clock=clock)


@pytest.fixture
def client(store, queue, board, totals, clock):
    exposition = Exposition(
        engine=store, queue=queue, board=board, totals=totals, build=lambda: BUILD, clock=clock
    )
    app = Flask("bot", static_folder=None)
    app.register_blueprint(blueprint(exposition, TOKEN))
    return app.test_client()


@pytest.fixture
def scrape(client):
    """All samples, by name and label values."""

    def scrape():
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
        return {
            (sample.name.removeprefix("portmanteau_"), *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }

    return scrape


@pytest.mark.parametrize("given", ["", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer ü"])
def test_metrics_need_the_token(client, given):
    """A missing or wrong token gets 401."""
    answer = client.get("/metrics", headers={"Authorization": given})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "portmanteau" not in answer.text


def test_metrics_report_the_state_of_the_bot(scrape, queue, board, clock):
    """Mood, pause, heartbeat, and the counts and ages of jobs."""
    board.beat("loop")
    queue.put(NewJob(queue="delivery", key="a", subject="s", body=b"{}", run_at=clock() - 5))
    queue.put(NewJob(queue="delivery", key="b", subject="s", body=b"{}", run_at=clock() - 50))
    clock.advance(2)
    told = scrape()
    assert told["build_info", "abc", "3.11", "1.0"] == 1.0
    assert (told["mood", "busy"], told["mood", "bored"]) == (1.0, 0.0)
    assert (told["paused",], told["loop_silent_seconds",]) == (0.0, 2.0)
    assert told["jobs", "delivery", "ready"] == 2.0
    assert told["jobs_oldest_seconds", "delivery", "ready"] == pytest.approx(52.0)
    assert told["jobs", "action", "dead"] == 0.0
    assert ("recovery_lag_seconds",) not in told


def test_dead_retrying_and_paused_are_reported(scrape, queue, clock):
    """Dead jobs, retries and a pause are reported."""
    for key in ("a", "b"):
        queue.put(NewJob(queue="action", key=key, body=b"{}", run_at=clock()))
    dead, again = queue.claim(["action"], worker="w", lease_seconds=60, limit=2)
    ends.bury(queue, dead, "404")
    ends.retry(queue, again, error="502", run_at=clock() + 60)
    queue.pause()
    clock.advance(7)
    told = scrape()
    assert told["jobs", "action", "dead"] == told["jobs_retrying",] == told["paused",] == 1.0
    assert told["jobs_oldest_seconds", "action", "dead"] == pytest.approx(7.0)
    assert told["jobs_oldest_seconds", "action", "ready"] == 0.0
    assert told["loop_silent_seconds",] == float("inf")


def test_metrics_report_the_recovery(scrape, store, queue, clock):
    """The recovery lag, missed and lost deliveries are reported."""
    QueueInbox(engine=store, queue=queue, clock=clock, settle_seconds=0.0).begin()
    row = {"attempt_id": 1, "attempted_at": clock(), "tries": 0}
    with writing(store) as connection:
        connection.execute(insert(missed), {"guid": "a", "lost": "", **row})
        connection.execute(insert(missed), {"guid": "b", "lost": "gone", **row})
    clock.advance(90)
    told = scrape()
    assert told["recovery_lag_seconds",] == 90.0
    assert (told["missed",], told["lost",]) == (1.0, 1.0)


def test_totals_of_all_processes_are_reported(scrape, totals):
    """Counters and histograms have the totals of all processes."""
    meter = Meter()
    meter.add(metrics.DELIVERIES_TOTAL, "issues", "stored", by=3)
    for seconds in (0.001, 0.2, 0.2, 100.0):
        meter.observe(metrics.RULE_SECONDS, seconds, "ping")
    totals.add(meter)
    told = scrape()
    assert told["deliveries_total", "stored", "issues"] == 3.0
    assert told["recovered_total",] == 0.0
    buckets = [told["rule_seconds_bucket", bound, "ping"] for bound in metrics.RULE_SECONDS.bounds]
    assert buckets == sorted(buckets)
    assert told["rule_seconds_bucket", "0.005", "ping"] == 1.0
    assert told["rule_seconds_bucket", "0.25", "ping"] == 3.0
    assert told["rule_seconds_count", "ping"] == 4.0
    assert told["rule_seconds_sum", "ping"] == pytest.approx(100.401)


def test_a_limit_is_reported_until_it_is_renewed(scrape, totals, clock):
    """A rate limit disappears after its reset."""
    meter = Meter()
    for gauge, value in (
        (metrics.LIMIT, 5000),
        (metrics.LIMIT_REMAINING, 12),
        (metrics.LIMIT_RESET, clock() + 60),
    ):
        meter.see(gauge, value, "7", "core")
    totals.add(meter)
    assert scrape()["github_limit_remaining", "7", "core"] == 12.0
    clock.advance(61)
    assert ("github_limit_remaining", "7", "core") not in scrape()


def test_a_database_that_is_away_is_reported(scrape, store):
    """Without the database, only the build and that fact are reported."""
    with store.begin() as connection:
        connection.execute(text("DROP TABLE total"))
    assert scrape() == {("build_info", "abc", "3.11", "1.0"): 1.0, ("database_up",): 0.0}
