"""Tests of bot.store.meters."""

import pytest

from bot.loop.run import measured
from bot.store import meters as metrics
from bot.store.meters import heard
from luggage.github import EVENTS, Exchanged, RateLimit
from luggage.github.webhooks import documented_event
from luggage.jobs import Dead, Done, Ignored, Job, Postpone, Retry
from luggage.telemetry.meter import Meter
from tests.support.octokit import examples


def job(queue="action", kind="invite"):
    return Job(
        id=1, queue=queue, key="k", subject="", kind=kind, body=b"", attempt=1, max_attempts=5,
        fence=1, run_at=0.0, lease_until=0.0, created_at=0.0, note="", parent=None,
    )  # fmt: skip


def raising(error):
    def handler(_job):
        raise error

    return handler


def counted(handler):
    """The label of one attempt, and whether the outcome was passed on."""
    meter = Meter()
    (one,) = measured({"action": handler}, meter).values()
    try:
        answer = one(job())
    except (Postpone, Retry, Dead, ZeroDivisionError) as error:
        answer = error
    return answer, meter.take().added


@pytest.mark.parametrize(("answer", "outcome"), [(Done(), "done"), (Ignored("nobody"), "ignored")])
def test_each_answer_is_counted_and_passed_on(answer, outcome):
    """`done` and `ignored` have different labels."""
    got, added = counted(lambda _: answer)
    assert got is answer
    assert added["portmanteau_jobs_total", ("action", outcome)] == 1.0
    assert added["portmanteau_job_seconds_sum", ("action", "invite")] == 0.0


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Postpone(1.0, "limit"), "postponed"),
        (Retry("away"), "retried"),
        (Dead("404"), "dead"),
        (ZeroDivisionError(), "failed"),
    ],
)
def test_each_failure_is_counted_and_passed_on(error, outcome):
    """Signals are counted by name, other exceptions as "failed"."""
    got, added = counted(raising(error))
    assert got is error
    assert added["portmanteau_jobs_total", ("action", outcome)] == 1.0


def test_a_strangers_event_is_other():
    """An unknown event is counted as "other", because its header is not signed."""
    meter = Meter()
    measured({"delivery": lambda _: Done()}, meter)["delivery"](job("delivery", "x" * 500))
    assert ("portmanteau_job_seconds_sum", ("delivery", "other")) in meter.take().added
    assert (documented_event("pull_request"), documented_event("Pull_Request")) == (
        "pull_request",
        "other",
    )


def test_every_event_of_githubs_examples_is_known():
    """The list has every event of GitHub's examples."""
    assert {example.event for example in examples()} - EVENTS == set()


@pytest.mark.parametrize(
    ("status", "label"), [(200, "2xx"), (304, "3xx"), (404, "4xx"), (502, "5xx"), (None, "none")]
)
def test_requests_are_counted_by_class_of_status(status, label):
    """Requests are counted by status class, "none" without a response."""
    meter = Meter()
    heard(meter, Exchanged("the App", "GET", status, 0.2, None))
    taken = meter.take()
    assert taken.added["portmanteau_github_requests_total", ("GET", label)] == 1.0
    assert taken.seen == {}


@pytest.mark.parametrize(
    ("name", "resource", "labels"),
    [
        ("installation 7", "core", ("7", "core")),
        ("the App", "search", ("App", "search")),
        ("installation 7", "x" * 99, ("7", "other")),
    ],
)
def test_remaining_limits_are_stored(name, resource, labels):
    """Limits are stored by installation and resource, with bounded labels."""
    meter = Meter()
    limit = RateLimit(resource=resource, limit=5000, remaining=4321, reset_at=99.0)
    heard(meter, Exchanged(name, "GET", 200, 0.2, limit))
    assert meter.take().seen == {
        (metrics.LIMIT.name, labels): 5000,
        (metrics.LIMIT_REMAINING.name, labels): 4321,
        (metrics.LIMIT_RESET.name, labels): 99.0,
    }
