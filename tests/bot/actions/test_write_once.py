"""bot.actions.write_once: note, send, look; each step with the times that make it safe."""

import json
from types import SimpleNamespace

import pytest

from bot.actions import Work, marker
from bot.actions.write_once import (
    ARRIVAL_SECONDS,
    READ_LAG_SECONDS,
    SEND_SECONDS,
    Text,
    adopted,
    look_first,
    write_once,
)
from luggage.fake_github import faults
from luggage.github import Ambiguous, Invalid, Unreachable
from luggage.jobs import Postpone

TRIO = "snakes/trio"
TEXT = Text.comment("comment:it", TRIO, 1, "Hello")


class Notes:
    """Stands in for the queue: keeps the notes; each takes a while to be stored."""

    def __init__(self, clock, seconds):
        self.clock = clock
        self.seconds = seconds
        self.kept = []

    def note(self, job, text):
        self.clock.advance(self.seconds)
        self.kept.append(json.loads(text or "{}"))
        return SimpleNamespace(note=text)


@pytest.fixture
def work(app, github, clock):
    """A try with this note; `seconds` pass while a note is stored."""
    github.open_issue(TRIO, "alice")
    client = app.client_for(github.install("snakes").id)

    def work(note="", seconds=0.0):
        return Work(
            client=client,
            people=None,
            jobs=Notes(clock, seconds),
            job=SimpleNamespace(note=note),
            is_ours=lambda text: (text.get("user") or {}).get("login") == "test-bot[bot]",
            clock=clock,
        )

    return work


def bodies(github):
    return [comment.body for comment in github.comments(TRIO, 1)]


def test_the_time_is_noted_before_a_text_is_sent(work, clock, github):
    """Whoever comes next knows that it may have been sent, and when."""
    one, began_at = work(), clock()
    assert write_once(TEXT, one)["body"] == f"Hello\n\n{marker('comment:it')}"
    assert one.jobs.kept == [{"sending_at": began_at}]
    assert github.calls_to("GET", "*/comments") == []


@pytest.mark.parametrize(("seconds", "sent"), [(SEND_SECONDS - 1, True), (SEND_SECONDS + 1, False)])
def test_a_text_is_not_sent_long_after_its_note(work, github, seconds, sent):
    """A process that slept between the two: another may have looked, and written it, meanwhile."""
    if sent:
        write_once(TEXT, work(seconds=seconds))
    else:
        with pytest.raises(Unreachable, match="deadline has passed"):
            write_once(TEXT, work(seconds=seconds))
    assert len(bodies(github)) == sent


def test_a_refused_text_leaves_no_time(work, clock, github):
    """GitHub certainly did not take it: the next try need not look. The rest of the note stays."""
    refusal = faults.refused(422, "Validation Failed")
    github.faults.append(faults.plan(refusal, method="POST", path="*/comments"))
    one, began_at = work('{"free_at": 5.0}'), clock()
    with pytest.raises(Invalid):
        write_once(TEXT, one)
    assert one.jobs.kept == [{"sending_at": began_at, "free_at": 5.0}, {"free_at": 5.0}]


def test_a_text_whose_end_is_unknown_keeps_its_time(work, clock, github):
    """The next try looks for it."""
    lost = faults.failed(502, done=True)
    github.faults.append(faults.plan(lost, method="POST", path="*/comments"))
    one = work()
    with pytest.raises(Ambiguous):
        write_once(TEXT, one)
    assert len(one.jobs.kept) == 1


def test_a_sent_text_is_looked_for_when_github_must_show_it(work, clock, github):
    """Not a moment earlier: what is not there yet would be written twice."""
    sent_at = clock()
    visible_at = sent_at + SEND_SECONDS + ARRIVAL_SECONDS + READ_LAG_SECONDS
    note = json.dumps({"sending_at": sent_at})
    clock.advance(visible_at - 0.5 - clock())
    with pytest.raises(Postpone) as postponed:
        write_once(TEXT, work(note))
    assert postponed.value.run_at == visible_at
    assert postponed.value.reason == "it was sent, and it is not known whether it arrived"
    clock.advance(0.5)
    write_once(TEXT, work(note))
    assert len(github.calls_to("GET", "*/comments")) == 1
    assert len(bodies(github)) == 1


def test_what_was_found_is_not_written_again(work, github):
    """It is the answer, as GitHub has it."""
    github.comment(TRIO, 1, "test-bot[bot]", f"Hello\n\n{marker('comment:it')}")
    (said,) = github.comments(TRIO, 1)
    assert write_once(TEXT, work('{"sending_at": 0.0}'))["id"] == said.id
    assert len(bodies(github)) == 1


def test_only_a_text_of_ours_with_this_marker_is_found(work, github):
    """Not what others pasted, nor another text of ours; it may be on any page."""
    for number in range(101):
        github.comment(TRIO, 1, "test-bot[bot]", f"{number}\n\n{marker('comment:other')}")
    github.comment(TRIO, 1, "mallory", marker("comment:it"))
    assert adopted(TEXT, work()) is None
    github.comment(TRIO, 1, "test-bot[bot]", f"Hello\n\n{marker('comment:it')}")
    assert adopted(TEXT, work())["body"].startswith("Hello")


def test_a_text_without_author_or_body_is_not_ours(clock):
    """GitHub shows texts of deleted accounts so."""
    listed = [{"user": None, "body": marker("comment:it")}, {"body": "x"}]
    ours = {"user": {"login": "test-bot[bot]"}}
    listed += [
        {**ours, "body": None},
        {**ours, "body": f"Hello\n\n{marker('comment:it')}", "id": 7},
    ]
    client = SimpleNamespace(pages=lambda *_, **__: iter(listed))
    one = Work(
        client=client,
        people=None,
        jobs=None,
        job=SimpleNamespace(note=""),
        is_ours=lambda text: (text.get("user") or {}).get("login") == "test-bot[bot]",
        clock=clock,
    )
    assert adopted(TEXT, one)["id"] == 7


@pytest.mark.parametrize("thread", [None, 55])
def test_a_comment_is_listed_where_it_is_put(thread):
    """An answer in a review is put below its thread, and listed with all of the pull request."""
    kind = "issues" if thread is None else "pulls"
    text = Text.comment("comment:it", TRIO, 1, "Hello", thread=thread)
    assert text.list_path == f"/repos/{TRIO}/{kind}/1/comments"
    assert text.path == text.list_path + ("" if thread is None else "/55/replies")
    assert (text.content, text.listed) == ({"body": "Hello"}, {})


def test_what_is_not_there_is_none_and_what_cannot_be_asked_is_an_error(work, github):
    """A 404 alone means that it is not there."""
    client = work().client
    assert look_first(client, "/repos/{owner}/{name}/issues/1", owner="snakes", name="trio")
    assert look_first(client, "/repos/{owner}/{name}/issues/9", owner="snakes", name="trio") is None
    github.faults.append(faults.plan(faults.failed(502, done=False), path="*/issues/1", times=None))
    with pytest.raises(Ambiguous):
        look_first(client, "/repos/{owner}/{name}/issues/1", owner="snakes", name="trio")
