"""bot.operations.why: from a text of the bot to its reason."""

import json

import pytest

from bot.actions import ACTIONS, marked_keys, marker
from bot.events import DELIVERIES
from bot.operations.history.deliveries import DeliveryHistory
from bot.operations.why import (
    Comment,
    GithubTexts,
    Issue,
    Marker,
    NotOurs,
    Why,
    details,
    parse_target,
)
from bot.store.enqueue import job_of
from luggage.github import Delivery
from luggage.jobs import NewJob, State
from tests.support import ends

TRIO = "snakes/trio"
HEX = "0123456789abcdef01234567"


@pytest.fixture
def history(queue, clock):
    return DeliveryHistory(queue, clock=clock)


@pytest.fixture
def home(history, queue):
    """A search in the database alone."""
    return Why(history, queue, None)


@pytest.fixture
def why(history, queue, app):
    """A search that also asks GitHub."""
    return Why(history, queue, GithubTexts(app))


@pytest.fixture
def deliver(queue, clock, settled):
    def put(happening, guid="guid-1"):
        body = json.dumps(happening.payload).encode()
        delivery = Delivery(guid, happening.event, happening.payload)
        queue.put(job_of(delivery, body, run_at=clock()))
        settled()

    return put


@pytest.fixture
def pong(github, deliver):
    """The comment that answered a /ping, from the simulated GitHub."""
    github.open_issue(TRIO, "alice")
    deliver(github.comment(TRIO, 1, "alice", "/ping"))
    return github.comments(TRIO, 1)[-1]


@pytest.fixture
def thread(github, deliver, queue):
    """The address of a reply below a review comment."""
    github.open_pull_request(TRIO, "alice")
    deliver(github.review_comment(TRIO, 1, "alice", "/ping"))
    (row,) = queue.search(ACTIONS, kind="comment")
    return json.loads(row.result)["url"]


def page_of(comment):
    return f"https://github.com/{TRIO}/issues/1#issuecomment-{comment.id}"


# Targets


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://github.com/o/r/issues/7#issuecomment-12", Comment("o/r", "issues", 12)),
        ("https://github.com/o/r/pull/7#issuecomment-12", Comment("o/r", "issues", 12)),
        ("https://github.com/o/r/pull/7#discussion_r12", Comment("o/r", "pulls", 12)),
        ("http://ghes.test:8080/o/r/pull/7#discussion_r12 ", Comment("o/r", "pulls", 12)),
        ("https://api.github.com/repos/o/r/issues/comments/12", Comment("o/r", "issues", 12)),
        ("https://h.test/api/v3/repos/o/r/pulls/comments/12", Comment("o/r", "pulls", 12)),
        ("https://github.com/o/r/issues/7", Issue("o/r", 7)),
        ("https://api.github.com/repos/o/r/issues/7", Issue("o/r", 7)),
        (f"<!-- portmanteau:{HEX} -->", Marker(HEX)),
        (f"portmanteau:{HEX}", Marker(HEX)),
        (HEX, Marker(HEX)),
    ],
)
def test_addresses_and_markers_are_taken_apart(text, found):
    """A page's or the API's address on any host, or a marker in whole or in part."""
    assert parse_target(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pong!",
        "https://github.com/o/r",
        "https://github.com/o/r/pull/7",
        "https://github.com/../r/issues/7#issuecomment-1",
        "https://github.com/o/../issues/7#issuecomment-1",
        "https://github.com/o/r/issues/7#issuecomment-1?x",
        "file:///o/r/issues/7",
        HEX[:-1],
        f"{HEX}0",
    ],
)
def test_other_text_is_not_taken_for_an_address(text):
    """Other text is not taken for an address."""
    assert parse_target(text) is None


# In the database


def test_a_comment_leads_to_its_delivery(home, pong, github):
    """The origin has the action, rule, settings and event; GitHub is not asked."""
    calls = len(github.calls)
    answer = home(parse_target(page_of(pong)))
    assert (answer.action.rule, answer.action.text) == ("ping", "pong!")
    assert (answer.delivery.row.guid, answer.delivery.sender) == ("guid-1", "alice")
    words = "\n".join(details(answer))
    for part in ("settings  all defaults", "issue_comment, created, by alice", "| pong!"):
        assert part in words
    assert len(github.calls) == calls


def test_a_marker_leads_to_the_same(home, pong):
    """The hidden marker leads to the same origin."""
    hidden = pong.body.splitlines()[-1]
    assert home(parse_target(hidden)) == home(parse_target(page_of(pong)))


def test_an_answer_in_a_review_thread_is_found(home, thread):
    """A reply in a review thread has another kind of id."""
    wanted = parse_target(thread)
    assert wanted.kind == "pulls"
    assert home(wanted).action.rule == "ping"
    with pytest.raises(NotOurs):
        home(Comment(TRIO, "issues", wanted.id))


