"""bot.loop.periodic.recover: missed deliveries take effect once; failures are reported in time."""

import logging

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from bot.loop.periodic.recover import Recoverer, is_wanted
from bot.store.board import SqlBoard
from bot.store.enqueue import job_of
from bot.store.recovery import QueueInbox
from luggage.database import writing
from luggage.fake_github import faults
from luggage.github import Missed, Progress, Recovery, webhooks
from luggage.github.deliveries import KEPT_SECONDS, LOG
from luggage.jobs import Queue
from tests.bot.conftest import HISTORIES
from tests.support.migrated import migrated

TRIO = "snakes/trio"
HOUR = 3600.0


def make_inbox(engine, clock, **more):
    queue = Queue(engine, clock=clock, **more)
    return QueueInbox(engine=engine, queue=queue, clock=clock, settle_seconds=1.0)


@pytest.fixture
def inbox(empty_engine, clock):
    """An inbox on either kind of database."""
    migrated(empty_engine, HISTORIES)
    return make_inbox(empty_engine, clock)


def delivery(guid):
    body = b'{"action": "opened", "repository": {"full_name": "snakes/trio"}}'
    return webhooks.decode(guid, "issues", body), body


# Progress


def test_at_first_there_is_no_progress(inbox):
    """A new database starts at the beginning."""
    assert inbox.progress() == Progress()
    assert inbox.missed() == []


def test_progress_is_kept(inbox):
    """The inbox returns the progress stored last."""
    inbox.note([], Progress(1.0, 3.0, "v1_7"))
    inbox.note([], Progress(since=3.0))
    assert inbox.progress() == Progress(since=3.0)


def test_the_missed_come_in_the_order_of_their_first_attempts(inbox):
    """An earlier attempt moves a delivery forward; a later one does not."""
    one, two, three = (Missed(f"guid-{number}", number, 10.0 + number) for number in (1, 2, 3))
    inbox.note([three, two, one], Progress())
    inbox.note([Missed("guid-3", 9, 5.0), Missed("guid-1", 8, 20.0)], Progress())
    assert inbox.missed() == [Missed("guid-3", 3, 5.0), one, two]


def test_a_fetched_delivery_is_a_job_and_missed_no_longer(inbox):
    """It is queued like a webhook's delivery, with its source and its time in the note."""
    inbox.note([Missed("guid-1", 1, 1.0)], Progress())
    inbox.put(*delivery("guid-1"))
    assert inbox.missed() == []
    assert set(inbox.known(["guid-1", "guid-2"])) == {"guid-1"}
    assert inbox.queue.claim(["delivery"], worker="w", lease_seconds=60.0) == []  # it settles first
    inbox.clock.advance(1.0)
    (job,) = inbox.queue.claim(["delivery"], worker="w", lease_seconds=60.0)
    assert (job.key, job.kind, job.subject, job.note) == (
        "guid-1",
        "issues",
        "snakes/trio",
        "recovered at=1.0",
    )


def test_a_twin_is_put_once(inbox, clock):
    """A delivery that also came by webhook stays as it is."""
    inbox.queue.put(job_of(*delivery("guid-1"), run_at=clock()))
    inbox.put(*delivery("guid-1"))
    (job,) = inbox.queue.claim(["delivery"], worker="w", lease_seconds=60.0, limit=9)
    assert job.note == ""


def test_putting_wakes_the_loop(empty_engine, clock):
    """Storing a delivery wakes a waiting loop."""
    migrated(empty_engine, HISTORIES)
    woken = []
    inbox = make_inbox(empty_engine, clock, wake=lambda: woken.append(True))
    inbox.put(*delivery("guid-1"))
    assert woken == [True]


def test_a_lost_delivery_is_not_fetched_again(inbox):
    """A lost delivery is not fetched again."""
    inbox.note([Missed("guid-1", 1, 1.0)], Progress())
    inbox.lost(inbox.missed()[0], "404")
    assert inbox.missed() == []
    assert set(inbox.known(["guid-1"])) == {"guid-1"}


