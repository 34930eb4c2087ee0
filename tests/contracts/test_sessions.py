"""Sessions and sign-in links, on either database: stored as hashes, with a lifetime."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

import bot.store.tables
from bot.store.tables import console_link, console_session
from bot.web.sessions import IDLE_SECONDS, LINK_SECONDS, LONGEST_SECONDS, Sessions
from luggage.database import History
from tests.support.migrated import migrated

BOT = History("bot", "bot.store.migrations", bot.store.tables.metadata)


@pytest.fixture
def store(empty_engine):
    """A database of each kind with the bot's tables."""
    migrated(empty_engine, [BOT])
    return empty_engine


@pytest.fixture
def sessions(store, clock):
    return Sessions(store, clock=clock)


def test_a_session_is_found_by_its_token(sessions):
    """Any process that shares the database finds the session."""
    session = sessions.begin("olga")
    assert sessions.find(session.token).who == "olga"
    assert sessions.find("another") is None


def test_the_database_does_not_hold_tokens(sessions, store):
    """It keeps hashes only, so a stolen backup cannot sign in."""
    tokens = [sessions.begin("olga").token, sessions.make_link()]
    with store.connect() as connection:
        rows = [
            *connection.execute(select(console_session)),
            *connection.execute(select(console_link)),
        ]
    assert not any(token in str(rows) for token in tokens)


def test_a_token_is_not_shown(sessions):
    """Its repr does not leak it into a log or a crash report."""
    session = sessions.begin("olga")
    assert session.token not in repr(session)


def test_a_session_in_use_ends_after_eight_hours(sessions, clock):
    """An active user signs in again once in a working day."""
    token = sessions.begin("olga").token
    ends_at = clock() + LONGEST_SECONDS
    while clock() + IDLE_SECONDS / 2 < ends_at:
        clock.advance(IDLE_SECONDS / 2)
        assert sessions.find(token)
    clock.advance(ends_at - clock())
    assert sessions.find(token) is None


def test_a_session_that_is_left_alone_ends_after_an_hour(sessions, clock):
    """A browser that was left open cannot be used for long."""
    token = sessions.begin("olga").token
    clock.advance(IDLE_SECONDS)
    assert sessions.find(token) is None


def test_sessions_that_are_over_are_forgotten(sessions, clock, store):
    """The table does not grow."""
    sessions.begin("olga")
    clock.advance(LONGEST_SECONDS)
    sessions.begin("ida")
    with store.connect() as connection:
        assert [row.who for row in connection.execute(select(console_session))] == ["ida"]


def test_signing_out_is_final(sessions):
    """The token no longer works, and signing out again does no harm."""
    session = sessions.begin("olga")
    sessions.end(session)
    sessions.end(session)
    assert sessions.find(session.token) is None


def test_a_form_belongs_to_its_session(sessions):
    """A token of another session's form, or an invalid token, is refused."""
    mine, other = sessions.begin("olga"), sessions.begin("eve")
    assert mine.sent(mine.form_token)
    assert not mine.sent(other.form_token)
    assert not mine.sent("")
    assert not mine.sent("ü")
    assert mine.token not in mine.form_token


def test_a_link_is_good_once(sessions):
    """The second use is refused."""
    token = sessions.make_link()
    assert sessions.use_link(token)
    assert not sessions.use_link(token)


def test_a_link_is_good_once_under_concurrency(sessions):
    """Of several concurrent uses one succeeds."""
    token = sessions.make_link()
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: sessions.use_link(token), range(4))) == 1


def test_a_link_is_good_for_ten_minutes(sessions, clock, store):
    """A later use is refused, and the next link replaces it."""
    token = sessions.make_link()
    clock.advance(LINK_SECONDS)
    assert not sessions.use_link(token)
    sessions.make_link()
    with store.connect() as connection:
        assert len(connection.execute(select(console_link)).all()) == 1


def test_a_made_up_link_is_refused(sessions):
    """No invented text signs in."""
    assert not sessions.use_link("\ud800")
    assert not sessions.use_link("")
