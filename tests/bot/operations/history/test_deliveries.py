"""bot.operations.history: records of deliveries, and what operators can change."""

import json

import pytest

from bot.events import DELIVERIES
from bot.operations.history.deliveries import DeliveryHistory, UnknownDelivery
from bot.store.enqueue import Source, job_of
from luggage.fake_github import faults
from luggage.github import Delivery
from luggage.jobs import NewJob, State
from tests.support import ends

TRIO = "snakes/trio"
REFUSED = faults.Fault(name="403", answer=faults.Refused(403, "No permission").answer)
INVITE = {"method": "PUT", "path": "*/memberships/*"}


@pytest.fixture
def history(queue, clock):
    return DeliveryHistory(queue, clock=clock)


@pytest.fixture
def deliver(queue, clock):
    """Store a delivery, as the web process does."""

    def put(happening, guid="guid-1", source=Source.WEBHOOK):
        delivery = Delivery(guid, happening.event, happening.payload)
        body = json.dumps(happening.payload).encode()
        queue.put(job_of(delivery, body, run_at=clock(), source=source))

    return put


@pytest.fixture
def refused(github, deliver, settled):
    """A delivery whose invitation GitHub refuses, so that its welcome waits."""
    github.faults.append(faults.plan(REFUSED, times=9, **INVITE))
    deliver(github.merge_pull_request(TRIO, "alice"))
    settled()
    github.faults.clear()
    return "guid-1"


@pytest.fixture
def pinged(github, deliver, settled):
    """A delivery that led to a comment and a reaction."""
    github.open_issue(TRIO, "alice")
    deliver(github.comment(TRIO, 1, "alice", "/ping"), "guid-ping")
    settled()
    return "guid-ping"


def words(history, jobs):
    return [history.words(job) for job in jobs]


def guids(rows):
    return [row.guid for row in rows]


# Reading


def test_a_delivery_whose_action_is_dead_is_dead(history, refused):
    """The list shows the state of the whole, and GitHub's reason."""
    (row,) = history.deliveries(state=State.DEAD)
    assert (row.guid, row.state, row.decided) == (refused, State.DEAD, State.DONE)
    assert row.actions == {State.DEAD: 1, State.HELD: 1}
    assert "No permission" in row.reason


def test_a_delivery_is_shown_with_its_actions_and_githubs_answers(history, pinged):
    """An action has its words, rule, state, answer and address."""
    delivery = history.delivery(pinged)
    comment, heart = delivery.actions
    assert (delivery.row.event, delivery.action, delivery.sender) == (
        "issue_comment",
        "created",
        "alice",
    )
    assert (comment.rule, comment.words, comment.text, comment.state) == (
        "ping",
        "comment on snakes/trio#1",
        "pong!",
        State.DONE,
    )
    assert json.loads(comment.answer)["url"] == comment.address
    assert comment.address.startswith("http")
    assert (heart.kind, heart.address) == ("react", "")
    assert "reaction" in heart.answer


def test_a_payload_is_shown_redacted(history, github, deliver):
    """Tokens and secrets are redacted."""
    github.open_issue(TRIO, "alice")
    happening = github.comment(TRIO, 1, "alice", "my token is ghp_" + "a1" * 18)
    happening.payload["hook"] = {"config": {"secret": "hunter2"}}
    deliver(happening)
    shown = history.delivery("guid-1")
    assert "my token is [redacted]" in shown.payload
    assert "hunter2" not in shown.payload
    assert "ghp_" not in repr(shown)


def test_an_expired_delivery_is_still_known(history, queue, pinged, clock):
    """An expired delivery keeps its states, keys and answers."""
    queue.expire_bodies(clock() + 1)
    delivery = history.delivery(pinged)
    assert (delivery.payload, delivery.sender, delivery.private) == (None, "", True)
    assert delivery.actions[0].words.startswith("comment:ping snakes/trio")
    assert delivery.actions[0].address.startswith("http")


