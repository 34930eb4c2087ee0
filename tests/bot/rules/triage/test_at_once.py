"""Limits by count, when everything is decided before anything is performed.

So it is with many threads, processes or machines: each decision sees that there is still room.
"""

import pytest

from bot.events import DELIVERIES
from luggage.jobs import Worker
from luggage.jobs.wake import LocalWakeup

TRIO = "snakes/trio"
ISSUES = range(1, 21)


@pytest.fixture
def settings():
    return {
        "commands": {"enabled": True, "most_claims": 3},
        "invite": {"most_a_day": 3},
    }


@pytest.fixture
def at_once(queue, updater, clock, deliver, settled):
    """Deliver events, decide all of them, and only then perform what was decided."""

    def run(happenings):
        for happening in happenings:
            deliver(happening)
        wakeup = LocalWakeup()
        deciding = Worker(
            queue,
            {DELIVERIES: updater.decide},
            threads=1,
            lease_seconds=60.0,
            wakeup=wakeup,
            clock=clock,
            random=lambda: 0.5,
        )
        deciding.drain()
        wakeup.close()
        assert queue.next_run_at([DELIVERIES]) is None
        settled()

    return run


def holders(github):
    return [[one.login for one in github.issue(TRIO, number).assignees] for number in ISSUES]


@pytest.mark.parametrize("lag", [0.0, 9.0])
def test_of_twenty_claims_three_are_assigned(github, at_once, bots, lag):
    """A person holds no more than `most_claims`, also while GitHub's lists lag."""
    for _ in ISSUES:
        github.open_issue(TRIO, "bob")
    claims = [github.comment(TRIO, number, "alice", "/claim") for number in ISSUES]
    github.world.read_lag_seconds = lag
    at_once(claims)
    assert sorted(holders(github)) == [[]] * 17 + [["alice"]] * 3
    refused = [number for number in ISSUES if not holders(github)[number - 1]]
    assert all("which is the limit here" in bots(number)[0] for number in refused)


def test_each_person_has_their_own_limit(github, at_once):
    """The claims of one person do not use up those of another."""
    for _ in ISSUES:
        github.open_issue(TRIO, "bob")
    people = ["alice", "eve"] * 10
    at_once(
        github.comment(TRIO, number, person, "/claim")
        for number, person in zip(ISSUES, people, strict=True)
    )
    assert sorted(holders(github)) == [[]] * 14 + [["alice"]] * 3 + [["eve"]] * 3


def test_of_twenty_invitations_three_are_sent_today(github, clock, deliver, worker):
    """The limit of a day holds for the organisation, whoever merges what."""
    for number in ISSUES:
        deliver(github.merge_pull_request(TRIO, f"person-{number}"))
    for _ in range(60):
        worker.drain()
        clock.advance(2.0)
    sent = github.calls_to("PUT", "/orgs/snakes/memberships/*")
    assert len([call for call in sent if call.status == 200]) == 3