def test_tries_are_counted(inbox):
    """Failed attempts are counted until the delivery arrives."""
    inbox.note([Missed("guid-1", 1, 1.0)], Progress())
    inbox.tried(inbox.missed()[0])
    assert inbox.missed()[0].tries == 1
    inbox.arrived("guid-1")
    assert inbox.missed() == []


def test_deliveries_that_github_dropped_are_deleted(inbox, clock):
    """Deliveries that GitHub has dropped leave the table."""
    inbox.begin()
    inbox.note([Missed("old", 1, clock()), Missed("new", 2, clock() + HOUR)], Progress())
    clock.advance(2 * KEPT_SECONDS + 1)
    inbox.caught_up()
    assert [each.guid for each in inbox.missed()] == ["new"]


def test_a_new_database_counts_from_now(inbox, clock):
    """Starting again changes nothing."""
    began_at = clock()
    assert inbox.begin() == began_at
    clock.advance(60)
    assert inbox.begin() == began_at
    assert inbox.caught_up() == clock()
    assert inbox.begin() == SqlBoard(inbox.engine, clock=clock).caught_up_at() == clock()


# Runs


@pytest.fixture
def begin(app, store, clock):
    """The runs of a new process."""

    def begin(*, polls=False):
        inbox = make_inbox(store, clock)
        recovery = Recovery(app.app_client, inbox, wants=is_wanted, clock=clock)
        return Recoverer(recovery, inbox, clock=clock, polls=polls)

    return begin


@pytest.fixture
def take_turn(begin):
    return begin()


@pytest.fixture
def lines(caplog):
    """The messages logged at a level."""
    caplog.set_level(logging.INFO)
    return lambda level: [each.message for each in caplog.records if each.levelno == level]


def test_a_missed_merge_brings_its_invitation_and_its_welcome(take_turn, github, settled, lines):
    """A delivery that is only in GitHub's log takes effect once, after any number of runs."""
    github.miss(*github.merge_pull_request(TRIO, "alice"))
    for _ in range(3):
        take_turn()
        settled()
    assert github.membership("snakes", "alice").state == "pending"
    assert len(github.comments(TRIO, 1)) == 1
    assert "missed deliveries fetched: 1" in lines(logging.INFO)


def test_where_deliveries_are_only_fetched_none_was_missed(begin, github, lines):
    """Without a webhook the log speaks of fetched deliveries, at a success and at a failure."""
    take_turn = begin(polls=True)
    github.miss(*github.merge_pull_request(TRIO, "alice"))
    take_turn()
    github.faults.append(faults.plan(faults.failed(502, done=False), path=LOG))
    take_turn()
    take_turn()
    said = [*lines(logging.INFO), *lines(logging.WARNING)]
    assert {"deliveries fetched: 1", "fetching deliveries works again"} <= {*said}
    assert "missed" not in "".join(said)


def test_a_webhook_and_its_recovered_twin_are_one_effect(take_turn, github, settled, queue, clock):
    """The webhook's delivery and the recovered one count as one, in either order."""
    happening = github.open_issue(TRIO, "alice", body="/ping")
    github.miss(*happening, delivery_id="guid-1")
    take_turn()
    headers, body = github.signed(*happening, delivery_id="guid-1")
    twin = webhooks.read(headers, body, [github.webhook_secret])
    assert not queue.put(job_of(twin, body, run_at=clock())).created
    settled()
    assert len(github.comments(TRIO, 1)) == 1


def test_after_a_lost_database_nothing_is_said_twice(begin, github, settled, store):
    """A new database fetches handled deliveries, and finds the bot's earlier comments."""
    github.miss(*github.open_issue(TRIO, "alice", body="/ping"))
    github.miss(*github.merge_pull_request(TRIO, "bert"))
    begin()()
    settled()
    forget_all(store)
    begin()()
    settled()
    assert len(github.calls_to("POST", "*/comments")) == 2
    assert len(github.calls_to("PUT", "*/memberships/*")) == 1


