"""Tests of the number of requests that a delivery costs, with warm caches."""

import json

import pytest

from bot.events import DELIVERIES, subject
from luggage.jobs import NewJob

TRIO = "snakes/trio"


@pytest.fixture
def cost(queue, clock, github, settled):
    """Deliver an event; return its numbers of reads and writes, without tokens."""

    def deliver(happening):
        asked = len(github.calls)
        body, guid = json.dumps(happening.payload).encode(), f"guid-{clock()}"
        about, kind = subject(happening.payload), happening.event
        queue.put(
            NewJob(queue=DELIVERIES, key=guid, subject=about, kind=kind, body=body, run_at=clock())
        )
        settled()
        clock.advance(1)
        calls = [call for call in github.calls[asked:] if "access_tokens" not in call.path]
        reads = sum(call.method == "GET" for call in calls)
        return reads, len(calls) - reads

    return deliver


def test_a_merge_of_a_known_member_costs_nothing(cost, github):
    """A merge by a known member costs no request."""
    github.add_member("snakes", "alice")
    cost(github.merge_pull_request(TRIO, "alice"))
    assert cost(github.merge_pull_request(TRIO, "alice")) == (0, 0)


def test_a_first_merge_costs_five(cost, github):
    """A first merge costs two reads of the membership, one of the account, and two writes."""
    cost(github.merge_pull_request(TRIO, "alice"))
    assert cost(github.merge_pull_request(TRIO, "bob")) == (3, 2)


def test_a_command_costs_its_two_writes(cost, github):
    """A command costs two writes and at most two reads."""
    github.open_issue(TRIO, "alice")
    cost(github.comment(TRIO, 1, "alice", "/ping"))
    reads, writes = cost(github.comment(TRIO, 1, "alice", "/ping"))
    assert writes == 2
    assert reads <= 2


def test_a_comment_without_a_command_costs_nothing(cost, github):
    """A comment without a command costs no request."""
    github.open_issue(TRIO, "alice")
    cost(github.comment(TRIO, 1, "alice", "Hello"))
    assert cost(github.comment(TRIO, 1, "alice", "Hello again")) == (0, 0)


def test_a_new_pull_request_costs_one_read(cost, github):
    """A new pull request costs one read of its files."""
    cost(github.open_pull_request(TRIO, "alice"))
    assert cost(github.open_pull_request(TRIO, "alice")) == (1, 0)


def test_a_push_that_leaves_the_settings_alone_costs_nothing(cost, github):
    """A push that does not touch the settings costs no request."""
    cost(github.push(TRIO, "alice"))
    assert cost(github.push(TRIO, "alice")) == (0, 0)
