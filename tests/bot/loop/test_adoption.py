"""bot.loop.adoption: an upgrade knows the ids of the deliveries that are stored."""

import pytest
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


def test_a_start_after_a_kill_continues_with_the_next_page(
    github, deliver, queue, people, store, clock, monkeypatch, caplog
):
    """Each page is stored, logged and a heartbeat; none is read again."""
    caplog.set_level("INFO", "bot.loop.adoption")
    monkeypatch.setattr("bot.loop.adoption.PAGE", 2)
    for number in range(5):
        deliver(github.open_issue(TRIO, f"person-{number}"), f"guid-{number}")
    beats = []

    def killed_at_the_second():
        beats.append(len(beats))
        if len(beats) == 2:
            raise SystemExit

    with pytest.raises(SystemExit):
        adopt(people, queue, on_page=killed_at_the_second)
    fresh, read = People(store, clock=clock), []
    body = queue.body
    monkeypatch.setattr(queue, "body", lambda number: read.append(number) or body(number))
    adopt(fresh, queue, on_page=lambda: beats.append(len(beats)))
    assert (len(read), len(beats)) == (1, 3)
    assert all(fresh.account_id(f"person-{number}") for number in range(5))
    pages = [record.getMessage() for record in caplog.records]
    assert pages[:2] == [f"numeric ids learned from {n} of 5 stored deliveries" for n in (2, 4)]


def test_the_oldest_beyond_the_bound_are_not_read(github, deliver, queue, people, monkeypatch):
    """The newest show the names of now."""
    monkeypatch.setattr("bot.loop.adoption.PAGE", 2)
    monkeypatch.setattr("bot.loop.adoption.MOST_DELIVERIES", 4)
    for number in range(5):
        deliver(github.open_issue(TRIO, f"person-{number}"), f"guid-{number}")
    adopt(people, queue)
    known = [people.account_id(f"person-{number}") is not None for number in range(5)]
    assert known == [False, True, True, True, True]


def test_it_is_done_once(github, deliver, queue, people):
    """A start later than the first reads nothing."""
    adopt(people, queue)
    deliver(github.open_issue(TRIO, "alice"), "guid-1")
    adopt(people, queue)
    assert people.account_id("alice") is None
