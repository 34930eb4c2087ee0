"""How many requests one delivery costs, once the bot knows the place: each is part of a budget."""

import json

import pytest

from bot.events import DELIVERIES, subject
from luggage.jobs import NewJob

TRIO = "snakes/trio"


@pytest.fixture
def cost(queue, clock, github, settled):
    """Deliver something; give how many reads and writes it cost, tokens left out."""

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
    """Neither its settings nor the person are asked for again."""
    github.add_member("snakes", "alice")
    cost(github.merge_pull_request(TRIO, "alice"))
    assert cost(github.merge_pull_request(TRIO, "alice")) == (0, 0)


def test_a_first_merge_costs_four(cost, github):
    """Is this a member? Twice, before deciding and before inviting; the invitation, the welcome."""
    cost(github.merge_pull_request(TRIO, "alice"))
    assert cost(github.merge_pull_request(TRIO, "bob")) == (2, 2)


def test_a_command_costs_its_two_writes(cost, github):
    """The answer and the reaction, and at most two reads."""
    github.open_issue(TRIO, "alice")
    cost(github.comment(TRIO, 1, "alice", "/ping"))
    reads, writes = cost(github.comment(TRIO, 1, "alice", "/ping"))
    assert writes == 2
    assert reads <= 2


def test_a_comment_without_a_command_costs_nothing(cost, github):
    """Most comments are no business of the bot's."""
    github.open_issue(TRIO, "alice")
    cost(github.comment(TRIO, 1, "alice", "Hello"))
    assert cost(github.comment(TRIO, 1, "alice", "Hello again")) == (0, 0)


def test_a_new_pull_request_costs_one_read(cost, github):
    """Does it change the settings? Its list of files tells."""
    cost(github.open_pull_request(TRIO, "alice"))
    assert cost(github.open_pull_request(TRIO, "alice")) == (1, 0)


def test_a_push_that_leaves_the_settings_alone_costs_nothing(cost, github):
    """Its paths are in the payload."""
    cost(github.push(TRIO, "alice"))
    assert cost(github.push(TRIO, "alice")) == (0, 0)
