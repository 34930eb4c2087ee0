"""The board on Parse Server: a bot publishes there, and survives its outages."""

import dataclasses
import re
import signal
import time

import pytest
import requests

from bot.loop.periodic.publish import (
    ARRIVAL_SECONDS,
    SEND_SECONDS,
    Lines,
    MoodShown,
    Outbox,
    Part,
    Publisher,
)
from bot.parse import BoardAway, ParseBoard, ParseClient, ParseMood
from bot.store.board import Mood, SqlBoard
from bot_deploy.config import load
from bot_deploy.wiring.parts import open_parts
from luggage.database import migrate, open_engine
from luggage.fake_github import FakeGithub
from luggage.github import make_session
from tests.bot.conftest import HISTORIES
from tests.support.running import running, until

REPO = "snake-charmers/terrarium"
SILENT = re.compile(
    r'has not responded since <time datetime="20\d\d-.*<span>before</span>', re.DOTALL
)


@pytest.fixture
def github():
    return FakeGithub()


@pytest.fixture
def store(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'bot.sqlite'}")
    migrate(engine, HISTORIES, log=lambda _: None)
    yield engine
    engine.dispose()


@pytest.fixture
def board(store, clock):
    return SqlBoard(store, clock=clock)


@pytest.fixture
def settings(github, parse):
    """The environment of a bot with a board on two applications."""
    lines, mood = (server.application for server in parse)
    with github.serve() as server:
        yield {
            "GITHUB_APP_ID": str(github.app_id),
            "GITHUB_PRIVATE_KEY": github.private_key,
            "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
            "GITHUB_API_URL": server.url,
            "BOT_BOARD": "parse",
            "PARSE_LINES_URL": lines.url,
            "PARSE_LINES_APPLICATION_ID": lines.application_id,
            "PARSE_LINES_REST_KEY": lines.rest_key,
            "PARSE_MOOD_URL": mood.url,
            "PARSE_MOOD_APPLICATION_ID": mood.application_id,
            "PARSE_MOOD_REST_KEY": mood.rest_key,
        }


def say(settings, data, text):
    """Add a line, as the loop and `pause` do."""
    with open_parts(load({**settings, "BOT_DATA": str(data)})) as parts:
        SqlBoard(parts.engine, clock=time.time).say(text)


def texts(server, *wanted):
    """The texts of the lines on the server, in order."""
    return [line["status"] for line in server.objects("lines") if line["status"] in wanted]


def mood_of(server):
    """The mood on the server, as boredbot's page reads it."""
    return next((each["feeling"] for each in server.objects("current")), None)


def page(bot):
    return requests.get(bot.url, timeout=10).text


@pytest.fixture
def frozen(parse):
    """Make the servers accept connections without answering, until the test ends."""
    yield lambda: [server.process.send_signal(signal.SIGSTOP) for server in parse]
    for server in parse:
        server.process.send_signal(signal.SIGCONT)


def test_a_bot_publishes_on_parse_and_outlives_it(settings, parse, frozen, github, tmp_path):
    """Lines and mood arrive; when the servers hang, the rest works, and the page says so."""
    lines, mood = parse
    with running(tmp_path, settings) as bot:
        bot.wait_until_ready()
        say(settings, tmp_path, "before")
        until(lambda: texts(lines, "before"), "the first line is on Parse")
        until(lambda: mood_of(mood) in {"bored", "busy"}, "the mood is on Parse")
        until(lambda: "before" in page(bot), "the page shows it")

        frozen()
        happening = github.merge_pull_request(REPO, "alice")
        assert github.deliver(*happening, to=bot.hook) == 202
        until(lambda: github.comments(REPO, 1), "the bot does its work meanwhile")
        until(lambda: SILENT.search(page(bot)), "the page says since when, and what it saw last")
        assert bot.is_ready()
    assert "rest-key" not in bot.output


@pytest.fixture
def publish(parse, store, clock):
    """A publisher on the real servers with the test's clock."""
    lines, mood = (ParseClient(server.application, make_session(), clock) for server in parse)
    bring = Lines(Outbox(store, clock), ParseBoard(lines), clock)
    show = MoodShown(lambda: Mood.WORRIED, ParseMood(mood), clock)
    return Publisher([Part("lines", bring, clock), Part("mood", show, clock)])


def test_missed_lines_arrive_once_and_in_order(parse, publish, board, clock):
    """After a restart of the server the newest lines arrive from the database."""
    lines, mood = parse
    said = [f"{word} at {clock()}" for word in ("before", "meanwhile", "and again")]
    board.say(said[0])
    publish()
    lines.end()
    for text in said[1:]:
        board.say(text)
    publish()
    lines.begin()
    lines.wait()
    assert texts(lines, *said) == said[:1]
    for _ in range(3):
        clock.advance(SEND_SECONDS + ARRIVAL_SECONDS + 1)
        publish()
    assert texts(lines, *said) == said
    assert mood.objects("current")[0]["feeling"] == "worried"


def test_a_key_that_is_not_good_is_reported_in_the_servers_words(parse):
    """The error is Parse Server's, without the key."""
    application = dataclasses.replace(parse[0].application, rest_key="not the key")
    board = ParseBoard(ParseClient(application, make_session(), time.time))
    with pytest.raises(BoardAway, match=r"refused the request \(403: unauthorized\)"):
        board.lines()


def test_a_mood_is_one_object(parse):
    """There is one mood object, however often it changes, as boredbot's page requires."""
    mood = ParseMood(ParseClient(parse[1].application, make_session(), time.time))
    for each in (Mood.BUSY, Mood.WORRIED, Mood.BORED):
        mood.feel(each, not_after=time.time() + 60)
        assert mood.felt() == each.value
    assert len(parse[1].objects("current")) == 1
