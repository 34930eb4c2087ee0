"""The subcommand `deliveries`, at a terminal and in a pipe."""

import io
import json
import os
import sys

import pytest

from bot.actions import ACTIONS, Comment, Invite, Planned
from bot.events import DELIVERIES
from bot.operations.history.deliveries import UnknownDelivery
from bot.store.audit import AuditLog
from bot_deploy import __main__ as dispatch
from bot_deploy import deliveries
from bot_deploy.config import load
from bot_deploy.wiring.parts import clock, open_parts
from luggage.jobs import NewJob, State
from tests.support import ends
from tests.support.migrated import migrated_for

APP = {"GITHUB_APP_ID": "1", "GITHUB_PRIVATE_KEY": "-", "GITHUB_WEBHOOK_SECRET": "s3cret"}
INVITE = Invite(organization="snakes", person="alice")
WELCOME = Comment(about="welcome", repository="snakes/trio", number=7, text="Hi\x1b[31m!")
PAYLOAD = {"action": "closed", "sender": {"login": "alice"}, "hook": {"secret": "hunter2"}}


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """The queue of the bot that the subcommand works on."""
    environ = APP | {"BOT_DATA": str(tmp_path)}
    monkeypatch.setattr(os, "environ", environ)
    migrated_for(load(environ))
    with open_parts(load(environ)) as parts:
        yield parts.queue


@pytest.fixture
def store(queue):
    """Store a delivery that ends in a way: decided into actions, or `bury` or `ignore`."""

    def put(guid, *, actions=(), way=None, event="pull_request", subject="snakes/trio#7"):
        body = json.dumps(PAYLOAD).encode()
        new = NewJob(queue=DELIVERIES, key=guid, kind=event, subject=subject, body=body, run_at=0.0)
        parent = queue.put(new).id
        (job,) = queue.claim([DELIVERIES], worker="w", lease_seconds=60.0)
        if way == "bury":
            ends.bury(queue, job, "403 Forbidden")
        elif way == "ignore":
            ends.ignore(queue, job, "no rule had anything to do")
        else:
            ends.done(
                queue, job, put=[planned(action, guid, parent, subject) for action in actions]
            )

    return put


def planned(action, guid, parent, subject):
    body = Planned(
        action=action,
        installation=1,
        delivery=guid,
        rule="invite",
        settings={"merged_pull_requests": 2},
        digest="ab",
    )
    key = f"{guid}:{action.key}"
    return NewJob(
        queue=ACTIONS, key=key, subject=subject, body=body.encode(), run_at=0.0, parent=parent
    )


@pytest.fixture
def several(queue, store):
    """One done, one ignored, one dead, and one of which an action is dead."""
    store("11111111-done", actions=[INVITE])
    (job,) = queue.claim([ACTIONS], worker="w", lease_seconds=60.0)
    ends.done(queue, job, result='{"state": "pending"}')
    store("22222222-noise", way="ignore", event="star", subject="snakes/other")
    store("33333333-dead", way="bury")
    store("44444444-part", actions=[WELCOME])
    (job,) = queue.claim([ACTIONS], worker="w", lease_seconds=60.0)
    ends.bury(queue, job, "404 Not Found")


@pytest.fixture
def terminal(monkeypatch):
    """Make stdout and stderr a terminal of some columns."""

    def of(columns):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        os.environ["COLUMNS"] = str(columns)

    return of


def run(*words):
    return deliveries.main(["deliveries", *words])


# Listing


def test_into_a_pipe_goes_a_line_for_each_with_tabs(several, capsys):
    """Newest first, nothing cut, no header; `list` need not be said."""
    assert run() == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [(line[1], line[2]) for line in lines] == [
        ("dead", "44444444-part"),
        ("dead", "33333333-dead"),
        ("ignored", "22222222-noise"),
        ("done", "11111111-done"),
    ]
    assert {len(line) for line in lines} == {6}


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_table_fits_the_terminal(several, capsys, terminal, columns):
    """With a header; where there is little room, the beginning of the GUID is enough."""
    terminal(columns)
    run("list")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["received", "state", "delivery"]
    assert max(map(len, lines)) <= columns
    assert ("44444444-part" in lines[1]) == (columns == 200)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--state", "dead"], ["44444444-part", "33333333-dead"]),
        (["list", "--event", "star"], ["22222222-noise"]),
        (["--repository", "Snakes/Other"], ["22222222-noise"]),
        (["--text", "HUNTER2", "--state", "done"], ["11111111-done"]),
        (["--limit", "1"], ["44444444-part"]),
        (["--before", "3"], ["11111111-done"]),
    ],
)
def test_each_condition_narrows_the_list(several, capsys, words, found):
    """By state, event, repository, text, number and page."""
    assert run(*words, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["guid"] for row in told] == found