@pytest.mark.parametrize("body", [b"no json", b"[]", b'{"kind": "levitate"}', b"{}"])
def test_unreadable_jobs_are_listed(history, queue, body):
    """Unreadable deliveries and actions are listed like others."""
    put = queue.put(NewJob(queue=DELIVERIES, key="g", body=body, run_at=0.0))
    queue.put(NewJob(queue="action", key="k", body=body, run_at=0.0, parent=put.id))
    (action,) = history.delivery("g").actions
    assert (action.words, action.rule, action.address) == ("k", "", "")


def test_actions_of_a_reevaluated_rule_belong_to_the_delivery(history, queue):
    """A reevaluated rule's actions are shown and retried with the delivery's own."""
    first = queue.put(NewJob(queue=DELIVERIES, key="g", body=b"{}", run_at=0.0))
    again = queue.put(
        NewJob(
            queue=DELIVERIES,
            key="g/conflicts",
            body=b"{}",
            run_at=0.0,
            parent=first.id,
            note="only conflicts GitHub hesitates",
        )
    )
    queue.put(NewJob(queue="action", key="k", body=b"{}", run_at=0.0, parent=again.id))
    (job,) = queue.claim(["action"], worker="w", lease_seconds=60.0)
    ends.bury(queue, job, "no")
    assert [action.words for action in history.delivery("g").actions] == [
        "evaluate the rule conflicts again, alone",
        "k",
    ]
    assert words(history, history.retry("g")) == ["k"]


@pytest.mark.parametrize("answer", ['{"url": "javascript:alert(1)"}', "[]", "pong", '{"url": 1}'])
def test_an_address_is_one_of_the_web_or_none(history, queue, answer):
    """Only web addresses become links."""
    put = queue.put(NewJob(queue=DELIVERIES, key="g", body=b"{}", run_at=0.0))
    queue.put(NewJob(queue="action", key="k", body=b"{}", run_at=0.0, parent=put.id))
    (job,) = queue.claim(["action"], worker="w", lease_seconds=60.0)
    ends.done(queue, job, result=answer)
    assert history.delivery("g").actions[0].address == ""


def test_a_fetched_delivery_says_so(history, github, deliver):
    """A recovered delivery is marked."""
    deliver(github.star(TRIO, "alice"), source=Source.RECOVERED)
    assert history.find("guid-1").recovered


@pytest.mark.parametrize(
    ("note", "kind", "words"),
    [
        ("", "star", "sent by GitHub"),
        ("recovered only conflicts", "star", "fetched from GitHub's log"),
        ("replayed", "star", "replayed from a file"),
        ("", "schedule", "due by a schedule"),
    ],
)
def test_a_delivery_says_how_it_came_in(history, queue, note, kind, words):
    """The source is the webhook, recovery, a file or a schedule."""
    queue.put(NewJob(queue=DELIVERIES, key="g", kind=kind, note=note, body=b"{}", run_at=0.0))
    assert history.find("g").source == words


def test_deliveries_are_found_by_event_repository_and_page(history, github, deliver):
    """Filters combine, and the last id of a page leads to the next page."""
    github.add_repository("snakes/other")
    for number, name in enumerate([TRIO, "snakes/other", TRIO, TRIO]):
        deliver(github.star(name, "alice"), f"star-{number}")
    deliver(github.open_issue(TRIO, "alice"), "issue")
    found = history.deliveries(event="star", repository="Snakes/Trio", limit=2)
    rest = history.deliveries(event="star", repository=TRIO, limit=2, before=found[-1].id)
    assert (guids(found), guids(rest)) == (["star-3", "star-2"], ["star-0"])


@pytest.mark.parametrize("text", ["größe", "GRÖSSE".replace("SS", "ß"), 'say "hi"'])
def test_a_text_is_found_in_the_payloads(history, github, deliver, text):
    """The search ignores case and escapes."""
    deliver(github.open_issue(TRIO, "alice", body='Größe: say "hi"'), "wanted")
    deliver(github.open_issue(TRIO, "alice", body="nothing"), "other")
    assert guids(history.deliveries(text=text)) == ["wanted"]


