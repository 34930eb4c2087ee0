"""docs/answers.md is what the bot does: every request has a row, and a part is tried each time.

`python -m tests.sweep` tries all of it.
"""

import logging

import pytest

from tests.sweep import page, play
from tests.sweep.answers import REPLIES
from tests.sweep.judge import Verdict
from tests.sweep.known import KNOWN

pytestmark = pytest.mark.xdist_group("sweep")

TEXT = page.PAGE.read_text()
OUTCOMES = page.matrix_of(TEXT)
# One answer for each request; the next row has another one, so that each is among them.
STRIDE = 7
SAMPLE = {
    place: list(REPLIES)[STRIDE * row % len(REPLIES)]
    for row, place in enumerate(page.places_of(TEXT))
}


@pytest.fixture(autouse=True)
def _quiet():
    """A sweep is all warnings."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_every_request_has_a_row():
    """A new request of the bot needs its row: run `python -m tests.sweep`."""
    assert page.places_of(TEXT) == list(play.places())


def test_the_page_is_the_one_that_the_program_writes():
    """Nobody edits the table by hand; nor does it keep a fault that is known no more."""
    assert page.written(TEXT, OUTCOMES) == TEXT


@pytest.mark.parametrize("place", SAMPLE, ids=lambda place: f"{place.maker} {place}")
def test_what_the_page_says_of_a_request_is_true(place):
    """One answer to each request leads to what the page says, or to a fault that is known."""
    reply = SAMPLE[place]
    verdict = play.verdict(place, reply)
    assert (reply, verdict.outcome) == (reply, OUTCOMES[place, reply])
    assert page.is_known(place, reply, verdict), f"{reply}: {verdict}"


def test_each_answer_is_among_the_sampled():
    """Each row of the table of answers is tried somewhere."""
    assert set(SAMPLE.values()) == set(REPLIES)


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known.maker} {known.request}")
def test_a_known_fault_is_still_there(known):
    """A fault that somebody mended leaves the table of known faults."""
    (place,) = [each for each in play.places() if known.covers_place(each)]
    verdicts = {reply: play.verdict(place, reply) for reply in known.replies[:1]}
    assert all(known.wrong in each.wrong for each in verdicts.values()), verdicts


def test_the_judge_sees_what_is_said_twice(monkeypatch):
    """A bot that never looks for its comment before it repeats it is found out."""
    monkeypatch.setattr("bot.actions.write_once.search", lambda _text, _work: None)
    place = next(
        each for each in play.places() if (each.maker, each.method) == ("ping: comment", "POST")
    )
    verdict = play.verdict(place, "502 after")
    assert "said twice" in verdict.wrong


def test_a_verdict_in_words_names_what_is_wrong():
    """The words of a verdict have the outcome, and the fault where there is one."""
    assert str(Verdict("done")) == "done"
    assert str(Verdict("done", "said twice")) == "done: said twice"