def test_nothing_found_is_no_failure(several, capsys):
    """An empty list is a line on stderr and exit code 0."""
    assert run("--event", "nothing") == 0
    assert capsys.readouterr() == ("", "no delivery matches\n")


def test_a_long_search_tells_how_far_it_is(several, capsys, terminal):
    """A search prints its progress on stderr, at a terminal only."""
    terminal(80)
    run("--text", "hunter2")
    assert "4 searched" in capsys.readouterr().err


def test_the_next_page_is_offered(several, capsys, terminal):
    """A full page ends with the option for the next one."""
    terminal(80)
    run("--limit", "2")
    assert "older ones: --before" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--state", "asleep"],
        ["--limit", "0"],
        ["--limit", "x"],
        ["retry"],
        ["show"],
        ["--nonsense"],
    ],
)
def test_wrong_usage_ends_with_2(queue, words, capsys):
    """Wrong usage ends with exit code 2 and the usage on stderr."""
    with pytest.raises(SystemExit) as ended:
        run(*words)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_help_tells_of_all_commands(capsys):
    """--help names all commands, without a database."""
    with pytest.raises(SystemExit) as ended:
        run("--help")
    assert ended.value.code == 0
    assert "retry" in capsys.readouterr().out


# Showing


def test_all_about_one_is_shown(several, capsys):
    """`show` prints the event, the decision, and each action with rule, settings and reason."""
    assert run("show", "4444") == 0
    shown = capsys.readouterr().out
    for words in (
        "44444444-part",
        "pull_request, closed, by alice",
        "1 action",
        "1. comment on snakes/trio#7: dead since",
        "merged_pull_requests = 2",
        "404 Not Found",
        r"   | Hi\x1b[31m!",
    ):
        assert words in shown
    assert "payload" not in shown


def test_show_prints_githubs_answer(several, capsys):
    """`show` prints GitHub's answer to a finished action."""
    run("show", "1111")
    shown = capsys.readouterr().out
    assert '{"state": "pending"}' in shown
    assert "1. invite alice to snakes: done" in shown


@pytest.mark.parametrize(
    ("guid", "decision"),
    [("3333", "dead after 1 attempt: 403 Forbidden"), ("2222", "ignored: no rule had")],
)
def test_a_decision_is_reported_with_its_reason(several, capsys, guid, decision):
    """`show` prints why a rule acted, did nothing, or failed."""
    run("show", guid)
    assert decision in capsys.readouterr().out


def test_the_payload_is_shown_when_asked_for(several, queue, capsys):
    """--payload prints the redacted payload, or that it has expired."""
    run("show", "1111", "--payload")
    assert '"secret": "[redacted]"' in capsys.readouterr().out
    queue.expire_bodies(1e12)
    run("show", "1111", "--payload")
    assert "the payload has expired" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "shown"), [([], False), (["--payload"], True)])
def test_one_is_shown_as_json(several, capsys, words, shown):
    """--json prints an object, with --payload also the payload."""
    assert run("show", "1111", "--json", *words) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["guid"], told["state"], told["sender"]) == ("11111111-done", "done", "alice")
    assert told["actions"][0]["words"] == "invite alice to snakes"
    assert ("payload" in told) == shown


def test_an_unknown_delivery_is_a_line(several):
    """An unknown GUID raises UnknownDelivery."""
    with pytest.raises(UnknownDelivery, match="no delivery 9999"):
        run("show", "9999")


# Following


@pytest.mark.parametrize(("guid", "code"), [("1111", 0), ("2222", 0), ("3333", 1)])
def test_following_ends_when_all_has_ended(several, capsys, guid, code):
    """`follow` prints the life of a delivery, and returns 1 if something in it is dead."""
    assert run("follow", guid) == code
    assert "received" in capsys.readouterr().out.splitlines()[0]
    assert run("follow", guid, "--json") == code
    first, *_ = capsys.readouterr().out.splitlines()
    assert json.loads(first)["what"] == "received"


