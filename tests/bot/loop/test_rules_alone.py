"""Each rule decides by itself: what one cannot learn, or gets wrong, harms no other."""

from dataclasses import replace

import pytest

from bot.actions import ACTIONS, Comment, Label
from bot.events import DELIVERIES
from bot.facts import NotYet
from bot.loop.decision import AGAIN_SECONDS
from bot.loop.run import OUTAGE_SECONDS, Updater
from bot.operations.history import report
from bot.operations.history.deliveries import DeliveryHistory
from bot.operations.preview.check import Previewer
from bot.rules import RULES, ping
from bot.settings.files import SettingsFiles
from bot.settings.layers import Settings, read
from bot.store.meters import RULE_FAILURES_TOTAL
from luggage.fake_github import faults
from luggage.jobs import State
from luggage.telemetry.meter import Meter

TRIO = "snakes/trio"
WHO = {"method": "GET", "path": "*/collaborators/*/permission"}


class Boom:
    """A custom rule; `decide` is what a test sets it to."""

    def __init__(self):
        self.decide = lambda *_: []


@pytest.fixture
def boom():
    return Boom()


@pytest.fixture
def meter():
    return Meter()


@pytest.fixture
def updater(app, store, queue, people, clock, boom, meter):
    rule = replace(ping.RULE, name="boom", decide=lambda *args: boom.decide(*args))  # noqa: PLW0108  tests replace it
    rules = [rule, *RULES]
    settings = Settings(read(rules, {"commands": {"enabled": True, "allow": ["label"]}}))
    files = SettingsFiles(store, rules, settings, clock=clock)
    previewer = Previewer(queue=queue, people=people, settings=files)
    return Updater(
        app=app,
        queue=queue,
        people=people,
        settings=files,
        clock=clock,
        meter=meter,
        previewer=previewer,
    )


@pytest.fixture
def history(queue, clock):
    return DeliveryHistory(queue, clock=clock)


@pytest.fixture(autouse=True)
def scene(github):
    """An issue, and a label."""
    github.open_issue(TRIO, "alice")
    github.open_issue(TRIO, "alice")
    github.label_issue(TRIO, 2, "olga", "bug")
    github.add_collaborator(TRIO, "olga")


def texts(github):
    return [one.body.partition("\n\n<!--")[0] for one in github.comments(TRIO, 1)]


def labels(github):
    return [one.name for one in github.issue(TRIO, 1).labels]


def states(queue):
    return {row.key: row.state for row in queue.search(DELIVERIES)}


def _raise(error):
    raise error


class Silent(Exception):  # noqa: N818
    """An error that cannot be shown."""

    def __str__(self):
        raise ValueError("no words")


