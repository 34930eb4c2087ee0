"""bot.operations.history.follow: one delivery's life, as it happens."""

import json
from datetime import datetime

import pytest

from bot.operations.history.deliveries import DeliveryHistory, UnknownDelivery
from bot.operations.history.follow import Follower
from bot.rules import rules_for
from bot.store.enqueue import job_of
from luggage.fake_github import faults
from luggage.github import Delivery
from luggage.jobs import State
from tests.support import ends

TRIO = "snakes/trio"
REFUSED = faults.Fault(name="403", answer=faults.Refused(403, "No permission").answer)


@pytest.fixture
def history(queue, clock):
    return DeliveryHistory(queue, clock=clock)


@pytest.fixture
def deliver(queue, clock):
    """Store a delivery, as the web process does."""

    def put(happening, guid="guid-1"):
        delivery = Delivery(guid, happening.event, happening.payload)
        queue.put(job_of(delivery, json.dumps(happening.payload).encode(), run_at=clock()))

    return put


@pytest.fixture
def follow(history):
    """A new follower of a delivery."""

    def names(event, action):
        return [rule.name for rule in rules_for(event, action)]

    return lambda guid="guid-1": Follower(history, guid, names)


def told(changes):
    return [(each.what, each.rule, each.about) for each in changes]


def test_a_life_is_told_as_it_happens(github, deliver, follow, settled, clock):
    """Received, judged by each rule, queued, done: each change once, and then the end."""
    deliver(github.merge_pull_request(TRIO, "alice"))
    follower = follow()
    (received, waits) = follower.changes()
    assert (received.what, received.detail, waits.what) == ("received", f"{TRIO}#1", "waits")
    assert "pull_request closed by" in received.about
    assert follower.state is None
    assert follower.changes() == []
    clock.advance(1)
    settled()
    changes = follower.changes()
    assert follower.state is State.DONE
    assert told(changes)[0] == ("evaluated", "", "the delivery")
    judged = {change.rule: change.about for change in changes if change.what == "judged"}
    assert judged == {"invite": "invite alice to snakes; comment on snakes/trio#1"}
    invited = [each for each in told(changes) if each[2] == "invite alice to snakes"]
    assert [what for what, _, _ in invited] == ["queued", "done"]
    assert [change.at for change in changes] == sorted(change.at for change in changes)
    assert "#issuecomment-" in changes[-1].detail
    assert follower.changes() == []


def test_it_tells_what_has_happened_before(github, deliver, follow, settled):
    """Of a delivery that has ended the whole life is told at once."""
    deliver(github.merge_pull_request(TRIO, "alice"))
    settled()
    follower = follow()
    assert [change.what for change in follower.changes()][:2] == ["received", "evaluated"]
    assert follower.state is State.DONE


def test_each_attempt_is_told(github, deliver, follow, queue, clock):
    """A claim is "tried" with the attempt's number; a retry says when, and why."""
    deliver(github.open_issue(TRIO, "alice", body="/ping"))
    follower = follow()
    follower.changes()
    (job,) = queue.claim(["delivery"], worker="w", lease_seconds=60)
    (tried,) = follower.changes()
    assert (tried.what, tried.attempt) == ("tried", 1)
    ends.retry(queue, job, error="GitHub is away", run_at=clock() + 60)
    (waits,) = follower.changes()
    assert (waits.what, waits.attempt) == ("waits", 1)
    assert waits.detail.startswith("until ")
    assert waits.detail.endswith(": GitHub is away")


def test_a_refusal_ends_it(github, deliver, follow, settled):
    """A refused action is dead, with GitHub's reason, and what waits for it held: the end."""
    github.faults.append(faults.plan(REFUSED, times=9, method="PUT", path="*/memberships/*"))
    deliver(github.merge_pull_request(TRIO, "alice"))
    settled()
    follower = follow()
    changes = {change.what: change for change in follower.changes()}
    assert "No permission" in changes["dead"].detail
    assert changes["held"].about == "comment on snakes/trio#1"
    assert follower.state is State.DEAD


def test_what_no_rule_wants_ends_as_ignored(github, deliver, follow, settled):
    """Rules that have evaluated it are named; where no rule handles the event, the reason is."""
    deliver(github.open_issue(TRIO, "alice"))
    deliver(github.star(TRIO, "alice"), "guid-2")
    settled()
    evaluated, starred = follow(), follow("guid-2")
    assert ("judged", "ping", "nothing new to do") in told(evaluated.changes())
    (_, ignored) = starred.changes()
    assert (ignored.what, "no rule handles" in ignored.detail) == ("ignored", True)
    assert evaluated.state is starred.state is State.IGNORED


def test_following_changes_nothing(github, deliver, follow, queue):
    """The job is as it was: no attempt is counted, and nothing is claimed."""
    deliver(github.open_issue(TRIO, "alice", body="/ping"))
    before = queue.find("delivery", "guid-1")
    follow().changes()
    assert queue.find("delivery", "guid-1") == before


def test_a_change_is_text_and_json(github, deliver, follow, settled):
    """In JSON the time is ISO 8601 with its zone; the text has it, the verb and the rule."""
    deliver(github.merge_pull_request(TRIO, "alice"))
    settled()
    for change in follow().changes():
        plain = change.as_json()
        assert datetime.fromisoformat(plain["at"]).timestamp() == pytest.approx(change.at, abs=0.01)
        assert datetime.fromisoformat(plain["at"]).tzinfo is not None
        assert change.what in change.as_text()
        assert change.rule in change.as_text()


def test_a_delivery_that_is_not_there_is_an_error(follow):
    """An unknown GUID is refused at once."""
    with pytest.raises(UnknownDelivery):
        follow("none")