def test_a_text_that_stands_raw_is_found_too(history, queue):
    """A payload may contain unescaped non-ASCII text."""
    body = '{"body": "Größe"}'.encode()
    queue.put(NewJob(queue=DELIVERIES, key="raw", body=body, run_at=0.0))
    assert guids(history.deliveries(text="größe")) == ["raw"]


def test_a_search_looks_through_page_after_page_until_it_has_enough(history, queue):
    """The search reports progress, and stops at the limit."""
    for number in range(250):
        body = b'{"needle": 1}' if number in (10, 140) else b"{}"
        queue.put(NewJob(queue=DELIVERIES, key=f"k{number}", body=body, run_at=0.0))
    looked = []
    one = history.deliveries(text="needle", limit=1, on_progress=looked.append)
    both = history.deliveries(text="needle", limit=5)
    assert (guids(one), looked) == (["k140"], [100, 100])
    assert guids(both) == ["k140", "k10"]


def test_a_delivery_is_found_by_how_its_guid_begins(history, github, deliver):
    """A unique prefix of a GUID is enough."""
    deliver(github.star(TRIO, "alice"), "72d3162e-1")
    deliver(github.star(TRIO, "alice"), "72d3162e-22")
    deliver(github.star(TRIO, "alice"), "72d3162e-2")
    deliver(github.star(TRIO, "alice"), "8a0b")
    assert history.find("8a").guid == "8a0b"
    assert history.find("72d3162e-2").guid == "72d3162e-2"
    with pytest.raises(UnknownDelivery, match="several deliveries start with 72d3"):
        history.find("72d3")
    with pytest.raises(UnknownDelivery, match="no delivery 99"):
        history.delivery("99")
    with pytest.raises(UnknownDelivery):
        history.find("")


# Changing


def test_a_dead_action_is_tried_again_and_what_waits_follows(history, refused, settled, github):
    """After the cause is fixed, one retry brings invitation and welcome."""
    assert words(history, history.retry(refused)) == ["invite alice to snakes"]
    settled()
    assert len(github.comments(TRIO, 1)) == 1
    assert history.find(refused).state is State.DONE
    assert words(history, history.retry(refused)) == []


def test_a_job_that_was_looked_up_is_not_looked_up_again(history, queue, refused, monkeypatch):
    """A retry with a job reads neither the delivery's nor the action's row again."""
    delivery = queue.find(DELIVERIES, refused)
    monkeypatch.setattr(queue, "find", None)
    monkeypatch.setattr(queue, "get", None)
    assert words(history, history.retry(delivery)) == ["invite alice to snakes"]


def test_a_dead_delivery_is_decided_again(history, github, deliver, queue, settled):
    """A delivery whose evaluation failed is evaluated again."""
    deliver(github.merge_pull_request(TRIO, "alice"))
    (job,) = queue.claim([DELIVERIES], worker="w", lease_seconds=60.0)
    ends.bury(queue, job, "hopeless")
    assert words(history, history.retry("guid-1")) == ["evaluate pull_request"]
    settled()
    assert len(github.comments(TRIO, 1)) == 1


def test_a_discarded_delivery_does_not_count_as_dead(history, queue, refused, settled, github):
    """A discarded delivery does nothing more, and counts as not dead."""
    assert words(history, history.bury(refused)) == [
        "invite alice to snakes",
        "comment on snakes/trio#1",
    ]
    settled()
    assert (queue.standing().dead, github.comments(TRIO, 1)) == (0, [])
    assert words(history, history.bury(refused)) == []
    assert history.delivery(refused).actions[0].reason == "discarded by hand"


def test_deciding_again_does_nothing_twice(history, pinged, settled, github):
    """Evaluating again queues no known action."""
    calls = len(github.calls_to("POST"))
    history.again(pinged)
    settled()
    assert len(github.calls_to("POST")) == calls
    assert history.find(pinged).state is State.DONE


# Public


