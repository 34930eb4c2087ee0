"""bot.loop.adoption: an upgrade knows the ids of the deliveries that are stored."""

from sqlalchemy import delete

from bot.events import DELIVERIES
from bot.loop.adoption import adopt
from bot.store.people import People
from bot.store.tables import identity
from luggage.jobs import NewJob

TRIO = "snakes/trio"


def invited(github):
    return [call.path.split("/")[-1] for call in github.calls_to("PUT", "/orgs/*/memberships/*")]


def test_who_declined_and_is_renamed_right_after_the_upgrade_is_not_invited_again(
    github, deliver, settled, store, queue, people, clock
):
    """The stored delivery shows whose login it was."""
    deliver(github.merge_pull_request(TRIO, "alice"), "guid-1")
    settled()
    github.decline_invitation("snakes", "alice")
    with store.begin() as connection:
        connection.execute(delete(identity))
    adopt(People(store, clock=clock), queue)
    github.rename_user("alice", "alicia")
    deliver(github.merge_pull_request(TRIO, "alicia"), "guid-2")
    settled()
    assert invited(github) == ["alice"]


def test_the_oldest_name_is_the_key(github, deliver, queue, people):
    """Of two stored deliveries the first counts, and the last says the name of now."""
    deliver(github.open_issue(TRIO, "alice"), "guid-1")
    github.rename_user("alice", "alicia")
    deliver(github.open_issue(TRIO, "alicia"), "guid-2")
    adopt(people, queue)
    assert people.names.account("alicia") == "alice"


def test_a_body_that_is_no_json_is_passed_over(github, deliver, queue, people, clock):
    """The others are read."""
    queue.put(NewJob(queue=DELIVERIES, key="bad", kind="issues", body=b"{", run_at=clock()))
    deliver(github.open_issue(TRIO, "alice"), "guid-1")
    adopt(people, queue)
    assert people.account_id("alice") is not None


def test_it_is_done_once(github, deliver, queue, people):
    """A start later than the first reads nothing."""
    adopt(people, queue)
    deliver(github.open_issue(TRIO, "alice"), "guid-1")
    adopt(people, queue)
    assert people.account_id("alice") is None