def test_after_a_lost_database_what_was_not_done_is_done(begin, github, settled, store):
    """Deliveries that the lost database had not handled take effect."""
    github.miss(*github.open_issue(TRIO, "alice", body="/ping"))
    begin()()
    forget_all(store)
    begin()()
    settled()
    assert len(github.comments(TRIO, 1)) == 1


def forget_all(store):
    with writing(store) as connection:
        for table in ("job_body", "job", "membership", "recovery", "missed"):
            connection.execute(text(f"DELETE FROM {table}"))


def test_only_what_a_rule_is_about_is_fetched(take_turn, github):
    """An event without a rule, such as a star, is not fetched."""
    github.miss(*github.star(TRIO, "alice"))
    take_turn()
    assert github.calls_to("GET", f"{LOG}/*") == []


def test_a_day_of_missed_deliveries_is_made_up_for(take_turn, github, settled, clock):
    """After downtime each relevant delivery takes effect once, in order."""
    for number in range(1, 85):
        happening = github.star(TRIO, "alice")
        if number % 14 == 0:
            happening = github.open_issue(TRIO, "alice", body="/ping")
        github.miss(*happening)
        clock.advance(12)
    take_turn()
    settled()
    assert [len(github.comments(TRIO, number)) for number in range(1, 7)] == [1] * 6


# Failures


def test_trouble_is_reported_once_an_hour_and_its_end_too(take_turn, github, clock, lines):
    """An outage of GitHub is logged once an hour, and so is its end."""
    github.faults.append(faults.plan(faults.failed(502, done=False), path=LOG, times=None))
    for seconds in [5] * 20 + [40] * 100:
        take_turn()
        clock.advance(seconds)
    first, second = lines(logging.WARNING)
    assert "missed deliveries not fetched for 0.0 h: GET /app/hook/deliveries: 502" in first
    assert "for 1.0 h" in second
    github.faults.clear()
    take_turn()
    assert "fetching missed deliveries works again" in lines(logging.INFO)


def test_after_six_hours_it_is_an_error_and_a_worry(take_turn, github, clock, lines, board):
    """After six hours the log has an error, and the page gives the reason."""
    take_turn()
    caught_up_at = clock()
    github.faults.append(faults.plan(faults.failed(502, done=False), path=LOG, times=None))
    clock.advance(6 * HOUR)
    take_turn()
    assert board.caught_up_at() == caught_up_at
    (line,) = lines(logging.ERROR)
    assert "missed deliveries not fetched for 6.0 h" in line


def test_another_trouble_is_reported_at_once(take_turn, github, lines):
    """Another kind of failure is logged at once."""
    github.faults.append(faults.plan(faults.failed(502, done=False), path=LOG))
    github.faults.append(faults.plan(faults.secondary_limit(60), path=LOG))
    for _ in range(3):
        take_turn()
    assert ["502" in line for line in lines(logging.WARNING)] == [True, False]


def test_a_database_that_is_away_is_reported_without_its_statement(
    take_turn, monkeypatch, lines, clock
):
    """Only the class of the error is logged: the statement may quote a payload."""

    def away(_self):
        raise OperationalError("INSERT hush", {}, Exception("gone"))

    monkeypatch.setattr(QueueInbox, "begin", away)
    take_turn()
    (line,) = lines(logging.WARNING)
    assert line.endswith("the database did not answer: OperationalError")


def test_a_fault_of_our_own_does_not_end_the_turns(take_turn, monkeypatch, lines, github):
    """An unexpected exception is logged, and the next run works."""
    github.miss(*github.open_issue(TRIO, "alice", body="/ping"))
    with monkeypatch.context() as broken:
        broken.setattr(QueueInbox, "put", None)
        take_turn()
    assert "the next run tries again" in lines(logging.ERROR)[0]
    take_turn()
    assert "missed deliveries fetched: 1" in lines(logging.INFO)


def test_success_is_written_down_once_a_minute(take_turn, board, clock):
    """The database stores success once a minute, however often recovery runs."""
    take_turn()
    began_at = clock()
    clock.advance(30)
    take_turn()
    assert board.caught_up_at() == began_at
    clock.advance(30)
    take_turn()
    assert board.caught_up_at() == clock()