def test_recent_activity_names_no_person(history, github, deliver, settled, pinged):
    """Activity comes in words, newest first, without names of people."""
    deliver(github.merge_pull_request(TRIO, "bob"))
    settled()
    deeds = history.lately(limit=3)
    assert [deed.words for deed in deeds] == [
        "wrote a comment on snakes/trio#2",
        "invited a newcomer to snakes, because of snakes/trio#2",
        "left a reaction on snakes/trio#1",
    ]


def test_nothing_of_a_private_repository_is_reported(history, github, deliver, settled):
    """A private repository's activity is hidden."""
    github.add_repository("snakes/den", private=True)
    github.open_issue("snakes/den", "alice")
    deliver(github.comment("snakes/den", 1, "alice", "/ping"))
    settled()
    assert history.find("guid-1").state is State.DONE
    assert history.lately() == []


def test_activity_is_hidden_after_a_repository_became_private(
    history, github, deliver, settled, pinged
):
    """A repository's newest delivery says whether it is public now."""
    before = history.lately()
    happening = github.star(TRIO, "alice")
    happening.payload["repository"]["private"] = True
    deliver(happening)
    assert (len(before), history.lately()) == (2, [])


def test_a_payload_that_takes_long_to_parse_tells_the_public_nothing(
    history, github, deliver, pinged
):
    """The status page is public, so nobody may make it parse megabytes."""
    before = history.lately()
    happening = github.star(TRIO, "alice")
    happening.payload["filler"] = "x" * 1_000_000
    deliver(happening)
    assert (len(before), history.lately()) == (2, [])


@pytest.mark.parametrize("private", [None, 0, "false"])
def test_only_a_plain_no_is_public(history, github, deliver, pinged, private):
    """A repository counts as private unless its newest payload says public."""
    happening = github.star(TRIO, "alice")
    happening.payload["repository"]["private"] = private
    deliver(happening)
    assert history.lately() == []
    assert history.delivery("guid-1").private


def test_activity_of_an_expired_payload_is_hidden(history, queue, pinged, clock):
    """An expired payload hides the activity."""
    queue.expire_bodies(clock() + 1)
    assert history.lately() == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("label", ["labelled snakes/trio#7"]),
        ("check", ["checked a commit of snakes/trio"]),
        ("team", []),
        ("of another release", []),
    ],
)
def test_activity_without_a_public_phrase_is_hidden(history, queue, kind, words):
    """Kinds without a public phrase are hidden; scheduled actions are shown."""
    payload = {"repository": {"full_name": TRIO, "private": False}}
    body = json.dumps(payload).encode()
    about = "snakes/trio/schedule"
    parent = queue.put(NewJob(queue=DELIVERIES, key="s", subject=about, body=body, run_at=0.0)).id
    deed = {"subject": f"{TRIO}#7", "kind": kind, "parent": parent}
    queue.put(NewJob(queue="action", key="k", body=b"{}", run_at=0.0, **deed))
    (job,) = queue.claim(["action"], worker="w", lease_seconds=60.0)
    ends.done(queue, job)
    assert [deed.words for deed in history.lately()] == words


def test_a_deed_without_a_repository_is_not_told(history, queue):
    """An action without a repository is hidden."""
    parent = queue.put(NewJob(queue=DELIVERIES, key="o", subject="snakes", body=b"{}", run_at=0)).id
    queue.put(NewJob(queue="action", key="x", kind="invite", body=b"{}", run_at=0.0, parent=parent))
    (job,) = queue.claim(["action"], worker="w", lease_seconds=60.0)
    ends.done(queue, job)
    queue.put(NewJob(queue="action", key="k", subject="snakes", body=b"{}", run_at=0.0))
    (job,) = queue.claim(["action"], worker="w", lease_seconds=60.0)
    ends.done(queue, job)
    assert history.lately() == []


def test_the_hours_of_a_day_are_counted(history, pinged, clock):
    """The counts cover 24 hours, oldest first, up to the current hour."""
    hours = history.per_hour()
    assert (len(hours), [hour.deliveries for hour in hours[:-1]]) == (24, [0] * 23)
    assert (hours[-1].deliveries, hours[-1].actions) == (1, 2)
    assert hours[-1].since == clock() // 3600 * 3600
