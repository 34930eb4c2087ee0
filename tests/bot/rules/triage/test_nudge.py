"""Stories of the rule `nudge`."""

import pytest

from luggage.fake_github import faults
from luggage.jobs import State

TRIO = "snakes/trio"
DAY = 86_400.0


@pytest.fixture
def settings():
    return {"nudge": {"enabled": True, "days": 7, "most": 2, "skip": ["on hold"]}}


@pytest.fixture(autouse=True)
def scene(github):
    """A pull request of alice's."""
    github.open_pull_request(TRIO, "alice")


@pytest.fixture
def days(clock, tick):
    """Let days pass, with a scheduled run on each."""

    def pass_by(number):
        for _ in range(number):
            clock.advance(DAY)
            tick("nudge")

    return pass_by


def test_a_requested_reviewer_is_reminded(github, days, bots):
    """A requested reviewer gets two reminders and no more."""
    github.request_review(TRIO, 1, "alice", "olga")
    days(6)
    assert bots() == []
    days(2)
    assert len(bots()) == 1
    assert bots()[0].startswith(
        "Hello @olga! This pull request has been waiting for your review for about 7"
    )
    days(40)
    assert len(bots()) == 2
    assert "for about 14 days" in bots()[1]


def test_an_author_is_reminded_of_requested_changes(github, days, bots):
    """After a request for changes, the author is reminded until a push."""
    github.review(TRIO, 1, "olga", "Please", "changes_requested")
    days(8)
    assert bots()[0].startswith("Hello @alice! This pull request has been waiting for you")
    github.push_to_pull_request(TRIO, 1, "alice")
    days(8)
    assert bots()[1].startswith("Hello @olga! This pull request has been waiting for your review")


def test_a_remark_waits_for_the_author_too(github, days, bots):
    """A plain comment also reminds the author."""
    github.comment(TRIO, 1, "bob", "Why?")
    days(8)
    assert bots()[0].startswith("Hello @alice!")


def test_an_approved_one_waits_to_be_merged(github, days, bots):
    """The person who approved is reminded to merge."""
    github.review(TRIO, 1, "olga", None, "approved")
    days(8)
    assert bots()[0].startswith("Hello @olga! You have approved this pull request")


def test_without_a_requested_reviewer_there_is_no_reminder(github, days, bots):
    """Without a requested reviewer, no one is reminded by default."""
    days(20)
    assert bots() == []


class TestWithReviewers:
    """With `reviewers` set."""

    @pytest.fixture
    def settings(self):
        return {"nudge": {"enabled": True, "days": 7, "reviewers": ["snakes/core"]}}

    def test_they_are_reminded(self, github, days, bots):
        """The configured team is reminded."""
        days(8)
        assert bots()[0].startswith("Hello @snakes/core!")


@pytest.mark.parametrize("why", ["draft", "label", "bot", "closed"])
def test_some_are_left_alone(github, days, bots, why):
    """Drafts, skipped labels, bots and closed pull requests are ignored."""
    github.request_review(TRIO, 1, "alice", "olga")
    if why == "draft":
        github.pull(TRIO, 1).draft = True
    if why == "label":
        github.label_issue(TRIO, 1, "olga", "On hold")
        # In GitHub's API description, every label of this list has a description.
        github.issue(TRIO, 1).labels[0].description = "Not now"
    if why == "bot":
        github.issue(TRIO, 1).author = github.add_user("helper[bot]", bot=True)
    if why == "closed":
        github.close_pull_request(TRIO, 1, "olga")
    days(9)
    assert bots() == []


def test_activity_of_a_person_restarts_the_count(github, days, bots):
    """Activity by a person restarts the count; activity by bots does not."""
    github.request_review(TRIO, 1, "alice", "olga")
    days(6)
    github.comment(TRIO, 1, "alice", "Rebased")
    days(6)
    assert bots() == []
    days(2)
    assert len(bots()) == 1


def test_old_pull_requests_are_not_reminded(github, clock, tick, bots, cost):
    """Enabling the rule does not affect old pull requests."""
    github.request_review(TRIO, 1, "alice", "olga")
    clock.advance(100 * DAY)
    tick("nudge")
    clock.advance(1)
    assert cost(lambda: tick("nudge")) == (0, 1)
    assert bots() == []


def test_two_looks_at_once_and_a_restart_remind_once(github, clock, tick, killed_once, queue, bots):
    """Concurrent runs and a restart lead to one reminder."""
    github.request_review(TRIO, 1, "alice", "olga")
    clock.advance(7.2 * DAY)
    tick("nudge")
    clock.advance(1)
    tick("nudge")
    assert len(bots()) == 1


@pytest.mark.sweep  # two months of days, all alike
def test_nothing_is_closed(github, days):
    """The rule never closes a pull request."""
    github.request_review(TRIO, 1, "alice", "olga")
    days(60)
    assert github.issue(TRIO, 1).state == "open"


def test_a_locked_conversation_is_left_alone(github, days, bots):
    """Nobody is reminded where GitHub would refuse the comment; it is not even tried."""
    github.request_review(TRIO, 1, "alice", "olga")
    github.lock_issue(TRIO, 1, "olga")
    days(8)
    assert bots() == []
    assert github.calls_to("POST", "*/comments") == []


@pytest.mark.parametrize(
    ("status", "times", "ends", "reminded"),
    [
        (403, None, [State.DEAD], 0),
        (404, None, [], 0),
        (422, None, [State.DEAD], 0),
        (500, 3, [State.DONE], 1),
    ],
)
def test_a_pull_request_that_github_does_not_show_holds_up_no_other(
    github, clock, tick, queue, bots, status, times, ends, reminded
):
    """The others get their reminders at once; the rule asks again, and ends with the answer."""
    github.open_pull_request(TRIO, "alice")
    for number in (1, 2):
        github.request_review(TRIO, number, "alice", "olga")
    refused = faults.refused(status, "No")
    github.faults.append(faults.plan(refused, path="*/issues/1/timeline", times=times))
    clock.advance(7.2 * DAY)
    tick("nudge")
    assert (len(bots(1)), len(bots(2))) == (reminded, 1)
    again = [row for row in queue.search("delivery") if row.key.endswith("/nudge")]
    assert [row.state for row in again] == ends
