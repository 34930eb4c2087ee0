"""bot.store.board.Board, in the bot's database and on a real Parse Server."""

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
    """A board of each kind."""
    return request.getfixturevalue(f"{request.param}_board")


def test_a_new_line_comes_first(board):
    """It has its time, to the second at least."""
    before = time.time()
    board.say("one")
    board.say("two")
    newest, older = board.lines(2)
    assert (newest.text, older.text) == ("two", "one")
    assert before - 1 <= older.said_at <= newest.said_at <= time.time() + 1


def test_saying_it_twice_leaves_two_lines(board):
    """Two lines may have the same text."""
    board.say("bored")
    board.say("bored")
    assert [line.text for line in board.lines(2)] == ["bored", "bored"]


def test_a_limit_returns_the_newest_lines(board):
    """No more lines than the limit come back, the newest first."""
    for number in range(5):
        board.say(str(number))
    assert [line.text for line in board.lines(3)] == ["4", "3", "2"]


@pytest.mark.parametrize(
    "text", ["Grüße, 世界 🎉", "<script>alert(1)</script>", 'a "quote" \\ $&', ""]
)
def test_any_text_comes_back_as_it_was(board, text):
    """No text is taken for markup or for a query operator."""
    board.say(text)
    assert board.lines(1)[0].text == text
