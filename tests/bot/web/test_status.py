"""Tests of the status page."""

import json

import pytest
from flask import Blueprint, Flask
from sqlalchemy import text

from bot.store.board import Mood
from bot.store.enqueue import job_of
from bot.store.recovery import QueueInbox
from bot.store.refusals import Refusals
from bot.web.shared import set_up_pages
from bot.web.status import CACHED_SECONDS, Cached, Receiving, Status, add_status, receiving
from luggage.github import Delivery, Suspended
from tests.support.clock import FakeClock


@pytest.fixture
def status(queue, board, clock):
    return Status("test-bot", queue, board, clock=clock)


@pytest.fixture
def page(status, clock):
    """Request the page."""
    pages = Blueprint("bot", "bot.web.app", template_folder="templates", static_folder="static")
    set_up_pages(pages, clock)
    add_status(pages, status)
    app = Flask("bot", static_folder=None)
    app.register_blueprint(pages)
    return lambda: app.test_client().get("/")


def test_the_page_says_that_github_sends_deliveries(page, board):
    """With a webhook there is a sentence, and no warning."""
    board.beat("loop")
    shown = page().text
    assert "GitHub sends me its deliveries" in shown
    assert "I could not fetch any" not in shown


def test_the_page_says_that_deliveries_are_fetched():
    """It says how often, and that it works."""
    assert receiving(5.0, looked_at=100.0, now=160.0) == Receiving(
        "I fetch deliveries from GitHub every 5 seconds."
    )
    assert receiving(5.0, looked_at=None, now=160.0).failing_since is None


def test_the_page_warns_when_no_delivery_can_be_fetched(queue, board, clock, store):
    """After some minutes without a look it says since when, and what the operator can do."""
    inbox = QueueInbox(engine=store, queue=queue, clock=clock, settle_seconds=0.0)
    inbox.begin()
    clock.advance(301.0)
    board.beat("loop")
    app = Flask("bot", static_folder=None)
    pages = Blueprint("bot", "bot.web.app", template_folder="templates", static_folder="static")
    set_up_pages(pages, clock)
    add_status(pages, Status("test-bot", queue, board, clock=clock, poll_seconds=5.0))
    app.register_blueprint(pages)
    shown = app.test_client().get("/").text
    assert "I fetch deliveries from GitHub every 5 seconds." in shown
    assert "I could not fetch any since" in shown
    assert "doctor" in shown


def test_expensive_values_are_cached():
    """Values are cached for a while, errors are not."""
    clock, made = FakeClock(), []

    def make():
        made.append(clock())
        if len(made) == 2:
            raise OSError("away")
        return len(made)

    remembered = Cached(make, CACHED_SECONDS, clock)
    assert [remembered(), remembered()] == [1, 1]
    clock.advance(CACHED_SECONDS)
    with pytest.raises(OSError, match="away"):
        remembered()
    assert remembered() == 3
    clock.advance(-3600)
    assert remembered() == 4


def test_the_last_day_is_drawn_and_written(page, github, queue, clock, settled):
    """The last day appears as a chart, in words and as a table."""
    put(queue, clock, github.open_issue("snakes/trio", "ida", "Hello", "/ping"))
    settled()
    shown = page().text
    assert "1 delivery and 2 actions in 24 hours." in shown
    assert shown.count('<rect class="deliveries"') == 1
    assert "I wrote a comment on snakes/trio#1" in shown
    assert "<th scope" in shown


def test_private_repositories_are_only_counted(page, github, queue, clock, settled):
    """Private repositories only count, and people are never named."""
    github.add_repository("snakes/secret", private=True)
    put(queue, clock, github.open_issue("snakes/secret", "ida", "Hello", "/ping"))
    settled()
    shown = page().text
    assert "2 actions in" in shown
    assert "secret" not in shown
    assert "ida" not in shown
    assert "Nothing to report." in shown


def test_an_empty_day_is_a_page_too(page, board):
    """A new bot has a status page."""
    board.beat("loop")
    answer = page()
    assert answer.status_code == 200
    assert "The board is empty." in answer.text


def test_the_face_shows_the_mood(page, board):
    """The face shows the mood."""
    assert 'class="face asleep"' in page().text
    board.beat("loop")
    assert 'class="face bored"' in page().text


def test_without_the_database_the_page_says_so(page, store):
    """Without the database, the page is a 503."""
    with store.begin() as connection:
        connection.execute(text("DROP TABLE board_line"))
    answer = page()
    assert answer.status_code == 503
    assert f'class="face {Mood.WORRIED}"' in answer.text
    assert "my database does not respond" in answer.text


def put(queue, clock, happening):
    """Store a delivery as the webhook does."""
    event, payload = happening
    delivery = Delivery("guid-1", event, payload)
    queue.put(job_of(delivery, json.dumps(payload).encode(), run_at=clock()))


def test_refusals_are_counted_and_not_named(page, store, clock, board):
    """The page says in plain words what GitHub refuses, and names no organisation."""
    board.beat("loop")
    Refusals(store, clock=clock).heard(
        7, "secretive", Suspended("x", method="GET", path="/x", status=403)
    )
    shown = page().text
    assert "nothing to do. I am suspended in one organisation; an owner can change that." in shown
    assert "secretive" not in shown