def test_a_number_that_begins_the_same_is_another(home, pong):
    """An id with the same prefix does not match."""
    with pytest.raises(NotOurs):
        home(Comment(TRIO, "issues", pong.id // 10))


def test_a_comment_of_an_older_version_is_found(home, queue):
    """A comment of an older version, without address and settings, is found."""
    old = {"action": {"about": "x", "repository": TRIO, "number": 1, "text": "Hi"}}
    body = json.dumps({**old, "kind": "comment", "installation": 1, "delivery": "g", "rule": "r"})
    parent = queue.put(NewJob(queue=DELIVERIES, key="g", body=b"{}", run_at=0.0)).id
    queue.put(NewJob(queue=ACTIONS, key="comment:x", body=body.encode(), run_at=0.0, parent=parent))
    (job,) = queue.claim([ACTIONS], worker="w", lease_seconds=60.0)
    ends.done(queue, job, result='{"comment": 12, "url": null}')
    answer = home(Comment(TRIO, "issues", 12))
    assert (answer.action.text, answer.action.digest) == ("Hi", "")
    assert "settings" not in "\n".join(details(answer))
    assert home(Marker(marker("comment:x")[17:41])) == answer


def test_an_expired_action_is_still_known(home, pong, queue, clock):
    """An expired action is shown, with a note about the rest."""
    queue.expire_bodies(clock() + 1)
    words = "\n".join(details(home(parse_target(page_of(pong)))))
    assert "its rule and settings have expired" in words
    assert "guid-1" in words


def test_a_marker_is_found_among_very_many(home, queue, monkeypatch):
    """A marker is searched for page by page, to the oldest."""
    monkeypatch.setattr("bot.operations.why._KEYS_PAGE", 2)
    for number in range(5):
        queue.put(NewJob(queue=ACTIONS, key=f"comment:{number}", body=b"{}", run_at=0.0))
    name = marker("comment:0")[17:41]
    assert home(Marker(name)).action.key == "comment:0"
    with pytest.raises(NotOurs, match=HEX):
        home(Marker(HEX))


@pytest.mark.parametrize(
    ("key", "marked"),
    [
        ("comment:x", ["comment:x"]),
        ("keep-issue:settings o/r/3", ["keep-issue:settings o/r/3", "keep-issue:settings o/r"]),
        ("assign:claim 7", ["assign:claim 7", "comment:claim 7"]),
    ],
)
def test_an_action_knows_the_markers_it_may_have_left(key, marked):
    """An action knows the markers of an issue's versions and of a substitute comment."""
    assert list(marked_keys(key)) == marked


def test_an_issue_that_the_bot_opened_is_explained(home, queue):
    """An issue is found by its address; a number with the same ending is not."""
    parent = queue.put(NewJob(queue=DELIVERIES, key="g", body=b"{}", run_at=0.0)).id
    queue.put(NewJob(queue=ACTIONS, key="issue:x", body=b"{}", run_at=0.0, parent=parent))
    (job,) = queue.claim([ACTIONS], worker="w", lease_seconds=60.0)
    ends.done(
        queue, job, result=json.dumps({"issue": 9, "url": f"https://github.com/{TRIO}/issues/9"})
    )
    assert home(parse_target(f"https://github.com/{TRIO}/issues/9")).action.key == "issue:x"
    with pytest.raises(NotOurs, match="/repos/snakes/trio/issues/99"):
        home(Issue(TRIO, 99))


# At GitHub


def test_an_expired_comment_is_explained_by_its_marker_on_github(why, pong, queue, store, github):
    """The comment's text has the marker, which leads to the action."""
    with store.begin() as connection:
        connection.exec_driver_sql("UPDATE job SET result = '' WHERE queue = 'action'")
    assert why(parse_target(page_of(pong))).delivery.row.guid == "guid-1"
    reads = [call for call in github.calls if call.path.endswith(f"/comments/{pong.id}")]
    assert [call.method for call in reads] == ["GET"]


def test_a_copied_marker_is_not_explained(why, pong, github):
    """A copied marker explains nothing."""
    github.comment(TRIO, 1, "mallory", pong.body)
    copied = github.comments(TRIO, 1)[-1]
    with pytest.raises(NotOurs, match="mallory wrote it, not this bot"):
        why(parse_target(page_of(copied)))


def test_an_unknown_comment_is_an_error(why, pong):
    """The message names what was searched for."""
    with pytest.raises(NotOurs, match="/repos/snakes/trio/issues/comments/99"):
        why(Comment(TRIO, "issues", 99))


def test_a_comment_of_ours_without_a_marker_is_not_explained(why, clock, app, pong):
    """A comment of ours without a marker has no origin."""
    clock.advance(10)  # until it is the installation's turn to write again
    installation = app.app_client.get(f"/repos/{TRIO}/installation")["id"]
    path = f"/repos/{TRIO}/issues/1/comments"
    bare = app.client_for(installation).post(path, json={"body": "bare"})
    with pytest.raises(NotOurs, match="the bot knows no action"):
        why(Comment(TRIO, "issues", bare["id"]))


def test_no_token_goes_to_the_host_of_the_address(why, pong, github):
    """Only the configured API is called, whatever the address's host."""
    answer = why(parse_target(page_of(pong).replace("github.com", "evil.test")))
    assert answer.delivery.row.guid == "guid-1"
    with pytest.raises(NotOurs):
        why(parse_target(f"https://evil.test/{TRIO}/issues/1#issuecomment-99"))
    assert github.calls[-1].path == f"/repos/{TRIO}/issues/comments/99"


def test_a_planned_action_is_found_by_its_marker(home, queue, github, clock):
    """A planned action is found by its marker, even if it is waiting or dead."""
    parent = queue.put(NewJob(queue=DELIVERIES, key="g", body=b"{}", run_at=0.0)).id
    queue.put(NewJob(queue=ACTIONS, key="comment:y", body=b"{}", run_at=0.0, parent=parent))
    answer = home(Marker(marker("comment:y")[17:41]))
    assert (answer.action.state, answer.delivery.row.guid) == (State.READY, "g")
