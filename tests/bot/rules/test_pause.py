"""Stories of `/bot pause` and `/bot resume`, as owners, members and strangers see them."""

import re
from types import SimpleNamespace

import pytest

from bot.actions import KeepIssue
from bot.loop.decision import Decision, reevaluation
from luggage.jobs import NewJob
from tests.bot.rules.conftest import FAIR

fair = pytest.mark.parametrize("weather", [FAIR], indirect=True)
HOME, TRIO = "snakes/.github", "snakes/trio"
CAUSE = {
    "key": "guid",
    "id": 1,
    "kind": "push",
    "body": b"{}",
    "created_at": 1.0,
    "note": "",
    "tenant": "5",
    "person": "",
    "urgent": False,
}


@pytest.fixture
def github(github):
    github.add_repository(HOME)
    github.add_member("snakes", "olga", role="admin")
    github.add_member("snakes", "tom")
    github.open_issue(HOME, "olga", "Quiet, please")
    return github


def test_while_paused_nothing_is_done_and_afterwards_all_of_it(github, play, said, queue):
    """A merge waits during the pause, and the invitation follows the resumption."""
    play(github.comment(HOME, 1, "olga", "/bot pause"))
    (answer,) = said(1, HOME)
    assert answer.startswith("I am now paused: I will not do anything in **snakes**")
    asked = len(github.calls)
    play(github.merge_pull_request(TRIO, "alice"))
    assert (said(1), len(github.calls), queue.standing().waiting) == ([], asked, 0)
    play(github.comment(HOME, 1, "olga", "/bot resume"))
    assert said(1, HOME)[1].startswith("I am back, ")
    assert len(said(1)) == 1
    assert github.membership("snakes", "alice").state == "pending"


def test_the_same_issue_can_be_talked_in_while_paused(github, play, said):
    """Other comments on the issue wait, and do not block `/bot resume`."""
    play(github.comment(HOME, 1, "olga", "/bot pause"))
    play(github.comment(HOME, 1, "tom", "/ping"))
    play(github.comment(HOME, 1, "olga", "/bot resume"))
    assert sorted(re.split("[,:]", text)[0] for text in said(1, HOME)) == [
        "I am back",
        "I am now paused",
        "pong!",
    ]


@fair
@pytest.mark.parametrize(
    "text", ["/Bot resume", "\u200b/bot resume", "Hi!\r/BOT Resume.", "\u00a0/bot, resume!"]
)
def test_a_resumption_is_heard_however_it_is_typed(github, play, said, text):
    """It does not wait for itself: telephones write capitals, copied texts what nobody sees."""
    play(github.comment(HOME, 1, "olga", "/bot pause"))
    play(github.comment(HOME, 1, "olga", text))
    assert [answer[:9] for answer in said(1, HOME)] == ["I am now ", "I am back"]


@fair
def test_other_commands_in_the_comment_wait_during_a_pause(github, play, said):
    """Other commands in a comment with `/bot` wait during the pause."""
    play(github.comment(HOME, 1, "olga", "/bot pause"))
    play(github.comment(HOME, 1, "mallory", "/bot resume\n\n/ping"))
    assert [text.split()[0] for text in said(1, HOME)] == ["I", "Only"]
    play(github.comment(HOME, 1, "olga", "/bot resume"))
    assert "pong!" in said(1, HOME)


def test_others_are_served_while_an_organisation_rests(github, play, said):
    """A pause does not affect an organisation with a similar name."""
    play(github.comment(HOME, 1, "olga", "/bot pause"))
    play(github.merge_pull_request("snakes-too/trio", "bob"))
    assert len(said(1, "snakes-too/trio")) == 1


def test_an_issue_may_open_with_the_order(github, play, said, queue):
    """A new issue may contain the command."""
    play(github.open_issue(HOME, "olga", "Quiet", "/bot pause"))
    assert queue.standing().paused_parts == len(said(2, HOME)) == 1


