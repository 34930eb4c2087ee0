"""Tests of bot.store.board."""

import pytest

from bot.store.board import ASLEEP_AFTER_SECONDS, KEPT_LINES, Feeling, Line, Mood, feeling
from luggage.jobs import Standing

NOW = 1_000_000.0


@pytest.mark.parametrize("beat_at", [None, NOW - ASLEEP_AFTER_SECONDS - 1])
def test_without_a_beat_the_bot_is_asleep(beat_at):
    """A missing heartbeat comes before all other moods."""
    feels = feeling(Standing(waiting=1, retrying=1, dead=1), beat_at=beat_at, now=NOW)
    assert feels == Feeling(Mood.ASLEEP, "no heartbeat from the loop")


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (
            Standing(waiting=3, retrying=1, dead=2),
            Feeling(Mood.WORRIED, "2 jobs failed"),
        ),
        (
            Standing(waiting=3, retrying=1, dead=0),
            Feeling(Mood.WORRIED, "one job will be retried"),
        ),
        (Standing(waiting=3, retrying=0, dead=0), Feeling(Mood.BUSY, "3 jobs in progress")),
        (Standing(waiting=0, retrying=0, dead=0), Feeling(Mood.BORED, "nothing to do")),
        (
            Standing(waiting=0, retrying=0, dead=0, paused_parts=1),
            Feeling(Mood.BORED, "nothing to do; paused for one organisation"),
        ),
        (
            Standing(waiting=1, retrying=0, dead=0, paused_parts=2),
            Feeling(Mood.BUSY, "one job in progress; paused for 2 organisations"),
        ),
    ],
)
def test_the_mood_follows_from_the_queue(standing, expected):
    """The most serious state decides the mood and its reason."""
    assert feeling(standing, beat_at=NOW - 1, now=NOW) == expected


@pytest.mark.parametrize(
    ("hours", "mood"), [(None, Mood.BORED), (5, Mood.BORED), (7, Mood.WORRIED), (80, Mood.WORRIED)]
)
def test_a_bot_that_cannot_see_what_it_has_missed_is_worried(hours, mood):
    """After six hours without a full recovery, the bot is worried."""
    caught_up_at = None if hours is None else NOW - hours * 3600
    standing = Standing(waiting=0, retrying=0, dead=0)
    feels = feeling(standing, beat_at=NOW, now=NOW, caught_up_at=caught_up_at)
    assert feels.mood == mood
    assert mood == Mood.BORED or f"for {hours} hours" in feels.reason


def test_a_paused_bot_is_asleep_by_order():
    """A pause comes before waiting and failed jobs."""
    standing = Standing(waiting=1, retrying=1, dead=1, paused=True)
    expected = Feeling(Mood.ASLEEP, "paused by hand")
    assert feeling(standing, beat_at=NOW - 1, now=NOW) == expected


def test_lines_come_newest_first_with_their_time(board, clock):
    """`lines` returns the newest lines first, with their times."""
    first_at = clock()
    board.say("one")
    clock.advance(5)
    board.say("two")
    assert board.lines() == [Line(first_at + 5, "two"), Line(first_at, "one")]


def test_only_the_newest_lines_are_kept(board):
    """`say` deletes old lines."""
    for number in range(KEPT_LINES + 5):
        board.say(str(number))
    lines = board.lines(limit=KEPT_LINES * 2)
    assert len(lines) == KEPT_LINES
    assert lines[-1].text == "5"


def test_a_new_board_has_never_caught_up(board):
    """A new board has no time of a full recovery."""
    assert board.caught_up_at() is None


def test_the_last_beat_is_that_of_the_liveliest_loop(board, clock):
    """The latest heartbeat of all loops counts, and repeating one is safe."""
    assert board.last_beat_at() is None
    board.beat("one")
    clock.advance(10)
    board.beat("two")
    board.beat("two")
    clock.advance(1)
    assert board.last_beat_at() == clock() - 1