WRONG = {
    "an exception": lambda: _raise(ZeroDivisionError("division by zero")),
    "the end of the process": lambda: _raise(SystemExit(3)),
    "no list": lambda: None,
    "a list of something else": lambda: ["comment"],
    "an action that cannot be stored": lambda: [
        Comment(about="x", repository=TRIO, number=1, text=object())
    ],
    "an action without a key": lambda: [Label(about=7, repository=TRIO, number=1, names=())],
    "a key that no database takes": lambda: [
        Label(about="\ud800", repository=TRIO, number=1, names=())
    ],
    "a key with NUL": lambda: [Label(about="a\0b", repository=TRIO, number=1, names=())],
    "an error without words": lambda: _raise(Silent()),
    "undecided with nonsense": lambda: _raise(NotYet("hm", ["comment"])),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_custom_rule_that_is_wrong_ends_alone(
    deliver, settled, queue, github, boom, history, meter, wrong
):
    """The other rules act once; the wrong one ends dead, with its name and the reason."""
    boom.decide = lambda *_: wrong()
    deliver(github.comment(TRIO, 1, "bob", "/ping"), "g")
    settled()
    assert texts(github) == ["/ping", "pong!"]
    assert states(queue) == {"g": State.DONE, "g/boom": State.DEAD}
    (row,) = [each for each in history.delivery("g").actions if each.state is State.DEAD]
    assert (row.words, row.rule) == ("evaluate the rule boom again, alone", "boom")
    assert "the rule boom" in row.reason
    assert "the rule boom" in history.find("g").reason
    assert meter.take().added[RULE_FAILURES_TOTAL.name, ("boom",)] == 6


def test_a_rule_that_is_mended_is_retried_by_hand(deliver, settled, queue, github, boom, history):
    """After `deliveries retry` the rule acts, and no other rule acts twice."""
    boom.decide = lambda *_: 1 / 0
    deliver(github.comment(TRIO, 1, "bob", "/ping"), "g")
    settled()
    boom.decide = lambda *_: [Comment(about="x", repository=TRIO, number=1, text="mended")]
    history.retry("g")
    settled()
    assert texts(github) == ["/ping", "pong!", "mended"]
    assert history.find("g").state is State.DONE


def test_a_rule_that_fails_in_a_replay_is_evaluated_again(
    deliver, settled, queue, github, boom, history
):
    """The job of the first evaluation is revived: what fails in a replay is not lost."""
    failures = iter(range(1))
    boom.decide = lambda *_: [] if next(failures, None) is None else 1 / 0
    deliver(github.comment(TRIO, 1, "bob", "/ping"), "g")
    settled()
    assert queue.find(DELIVERIES, "g/boom").state is State.IGNORED
    more = iter(range(1))
    said = [Comment(about="x", repository=TRIO, number=1, text="replayed")]
    boom.decide = lambda *_: said if next(more, None) is None else 1 / 0
    history.again("g")
    settled()
    assert texts(github) == ["/ping", "pong!", "replayed"]


REFUSED = {
    "403": faults.refused(403, "Resource not accessible"),
    "422": faults.refused(422, "Validation Failed"),
}
FAULTS = {
    "409": faults.refused(409, "Conflict"),
    "500": faults.failed(500, done=False),
    "cut": faults.cut_short(),
    "reset": faults.reset(done=False),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_one_question_that_fails_for_ever_ends_its_rule_alone(
    deliver, settled, queue, github, fault
):
    """The other rule answers at once; the failed one ends dead with its name, in a day at most."""
    github.faults.append(faults.plan(fault, times=None, **WHO))
    deliver(github.comment(TRIO, 1, "olga", "/ping\n\n/label bug"), "g")
    settled(3000)
    assert texts(github)[1:] == ["pong!"]
    assert states(queue) == {"g": State.DONE, "g/commands": State.DEAD}
    assert "the rule commands cannot decide: GET" in queue.find(DELIVERIES, "g/commands").reason


@pytest.mark.parametrize("fault", REFUSED.values(), ids=REFUSED)
def test_a_refused_question_behind_a_command_is_answered(deliver, settled, queue, github, fault):
    """With GitHub's reason; the other rule answers as always."""
    github.faults.append(faults.plan(fault, times=None, **WHO))
    deliver(github.comment(TRIO, 1, "olga", "/ping\n\n/label bug"), "g")
    settled(3000)
    pong, answer = texts(github)[1:]
    assert pong == "pong!"
    assert answer.startswith("@olga: I could not do `/label bug`. GitHub says: ")
    assert set(states(queue).values()) == {State.DONE}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_question_that_fails_once_loses_nothing(deliver, settled, queue, github, fault):
    """The rule asks again, alone, and acts."""
    github.faults.append(faults.plan(fault, **WHO))
    deliver(github.comment(TRIO, 1, "olga", "/ping\n\n/label bug"), "g")
    settled()
    assert (texts(github)[1:], labels(github)) == (["pong!"], ["bug"])
    assert set(states(queue).values()) == {State.DONE}


def test_a_limit_holds_up_only_the_rule_that_hit_it(deliver, worker, settled, clock, github):
    """A rate limit postpones the rule until it is over; what asks nothing goes on."""
    begun_at = clock()
    github.faults.append(faults.plan(faults.too_many_requests(120), **WHO))
    deliver(github.comment(TRIO, 1, "olga", "/label bug"), "g")
    settled()
    asked = [call.at for call in github.calls_to(WHO["method"], WHO["path"])]
    assert labels(github) == ["bug"]
    assert len(asked) == 2
    assert asked[1] >= begun_at + 120


def test_later_deliveries_do_not_wait_for_a_rule(deliver, worker, queue, clock, github):
    """While one rule retries, the same rule decides about a later comment of the issue."""
    github.faults.append(faults.plan(faults.failed(500, done=False), times=2, **WHO))
    deliver(github.comment(TRIO, 1, "olga", "/label nothing"), "g")
    worker.drain()
    deliver(github.comment(TRIO, 1, "bob", "/ping"), "h")
    clock.advance(1.5)
    worker.drain()
    assert queue.find(DELIVERIES, "g/commands").state is State.READY
    assert texts(github) == ["/label nothing", "/ping", "pong!"]


def test_failures_of_one_rule_about_one_issue_keep_their_order(
    deliver, settled, clock, queue, github
):
    """Two commands that waited for an outage are obeyed in the order in which they were written."""
    back_at = clock() + 3000
    down = faults.plan(faults.failed(500, done=False), times=None, **WHO)
    github.faults.append(lambda request: down(request) if clock() < back_at else None)
    deliver(github.comment(TRIO, 1, "olga", "/label bug"), "g")
    deliver(github.comment(TRIO, 1, "olga", "/label nothing"), "h")
    settled()
    subjects = {queue.find(DELIVERIES, key).subject for key in ("g/commands", "h/commands")}
    assert len(subjects) == 1
    ends = [queue.find(DELIVERIES, key).changed_at for key in ("g/commands", "h/commands")]
    assert ends == sorted(ends)


def test_a_process_that_dies_repeats_no_rule_and_loses_none(
    deliver, settled, worker, queue, clock, github, monkeypatch
):
    """The reevaluation and the other rules' actions are queued in one transaction."""
    github.faults.append(faults.plan(faults.failed(500, done=False), times=2, **WHO))
    deliver(github.comment(TRIO, 1, "olga", "/ping\n\n/label bug"), "g")
    end = queue.end

    class Killed(BaseException):
        """Stands for SIGKILL."""

    def dying(ended):
        raise Killed

    monkeypatch.setattr(queue, "end", dying)
    with pytest.raises(Killed):
        worker.drain()
    assert states(queue) == {"g": State.LEASED}
    monkeypatch.setattr(queue, "end", end)
    clock.advance(61)
    queue.reclaim()
    settled()
    assert (texts(github)[1:], labels(github)) == (["pong!"], ["bug"])


def test_a_rule_that_kills_its_process_ends_alone(
    deliver, worker, settled, queue, clock, github, boom
):
    """After two lost attempts the rules are evaluated one by one; only the deadly one dies."""

    class Killed(BaseException):
        """Stands for the end of a process: nothing in the worker catches it."""

    boom.decide = lambda *_: _raise(Killed())
    deliver(github.comment(TRIO, 1, "bob", "/ping"), "g")
    killed = 0
    while queue.next_run_at(["delivery", "action"]) is not None:
        try:
            settled()
        except Killed:
            killed += 1
            clock.advance(61)
            queue.reclaim()
    assert (killed, texts(github)) == (7, ["/ping", "pong!"])
    assert queue.find(DELIVERIES, "g").state is State.DONE
    assert queue.find(DELIVERIES, "g/boom").state is State.DEAD


def test_a_waiting_rule_is_shown_in_plain_words(deliver, worker, queue, github, history):
    """History names the rule, and what GitHub answered, before the rule has run again."""
    github.faults.append(faults.plan(faults.failed(500, done=False), times=None, **WHO))
    deliver(github.comment(TRIO, 1, "olga", "/label bug"), "g")
    worker.drain()
    row = history.find("g")
    assert (row.state, row.decided) == (State.READY, State.DONE)
    assert "permission: 500" in row.reason
    shown = "\n".join(report.details(history.delivery("g"), with_payload=False))
    assert "evaluate the rule commands again, alone: scheduled for" in shown
    assert history.find("g"[:1]).guid == "g"


def test_what_github_does_not_show_yet_is_asked_for_a_minute(
    deliver, settled, queue, clock, github
):
    """A 404 about what the delivery names is asked again, then it is final."""
    begun_at = clock()
    pulls = faults.plan(faults.refused(404, "Not Found"), path="*/issues/1/comments", times=None)
    github.faults.append(pulls)
    deliver(github.comment(TRIO, 1, "bob", "/ping"), "g")
    settled()
    posts = [call.at for call in github.calls_to("POST", "*/issues/1/comments")]
    assert begun_at + 58 <= posts[-1] <= begun_at + 60 + 2 * AGAIN_SECONDS
    (dead,) = [row for row in queue.search(ACTIONS) if row.state is State.DEAD]
    assert "404" in dead.reason
    assert posts[-1] < begun_at + OUTAGE_SECONDS


def test_what_is_gone_needs_nothing(deliver, settled, queue, github):
    """A pull request that GitHub no longer shows after a minute ends the preview quietly."""
    github.faults.append(faults.plan(faults.refused(404, "No"), path="*/files", times=None))
    deliver(github.open_pull_request(TRIO, "alice", body="/ping"), "g")
    settled()
    row = queue.find(DELIVERIES, "g/preview")
    assert (row.state, row.reason.partition(": ")[0]) == (
        State.IGNORED,
        f"GitHub no longer shows {TRIO}#3",
    )


def test_a_locked_conversation_leaves_no_work(deliver, settled, queue, github):
    """A ping in a locked conversation is ignored with the reason, and nothing is tried."""
    github.lock_issue(TRIO, 1, "olga")
    deliver(github.comment(TRIO, 1, "olga", "/ping"), "g")
    settled()
    row = queue.find(DELIVERIES, "g")
    assert (row.state, row.reason) == (
        State.IGNORED,
        "no rule had anything to do in the locked conversation",
    )


@pytest.mark.parametrize(
    ("message", "state"),
    [
        ("Unable to create comment because issue is locked.", State.IGNORED),
        ("User is blocked", State.DEAD),
        ("Repository was archived so is read-only.", State.DEAD),
    ],
)
def test_only_a_lock_is_no_failure(deliver, settled, queue, github, message, state):
    """A refused answer ends itself: ignored where somebody locked the conversation, else dead."""
    refused = faults.refused(403, message)
    github.faults.append(faults.plan(refused, path="*/issues/1/comments", times=None))
    deliver(github.comment(TRIO, 1, "bob", "/ping"), "g")
    settled()
    (row,) = [row for row in queue.search(ACTIONS) if row.kind == "comment"]
    assert (row.state, message in row.reason) == (state, True)
    assert {row.state for row in queue.search(ACTIONS) if row.kind == "react"} == {State.DONE}


def test_actions_wait_for_work_about_the_same_issue_only(deliver, settled, queue, github, boom):
    """Work that is refused holds what announces it, and nothing about another issue."""
    boom.decide = lambda *_: [
        Label(about="first", repository=TRIO, number=1, names=("bug",)),
        Comment(about="first", repository=TRIO, number=1, text="labelled"),
        Comment(about="second", repository=TRIO, number=2, text="hello"),
        Label(about="second", repository=TRIO, number=2, names=("bug",)),
        Comment(about="second too", repository=TRIO, number=2, text="labelled"),
    ]
    path = "*/issues/1/labels"
    github.faults.append(faults.plan(faults.refused(422, "No"), method="POST", path=path))
    deliver(github.comment(TRIO, 1, "bob", "hello"), "g")
    settled()
    assert {row.key: row.state for row in queue.search(ACTIONS)} == {
        "label:first": State.DEAD,
        "comment:first": State.HELD,
        "comment:second": State.DONE,
        "label:second": State.DONE,
        "comment:second too": State.DONE,
    }
