"""bot.operations.replay: deliveries from files, and dry runs."""

import json

import pytest

from bot.events import DELIVERIES
from bot.loop.decision import Decision
from bot.loop.reader import Memberships
from bot.loop.run import Updater
from bot.operations.history.deliveries import DeliveryHistory, UnknownDelivery
from bot.operations.preview.check import Previewer
from bot.operations.replay import (
    Replayed,
    ReplayError,
    dry_run,
    dry_run_lines,
    from_file,
    known_before,
    put,
    stored,
)
from bot.store.enqueue import job_of
from bot.store.people import People
from luggage.fake_github import faults
from luggage.github import Delivery
from luggage.jobs import NewJob, State
from tests.support import ends

TRIO = "snakes/trio"
PAYLOAD = {"action": "created", "repository": {"full_name": TRIO}}
BODY = json.dumps(PAYLOAD).encode()
HEADERS = b"X-GitHub-Event: star\nX-GitHub-Delivery: 72d3162e\nAccept: */*"


@pytest.fixture
def history(queue, clock):
    return DeliveryHistory(queue, clock=clock)


@pytest.fixture
def looker(app, queue, store, clock, files):
    """The updater of a dry run."""
    people = People(store, clock=clock).read_only()
    return Updater(
        app=app,
        queue=queue,
        people=people,
        settings=files,
        clock=clock,
        previewer=Previewer(queue=queue, people=people, settings=files),
    )


def replayed(happening, guid="guid-1"):
    body = json.dumps(happening.payload).encode()
    return Replayed(Delivery(guid, happening.event, happening.payload), body)


def said(outlook, before=()):
    return "\n".join(dry_run_lines(outlook, before))


# From a file


@pytest.mark.parametrize(
    "content",
    [
        HEADERS + b"\n\n" + BODY,
        b"POST /webhook/github HTTP/1.1\r\n" + HEADERS.replace(b"\n", b"\r\n") + b"\r\n\r\n" + BODY,
        b"Request URL: https://bot.test/\nRequest method: POST\n"
        + HEADERS.lower()
        + b"\n\n"
        + BODY,
        json.dumps(
            {"guid": "72d3162e", "event": "star", "request": {"headers": {}, "payload": PAYLOAD}}
        ).encode(),
    ],
)
def test_a_file_that_knows_its_event_needs_no_word(content):
    """A file with headers, or GitHub's record of a delivery, names its event."""
    found = from_file(content, event=None)
    assert found.delivery == Delivery("72d3162e", "star", PAYLOAD)
    assert json.loads(found.body) == PAYLOAD


@pytest.mark.parametrize("content", [BODY, b"\xef\xbb\xbf" + BODY, b"\n " + BODY])
def test_a_payload_alone_needs_its_event(content):
    """A bare payload needs --event; it then is a delivery of its own."""
    with pytest.raises(ReplayError, match="add --event"):
        from_file(content, event=None)
    found = from_file(content, event="star").delivery
    assert (found.event, found.payload) == ("star", PAYLOAD)
    assert found.id.startswith("replay-")


def test_the_same_file_is_the_same_delivery():
    """The same file is the same delivery; another payload or event is another one."""
    files = [(BODY, "star"), (BODY, "star"), (BODY, "watch"), (b'{"a": 1}', "star")]
    assert len({from_file(content, event=event).delivery.id for content, event in files}) == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[]", "not an object"),
        (b"no json", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"", "not JSON"),
        (b'{"request": 1}', None),
        (b'{"issue": {"number": "seven"}}', "got `str` - at"),
    ],
)
def test_a_file_without_a_delivery_is_an_error(content, words):
    """The error is one line with the reason."""
    if words is None:
        assert from_file(content, event="star").delivery.payload == {"request": 1}
    else:
        with pytest.raises(ReplayError, match=words):
            from_file(content, event="star")


def test_an_invalid_file_is_refused_before_its_event_is_needed():
    """An invalid file is refused at once, not after --event was given."""
    with pytest.raises(ReplayError, match="not JSON"):
        from_file(b"no json", event=None)


def test_a_stored_delivery_is_replayed_by_its_guid(history, queue, github, clock):
    """A GUID's prefix finds a stored delivery, until its payload expires."""
    happening = github.star(TRIO, "alice")
    new = replayed(happening, "72d3162e-cc78")
    queue.put(job_of(new.delivery, new.body, run_at=clock()))
    assert stored(history, queue, "72d3") == new
    with pytest.raises(UnknownDelivery):
        stored(history, queue, "99")
    (job,) = queue.claim([DELIVERIES], worker="w", lease_seconds=60.0)
    ends.ignore(queue, job, "noise")
    queue.expire_bodies(clock() + 1)
    with pytest.raises(ReplayError, match="has expired"):
        stored(history, queue, "72d3")


def test_a_scheduled_delivery_can_be_replayed(history, queue):
    """A scheduled delivery can be replayed, although its key is not a GUID."""
    key = "schedule:nudge:2026-01-01T00:00Z:snakes/trio"
    queue.put(NewJob(queue=DELIVERIES, key=key, kind="schedule", body=b"{}", run_at=0.0))
    assert stored(history, queue, key).delivery == Delivery(key, "schedule", {})


# Dry runs


def test_a_dry_run_says_what_would_be_done_and_does_nothing(looker, queue, github, people):
    """A dry run shows words, text, rule and settings of each action, and only reads."""
    new = replayed(github.merge_pull_request(TRIO, "alice"))
    words = said(dry_run(new, queue, looker.dry_run))
    for part in ("1. invite alice to snakes\n", "2. comment on snakes/trio#1\n", "| Thank you"):
        assert part in words
    assert "2 of 2 would be done." in words
    assert queue.counts() == {}
    assert {call.method for call in github.calls if "access_tokens" not in call.path} == {"GET"}
    assert people.membership("snakes", "alice") is None


