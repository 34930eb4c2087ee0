"""bot.store.board.Board: the same in the bot's database and on a real Parse Server."""

import time

import pytest

from bot.parse import ParseBoard, ParseClient
from bot.store.board import SqlBoard
from luggage.database import open_engine
from luggage.github import make_session
from tests.bot.conftest import HISTORIES
from tests.support.migrated import migrated


@pytest.fixture
def sql_board(tmp_path):
    """The board in the bot's database."""
    engine = open_engine(f"sqlite:///{tmp_path / 'bot.sqlite'}")
    migrated(engine, HISTORIES)
    yield SqlBoard(engine, clock=time.time)
    engine.dispose()


@pytest.fixture
def parse_board(parse):
    """The board on a Parse Server."""
    return ParseBoard(ParseClient(parse[0].application, make_session(), time.time))


@pytest.fixture(params=["sql", "parse"])
def board(request):
    """A board of either kind."""
    return request.getfixturevalue(f"{request.param}_board")


def test_a_line_that_is_left_is_the_first(board):
    """With its time, to the second at least."""
    before = time.time()
    board.say("one")
    board.say("two")
    newest, older = board.lines(2)
    assert (newest.text, older.text) == ("two", "one")
    assert before - 1 <= older.said_at <= newest.said_at <= time.time() + 1


def test_saying_it_twice_leaves_two_lines(board):
    """A line is not known by its text."""
    board.say("bored")
    board.say("bored")
    assert [line.text for line in board.lines(2)] == ["bored", "bored"]


def test_no_more_is_given_than_asked_for(board):
    """The newest, that is."""
    for number in range(5):
        board.say(str(number))
    assert [line.text for line in board.lines(3)] == ["4", "3", "2"]


@pytest.mark.parametrize(
    "text", ["Grüße, 世界 🎉", "<script>alert(1)</script>", 'a "quote" \\ $&', ""]
)
def test_any_text_comes_back_as_it_was(board, text):
    """Nothing is taken for markup or for an operator of a query."""
    board.say(text)
    assert board.lines(1)[0].text == text
