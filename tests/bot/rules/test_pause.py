"""`/bot pause` and `/bot resume`, as owners, members and strangers know them."""

import pytest

from tests.bot.rules.conftest import FAIR

fair = pytest.mark.parametrize("weather", [FAIR], indirect=True)
HOME, TRIO = "snakes/.github", "snakes/trio"


@pytest.fixture
def github(github):
    github.add_repository(HOME)
    github.add_member("snakes", "olga", role="admin")
    github.add_member("snakes", "tom")
    github.open_issue(HOME, "olga", "Quiet, please")
    return github


def test_while_paused_nothing_is_done_and_afterwards_all_of_it(github, play, said, queue):
    """An owner pauses; a newcomer's merge waits; the owner resumes, and the newcomer is invited."""
    play(github.comment(HOME, 1, "olga", "/bot pause"))
    (answer,) = said(1, HOME)
    assert answer.startswith("I am pausing: from now on I do nothing in **snakes**.")
    asked = len(github.calls)
    play(github.merge_pull_request(TRIO, "alice"))
    assert (said(1), len(github.calls), queue.standing().waiting) == ([], asked, 0)
    play(github.comment(HOME, 1, "olga", "/bot resume"))
    assert said(1, HOME)[1].startswith("I am back.")
    assert len(said(1)) == 1
    assert github.membership("snakes", "alice").state == "pending"


def test_the_same_issue_can_be_talked_in_while_paused(github, play, said):
    """What people say below the order waits, and does not keep the next order from being heard."""
    play(github.comment(HOME, 1, "olga", "/bot pause"))
    play(github.comment(HOME, 1, "tom", "/ping"))
    play(github.comment(HOME, 1, "olga", "/bot resume"))
    assert sorted(text.split(":")[0].split(".")[0] for text in said(1, HOME)) == [
        "I am back",
        "I am pausing",
        "pong!",
    ]


@fair
def test_what_stands_beside_an_order_waits_like_everything_else(github, play, said):
    """A text that looks like an order gets through; what other rules make of it does not."""
    play(github.comment(HOME, 1, "olga", "/bot pause"))
    play(github.comment(HOME, 1, "mallory", "/bot resume\n\n/ping"))
    assert [text.split()[0] for text in said(1, HOME)] == ["I", "Only"]
    play(github.comment(HOME, 1, "olga", "/bot resume"))
    assert "pong!" in said(1, HOME)


def test_others_are_served_while_an_organisation_rests(github, play, said):
    """A pause is for one organisation; an organisation whose name begins alike is another."""
    play(github.comment(HOME, 1, "olga", "/bot pause"))
    play(github.merge_pull_request("snakes-too/trio", "bob"))
    assert len(said(1, "snakes-too/trio")) == 1


def test_an_issue_may_open_with_the_order(github, play, said, queue):
    """The text of a new issue counts as a comment does."""
    play(github.open_issue(HOME, "olga", "Quiet", "/bot pause"))
    assert queue.standing().paused_parts == len(said(2, HOME)) == 1


@fair
@pytest.mark.parametrize("person", ["tom", "mallory"])
def test_who_is_no_owner_is_told_so(github, play, said, queue, person):
    """Members and strangers get a plain reason, and nothing is paused."""
    play(github.comment(HOME, 1, person, "/bot pause"))
    assert said(1, HOME) == [
        "Only owners of **snakes** can tell me to pause or to resume. Please ask one of them.\n"
    ]
    assert queue.standing().paused_parts == 0


def test_who_was_an_owner_once_is_none(github, play, queue):
    """What counts is what GitHub says now."""
    play(github.comment(HOME, 1, "olga", "/bot pause"))
    github.leave("snakes", "olga")
    play(github.comment(HOME, 1, "olga", "/bot resume"))
    assert queue.standing().paused_parts == 1


@fair
def test_a_slip_of_the_pen_is_answered_with_what_can_be_written(github, play, said, queue):
    """In an emergency, silence would be worst."""
    play(github.comment(HOME, 1, "olga", "/bot puase"))
    (answer,) = said(1, HOME)
    assert "`/bot pause`" in answer
    assert queue.standing().paused_parts == 0


@fair
@pytest.mark.parametrize(
    "text", ["> /bot pause", "`/bot pause`", "say /bot pause", "    /bot pause"]
)
def test_only_a_command_is_a_command(github, play, said, queue, text):
    """Quotes, code and sentences do nothing."""
    play(github.comment(HOME, 1, "olga", text))
    assert (said(1, HOME), queue.standing().paused_parts) == ([], 0)


@fair
def test_an_order_elsewhere_is_none(github, play, said, queue):
    """Neither in another repository, nor on a pull request at home."""
    github.open_issue(TRIO, "olga")
    github.open_pull_request(HOME, "olga")
    play(github.comment(TRIO, 1, "olga", "/bot pause"))
    play(github.comment(HOME, 2, "olga", "/bot pause"))
    assert (said(1), said(2, HOME), queue.standing().paused_parts) == ([], [], 0)


def test_of_two_orders_the_later_one_counts_however_they_come_in(github, clock, play, queue, said):
    """A pause that is delivered after the resumption that followed it does nothing."""
    pause = github.comment(HOME, 1, "olga", "/bot pause")
    clock.advance(60)
    resume = github.comment(HOME, 1, "olga", "/bot resume")
    play(pause, resume)
    assert queue.standing().paused_parts == 0
    assert said(1, HOME)[-1].startswith("I am back.")


def test_a_pause_outlives_the_process(github, play, queue, updater, worker, memory, weather):
    """It is in the database, where the next process finds it."""
    play(github.comment(HOME, 1, "olga", "/bot pause"))
    assert queue.claim(["delivery", "action"], worker="next", lease_seconds=1.0) == []
    assert queue.standing().paused_parts == 1


@fair
def test_an_order_costs_one_question_and_one_comment(github, play):
    """With the settings known: the owner is looked up, the answer is written."""
    play(github.comment(HOME, 1, "olga", "/bot resume"))
    before = len(github.calls)
    play(github.comment(HOME, 1, "olga", "/bot pause"))
    assert [call.method for call in github.calls[before:]] == ["GET", "POST"]