def test_a_dry_run_stores_no_membership(looker, queue, github, people):
    """A dry run stores no membership."""
    github.add_member("snakes", "alice")
    new = replayed(github.merge_pull_request(TRIO, "alice"))
    assert dry_run(new, queue, looker.dry_run).actions == []
    assert people.membership("snakes", "alice") is None


def test_a_dry_run_counts_the_merge_that_it_is_about(store, clock):
    """A dry run counts the merge without storing it."""
    people = People(store, clock=clock)
    looks = people.read_only()
    assert looks.merges("snakes", "alice", latest=(TRIO, 7)) == {(TRIO, 7)}
    assert people.merges("snakes", "alice", latest=(TRIO, 8)) == {(TRIO, 8)}


def test_a_dry_run_is_refused_every_write(looker, queue, github, monkeypatch):
    """The client of a dry run refuses every write."""
    monkeypatch.setattr(Memberships, "membership", lambda self, *_: self._client.put("/x"))
    new = replayed(github.merge_pull_request(TRIO, "alice"))
    outlook = dry_run(new, queue, looker.dry_run)
    assert outlook.undecided["invite"].startswith("PUT /x is a write")
    assert github.calls_to("PUT") == []


def test_a_dry_run_skips_actions_with_known_keys(looker, queue, github, settled, history, clock):
    """A dry run of a finished delivery finds nothing new, and says why."""
    github.open_issue(TRIO, "alice")
    new = replayed(github.comment(TRIO, 1, "alice", "/ping"))
    queue.put(job_of(new.delivery, new.body, run_at=clock()))
    settled()
    outlook = dry_run(new, queue, looker.dry_run)
    words = said(outlook, history.delivery("guid-1").actions)
    assert [each.known.state for each in outlook.actions] == [State.DONE] * 2
    assert "comment on snakes/trio#1 -- skipped: already in the queue, and done" in words
    assert "Nothing new would be done: all of these actions are already in the queue." in words


def test_a_rule_that_wants_nothing_any_more_leaves_what_was_done(
    looker, queue, github, settled, history, clock
):
    """A dry run shows the earlier actions and their states."""
    new = replayed(github.merge_pull_request(TRIO, "alice"))
    queue.put(job_of(new.delivery, new.body, run_at=clock()))
    settled()
    words = said(dry_run(new, queue, looker.dry_run), history.delivery("guid-1").actions)
    assert "Nothing new would be done: no rule has anything to do." in words
    assert "   invite alice to snakes: done" in words


def test_nothing_to_do_is_said_with_its_reason(looker, queue, github):
    """The reason is no rule, no installation, or nothing to do."""
    star = replayed(github.star(TRIO, "alice"))
    homeless = replayed(github.open_issue(TRIO, "alice", body="/ping"))
    del homeless.delivery.payload["installation"]
    quiet = replayed(github.open_issue(TRIO, "alice"))
    reasons = [said(dry_run(each, queue, looker.dry_run)) for each in (star, homeless, quiet)]
    assert "Nothing would be done: no rule handles this event." in reasons[0]
    assert "Nothing would be done: the event has no installation." in reasons[1]
    assert "Nothing would be done: no rule has anything to do." in reasons[2]


def test_a_rule_that_cannot_decide_yet_is_reported(queue, github):
    """A dry run reports rules that cannot decide yet."""
    outlook = dry_run(
        replayed(github.open_issue(TRIO, "alice")),
        queue,
        lambda _event: [Decision("conflicts", (), not_yet="GitHub is still merging")],
    )
    words = said(outlook)
    assert "The rule conflicts cannot decide yet and would run again: GitHub is" in words


# Replays


def test_a_file_is_decided_as_a_delivery_is(queue, github, settled, clock, history):
    """A file is evaluated like a delivery; a second replay changes nothing."""
    github.open_issue(TRIO, "alice")
    new = replayed(github.comment(TRIO, 1, "alice", "/ping"))
    first = put(new, queue, now=clock())
    settled()
    second = put(new, queue, now=clock())
    settled()
    assert (first, second) == (True, False)
    assert len(github.comments(TRIO, 1)) == 2
    assert history.find("guid-1").state is State.DONE


def test_a_replay_finds_the_comments_of_a_lost_database(queue, github, settled, clock, store):
    """A replay finds the comments of a lost database."""
    github.open_issue(TRIO, "alice")
    new = replayed(github.comment(TRIO, 1, "alice", "/ping"))
    put(new, queue, now=clock())
    settled()
    with store.begin() as connection:
        for table in ("job_body", "job"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    put(new, queue, now=clock())
    settled()
    assert len(github.comments(TRIO, 1)) == 2


def test_a_changed_file_does_not_pass_for_the_delivery_it_was(queue, github, clock):
    """A changed file with a known GUID is refused, with the remedy."""
    first = replayed(github.open_issue(TRIO, "alice"))
    changed = replayed(github.open_issue(TRIO, "bob"))
    put(first, queue, now=clock())
    with pytest.raises(ReplayError, match="known with another payload"):
        put(changed, queue, now=clock())


def test_dead_actions_are_pointed_out(queue, github, settled, clock, history):
    """A replay does not retry dead actions, and says how to."""
    refused = faults.Fault(name="403", answer=faults.Refused(403, "No").answer)
    github.faults.append(faults.plan(refused, times=9, method="PUT", path="*/memberships/*"))
    new = replayed(github.merge_pull_request(TRIO, "alice"))
    put(new, queue, now=clock())
    settled()
    lines = list(known_before(history.delivery("guid-1").actions))
    assert "   invite alice to snakes: dead" in lines
    assert "deliveries retry" in lines[-1]
