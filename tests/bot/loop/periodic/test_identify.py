"""bot.loop.periodic.identify: people whom an older version knew by name get their ids."""

import pytest
from sqlalchemy import delete

from bot.loop.periodic import identify
from bot.loop.periodic.identify import Identification
from bot.store.people import People
from bot.store.tables import identity
from luggage.fake_github import faults
from luggage.github import RequestFailed

TRIO = "snakes/trio"


@pytest.fixture
def before(store, clock, github):
    """The people of a database of an older version: memberships under names, and no ids."""
    people = People(store, clock=clock)
    for login in ("alice", "bob", "carl"):
        github.add_user(login)
        people.remember("snakes", login, "declined")
    with store.begin() as connection:
        connection.execute(delete(identity))
    return People(store, clock=clock)


@pytest.fixture
def task(app, before):
    return Identification(app=app, people=before)


def known(people):
    return [login for login in ("alice", "bob", "carl") if people.account_id(login)]


def users(github):
    return [call.path.rpartition("/")[2] for call in github.calls_to("GET", "/users/*")]


def test_who_declined_long_ago_and_is_renamed_is_not_invited_again(
    task, github, deliver, settled, people
):
    """No delivery about them was stored at the upgrade, and none came before the new login."""
    task()
    github.rename_user("alice", "alicia")
    deliver(github.merge_pull_request(TRIO, "alicia"))
    settled()
    assert github.calls_to("PUT", "/orgs/*/memberships/*") == []
    assert people.names.account("alicia") == "alice"


def test_each_is_asked_about_once_and_a_few_at_a_time(task, github, before, monkeypatch):
    """After the last one the task asks nothing more."""
    monkeypatch.setattr(identify, "MOST_A_RUN", 2)
    task()
    assert known(before) == ["alice", "bob"]
    for _ in range(4):
        task()
    assert known(before) == ["alice", "bob", "carl"]
    assert users(github) == ["alice", "bob", "carl"]


def test_a_younger_account_is_another_person(task, github, before, clock):
    """The one who declined was renamed before, and somebody new has the login."""
    github.rename_user("alice", "alicia")
    clock.advance(60)
    github.add_user("alice")
    github.rename_user("bob", "bobby")
    task()
    assert known(before) == ["carl"]


@pytest.mark.parametrize("status", [500, 503])
def test_where_github_does_not_answer_the_next_run_asks_again(task, github, before, status):
    """An outage leaves nobody out."""
    github.faults.append(faults.plan(faults.failed(status, done=False), path="/users/*", times=1))
    with pytest.raises(RequestFailed):
        task()
    task()
    assert known(before) == ["alice", "bob", "carl"]


@pytest.mark.parametrize("is_installed", [True, False], ids=["suspended", "not installed"])
def test_an_organisation_without_the_app_is_passed_over(task, github, before, is_installed):
    """The people of the others are asked about."""
    github.add_repository("zebras/herd")
    before.remember("zebras", "dora", "left")
    github.add_user("dora")
    if is_installed:
        github.suspend("snakes")
    else:
        del github.world.installations[github.install("snakes").id]
    task()
    assert known(before) == []
    assert before.account_id("dora")
