"""bot.web.cached_board: the page shows the last known state of an external board, at once."""

import threading

import pytest

from bot.parse import BoardAway
from bot.store.board import Line
from bot.web.cached_board import FRESH_SECONDS, BoardView, CachedBoard


class Elsewhere:
    """A board that answers, fails or hangs as told."""

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
def glance(elsewhere, board, clock):
    board.say("ours")
    return CachedBoard(elsewhere, board, clock=clock)


def later(glance, clock):
    """What is shown after the next look."""
    clock.advance(FRESH_SECONDS + 1)
    glance()
    glance.wait()
    return glance()


def test_the_first_visitor_sees_the_board(glance):
    """It is waited for, once."""
    assert glance() == BoardView([Line(1.0, "theirs")])


def test_many_visitors_are_one_look(glance, elsewhere, clock):
    """Within some seconds nobody looks again; then the page changes."""
    glance()
    elsewhere.say("new")
    for _ in range(5):
        assert len(glance().lines) == 1
    assert elsewhere.looks == 1
    assert [line.text for line in later(glance, clock).lines] == ["theirs", "new"]


@pytest.mark.parametrize("error", [BoardAway("refused"), ZeroDivisionError()])
def test_a_board_that_does_not_answer_is_told_with_what_was_seen_last(
    glance, elsewhere, clock, error
):
    """Since the first look in vain; when it is back, that is forgotten."""
    glance()
    elsewhere.error = error
    shown = later(glance, clock)
    since = clock()
    assert shown == BoardView([Line(1.0, "theirs")], since)
    assert later(glance, clock).silent_since == since
    elsewhere.error = None
    assert later(glance, clock).silent_since is None


def test_a_board_that_was_never_seen_is_made_up_for_by_our_own_lines(glance, elsewhere):
    """A web process that is started while the server is down has the database."""
    elsewhere.error = BoardAway("refused")
    shown = glance()
    assert ([line.text for line in shown.lines], shown.silent_since) == (["ours"], glance._clock())


def test_nobody_waits_for_a_board_that_hangs(glance, elsewhere, clock):
    """One thread hangs with it, and no visitor sets another to it."""
    glance()
    elsewhere.hangs.clear()
    for _ in range(5):
        clock.advance(FRESH_SECONDS + 1)
        assert glance().lines == [Line(1.0, "theirs")]
    assert elsewhere.looks == 2
