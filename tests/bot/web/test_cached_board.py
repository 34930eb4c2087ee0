"""Tests of bot.web.cached_board."""

import threading

import pytest

from bot.parse import BoardAway
from bot.store.board import Line
from bot.web.cached_board import FRESH_SECONDS, BoardView, CachedBoard


class Elsewhere:
    """A board that responds, fails or hangs."""

    def __init__(self):
        self.now = [Line(1.0, "theirs")]
        self.hangs = threading.Event()
        self.hangs.set()
        self.error = None
        self.looks = 0

    def say(self, text):
        self.now.append(Line(2.0, text))

    def lines(self, limit=20):
        self.looks += 1
        assert self.hangs.wait(30)
        if self.error is not None:
            raise self.error
        return list(self.now)


@pytest.fixture
def elsewhere():
    board = Elsewhere()
    yield board
    board.hangs.set()


@pytest.fixture
def cached_board(elsewhere, board, clock):
    board.say("ours")
    return CachedBoard(elsewhere, board, clock=clock)


def later(cached_board, clock):
    """The view after the next refresh."""
    clock.advance(FRESH_SECONDS + 1)
    cached_board()
    cached_board.wait()
    return cached_board()


def test_the_first_visitor_sees_the_board(cached_board):
    """The first view waits for the board."""
    assert cached_board() == BoardView([Line(1.0, "theirs")])


def test_many_visitors_are_one_look(cached_board, elsewhere, clock):
    """A refresh runs at most every FRESH_SECONDS."""
    cached_board()
    elsewhere.say("new")
    for _ in range(5):
        assert len(cached_board().lines) == 1
    assert elsewhere.looks == 1
    assert [line.text for line in later(cached_board, clock).lines] == ["theirs", "new"]


@pytest.mark.parametrize("error", [BoardAway("refused"), ZeroDivisionError()])
def test_a_board_that_does_not_answer_is_reported_with_what_was_seen_last(
    cached_board, elsewhere, clock, error
):
    """A failed refresh keeps the lines and sets `silent_since`."""
    cached_board()
    elsewhere.error = error
    shown = later(cached_board, clock)
    since = clock()
    assert shown == BoardView([Line(1.0, "theirs")], since)
    assert later(cached_board, clock).silent_since == since
    elsewhere.error = None
    assert later(cached_board, clock).silent_since is None


def test_a_board_that_was_never_seen_is_made_up_for_by_our_own_lines(cached_board, elsewhere):
    """Without a successful refresh, the view shows our own lines."""
    elsewhere.error = BoardAway("refused")
    shown = cached_board()
    assert ([line.text for line in shown.lines], shown.silent_since) == (
        ["ours"],
        cached_board._clock(),
    )


def test_nobody_waits_for_a_board_that_hangs(cached_board, elsewhere, clock):
    """A hanging refresh blocks no view, and no second one starts."""
    cached_board()
    elsewhere.hangs.clear()
    for _ in range(5):
        clock.advance(FRESH_SECONDS + 1)
        assert cached_board().lines == [Line(1.0, "theirs")]
    assert elsewhere.looks == 2