@fair
@pytest.mark.parametrize("person", ["tom", "mallory"])
def test_non_owners_only_get_a_reply(github, play, said, queue, person):
    """Members and strangers get the reason, and nothing is paused."""
    play(github.comment(HOME, 1, person, "/bot pause"))
    assert said(1, HOME) == [
        "Only owners of **snakes** can pause or resume me. Please ask one of them.\n"
    ]
    assert queue.standing().paused_parts == 0


def test_former_owners_may_not_pause(github, play, queue):
    """Only current owners may pause."""
    play(github.comment(HOME, 1, "olga", "/bot pause"))
    github.leave("snakes", "olga")
    play(github.comment(HOME, 1, "olga", "/bot resume"))
    assert queue.standing().paused_parts == 1


@fair
def test_a_slip_of_the_pen_is_answered_with_what_can_be_written(github, play, said, queue):
    """A typo in the command gets a reply with the valid commands."""
    play(github.comment(HOME, 1, "olga", "/bot puase"))
    (answer,) = said(1, HOME)
    assert "`/bot pause`" in answer
    assert queue.standing().paused_parts == 0


@fair
@pytest.mark.parametrize(
    "text", ["> /bot pause", "`/bot pause`", "say /bot pause", "    /bot pause"]
)
def test_only_a_command_is_a_command(github, play, said, queue, text):
    """Quotes, code and sentences are not commands."""
    play(github.comment(HOME, 1, "olga", text))
    assert (said(1, HOME), queue.standing().paused_parts) == ([], 0)


@fair
def test_an_order_elsewhere_is_none(github, play, said, queue):
    """The command has no effect in another repository or on a pull request."""
    github.open_issue(TRIO, "olga")
    github.open_pull_request(HOME, "olga")
    play(github.comment(TRIO, 1, "olga", "/bot pause"))
    play(github.comment(HOME, 2, "olga", "/bot pause"))
    assert (said(1), said(2, HOME), queue.standing().paused_parts) == ([], [], 0)


def test_of_two_orders_the_later_one_counts_however_they_come_in(github, clock, play, queue, said):
    """The later command wins, in any order of delivery."""
    pause = github.comment(HOME, 1, "olga", "/bot pause")
    clock.advance(60)
    resume = github.comment(HOME, 1, "olga", "/bot resume")
    play(pause, resume)
    assert queue.standing().paused_parts == 0
    assert said(1, HOME)[-1].startswith("I am back, ")


def test_a_pause_outlives_the_process(github, play, queue, updater, worker, people, weather):
    """The next process is still paused."""
    play(github.comment(HOME, 1, "olga", "/bot pause"))
    assert queue.claim(["delivery", "action"], worker="next", lease_seconds=1.0) == []
    assert queue.standing().paused_parts == 1


@fair
def test_an_order_costs_one_question_and_one_comment(github, play):
    """A command costs one read and one comment."""
    play(github.comment(HOME, 1, "olga", "/bot resume"))
    before = len(github.calls)
    play(github.comment(HOME, 1, "olga", "/bot pause"))
    assert [call.method for call in github.calls[before:]] == ["GET", "POST"]


@pytest.mark.parametrize(
    "subject",
    [
        KeepIssue(about=f"settings {TRIO}", version="1", repository=TRIO, title="t", text="t").line(
            "elsewhere"
        ),
        *(
            reevaluation(
                Decision("conflicts", []), SimpleNamespace(**CAUSE, subject=subject), now=1.0
            ).subject
            for subject in (TRIO, f"{TRIO}#7", "snakes", f"{TRIO}/schedule")
        ),
    ],
)
def test_jobs_with_subjects_of_their_own_are_paused_too(queue, subject):
    """Complaints and repeated evaluations wait during a pause, whatever the case of the name."""
    queue.put(NewJob(queue="action", key="k", body=b"{}", run_at=0.0, subject=subject))
    queue.pause_part("Snakes")
    assert queue.claim(["action"], worker="w", lease_seconds=1.0) == []