def test_ctrl_c_ends_following_with_130(several, store, monkeypatch, capsys):
    """While something is left to do it waits; a Ctrl-C ends it with a shell's code, quietly."""
    pauses = iter([None, None])

    def sleep(_seconds):
        if next(pauses, "over"):
            raise KeyboardInterrupt

    store("55555555-open", actions=[INVITE])
    monkeypatch.setattr(deliveries.time, "sleep", sleep)
    assert dispatch.main(["bot", "deliveries", "follow", "5555"], dict(os.environ)) == 130
    out, err = capsys.readouterr()
    assert out.count("queued") == 1
    assert err == ""


# Trying again


def test_a_retry_is_in_the_audit_log(several, queue):
    """The log of the console names each delivery that was retried, and no other."""
    run("retry", "3333", "4444", "1111")
    with open_parts(load(os.environ)) as parts:
        noted = AuditLog(parts.engine, clock=clock).entries()
    assert [(each.what, each.place) for each in noted] == [("retry", "terminal")] * 2
    assert [queue.get(each.delivery).key[:4] for each in noted] == ["4444", "3333"]


def test_dead_ones_are_tried_again_by_their_guid(several, queue, capsys):
    """`retry` makes a dead delivery or its dead actions ready again, and nothing else."""
    assert run("retry", "3333", "4444", "1111") == 0
    assert capsys.readouterr().out.splitlines() == [
        "3333: will be retried: evaluate pull_request",
        "4444: will be retried: comment on snakes/trio#7",
        "1111: nothing to retry",
    ]
    assert queue.standing().dead == 0


def test_an_unknown_guid_fails_and_the_others_are_tried(several, queue, capsys):
    """An unknown GUID is named and ends with exit code 1; the others are retried."""
    assert run("retry", "9999", "3333") == 1
    told = capsys.readouterr()
    assert "no delivery 9999" in told.err
    assert "3333: will be retried" in told.out


def test_an_expired_delivery_cannot_be_retried(queue, store, capsys, monkeypatch):
    """`retry` of an expired delivery prints a line and returns 1."""
    store("g", way="bury")
    with queue._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM job_body")
    assert run("retry", "g") == 1
    assert "has expired" in capsys.readouterr().err


def test_all_that_match_are_tried_again_without_asking(several, queue, capsys):
    """--all --yes retries all matching deliveries without a question."""
    assert run("retry", "--all", "--yes", "--state", "dead", "--event", "pull_request") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert queue.standing().dead == 0


@pytest.mark.parametrize(("answer", "code", "dead"), [("y\n", 0, 0), ("\n", 1, 2), ("no\n", 1, 2)])
def test_a_person_is_asked_first(several, queue, capsys, monkeypatch, answer, code, dead):
    """The question has the number of deliveries, and only yes agrees."""
    stdin = io.StringIO(answer)
    stdin.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", stdin)
    assert run("retry", "--all") == code
    assert "deliveries that are dead or have dead actions: 2" in capsys.readouterr().err
    assert queue.standing().dead == dead


def test_a_script_is_not_asked(several, queue, capsys, monkeypatch):
    """Without a terminal nothing is retried, and the message names --yes."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert run("retry", "--all") == 1
    assert "--yes skips this question" in capsys.readouterr().err
    assert queue.standing().dead == 2


def test_nothing_dead_is_no_failure(store, capsys):
    """--all without a match returns 0."""
    store("g", way="ignore")
    assert run("retry", "--all") == 0
    assert "nothing is dead" in capsys.readouterr().err


def test_a_ready_action_tells_when_it_is_due(store, capsys):
    """A ready action shows its time and attempt."""
    store("g", actions=[INVITE])
    run("show", "g")
    assert "scheduled for 1970-01-01 00:00:00 UTC, attempt 1" in capsys.readouterr().out


def test_more_than_a_page_of_dead_ones_is_tried_again(queue, capsys):
    """--all retries more deliveries than one page holds."""
    for number in range(101):
        queue.put(NewJob(queue=DELIVERIES, key=f"k{number}", body=b"{}", run_at=0.0))
    for job in queue.claim([DELIVERIES], worker="w", lease_seconds=60.0, limit=200):
        ends.bury(queue, job, "hopeless")
    assert run("retry", "--all", "--yes") == 0
    assert queue.counts() == {(DELIVERIES, State.READY): 101}
