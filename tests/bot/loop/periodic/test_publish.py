"""bot.loop.periodic.publish: each line reaches the remote board once."""

import logging

import pytest

from bot.loop.periodic.publish import (
    ARRIVAL_SECONDS,
    PAUSE_SECONDS,
    SEND_SECONDS,
    Lines,
    MoodShown,
    Outbox,
    Part,
    Publisher,
)
from bot.parse import BoardAway
from bot.store.board import KEPT_LINES, Mood
from luggage.telemetry.meter import Meter


class Elsewhere:
    """A board in memory; planned calls fail, before or after they take effect."""

    def __init__(self, clock):
        self.clock = clock
        self.there = []
        self.fails = []
        self.asked = []
        self.meanwhile = lambda: None

    def add(self, line, uid, *, not_after):
        self.meanwhile()
        if self.clock() > not_after:
            raise BoardAway("it is too late to send it")
        how = self.fails.pop(0) if self.fails else ""
        if how != "before":
            self.there.append((line.text, uid))
        if how:
            raise BoardAway("no answer")

    def has(self, uid):
        self.asked.append(uid)
        if self.fails and self.fails[0] == "look":
            self.fails.pop(0)
            raise BoardAway("no answer")
        return any(uid == known for _, known in self.there)

    @property
    def texts(self):
        return [text for text, _ in self.there]


@pytest.fixture
def elsewhere(clock):
    return Elsewhere(clock)


@pytest.fixture
def outbox(store, clock):
    return Outbox(store, clock)


@pytest.fixture
def lines(outbox, elsewhere, clock):
    return Lines(outbox, elsewhere, clock)


def test_lines_go_in_their_order_and_once(board, lines, elsewhere, outbox):
    """A second run finds nothing to send."""
    for text in ("one", "two"):
        board.say(text)
    lines()
    lines()
    assert elsewhere.texts == ["one", "two"]
    assert outbox.pending() == []


@pytest.mark.parametrize("how", ["before", "after"])
def test_an_unknown_end_is_looked_up_when_it_can_be_known(board, lines, elsewhere, clock, how):
    """Whatever the server did, the line appears once, before the next one."""
    board.say("one")
    board.say("two")
    elsewhere.fails = [how]
    with pytest.raises(BoardAway):
        lines()
    clock.advance(SEND_SECONDS + ARRIVAL_SECONDS - 1)
    lines()
    assert elsewhere.asked == []
    assert "two" not in elsewhere.texts
    clock.advance(2)
    lines()
    assert elsewhere.texts == ["one", "two"]


def test_a_look_that_fails_is_not_absence(board, lines, elsewhere, clock):
    """A failed lookup does not count as absence: the line is not sent again."""
    board.say("one")
    elsewhere.fails = ["after", "look"]
    for _ in range(2):
        with pytest.raises(BoardAway):
            lines()
        clock.advance(SEND_SECONDS + ARRIVAL_SECONDS + 1)
    lines()
    assert elsewhere.texts == ["one"]


def test_a_publisher_that_was_stopped_after_its_note_is_too_late(board, lines, elsewhere, clock):
    """Another publisher has found nothing and sent the line meanwhile."""
    board.say("one")
    other = Lines(lines.outbox, elsewhere, clock)

    def stopped():
        elsewhere.meanwhile = lambda: None
        clock.advance(SEND_SECONDS + ARRIVAL_SECONDS + 1)
        other()

    elsewhere.meanwhile = stopped
    with pytest.raises(BoardAway, match="too late"):
        lines()
    lines()
    assert elsewhere.texts == ["one"]


def test_of_two_publishers_one_sends(board, lines, outbox, elsewhere):
    """Two publishers read the same line; only the first may send it."""
    board.say("one")
    read_before = outbox.pending()

    class Late(Outbox):
        def pending(self):
            return read_before

    lines()
    Lines(Late(outbox.engine, outbox.clock), elsewhere, outbox.clock)()
    assert elsewhere.texts == ["one"]


def test_at_most_a_hundred_lines_wait(board, lines, elsewhere):
    """Only the newest hundred lines wait for a server that was long away."""
    for number in range(KEPT_LINES + 20):
        board.say(str(number))
    lines()
    assert elsewhere.texts == [str(number) for number in range(20, KEPT_LINES + 20)]


class Face:
    """A remote mood that fails as planned."""

    def __init__(self, shown=None):
        self.shown = shown
        self.changes = []
        self.fails = 0

    def felt(self):
        return self.shown

    def feel(self, mood, *, not_after):
        if self.fails:
            self.fails -= 1
            raise BoardAway("no answer")
        self.shown = mood.value
        self.changes.append(mood.value)


def test_the_mood_is_shown_when_it_changes(clock):
    """The mood is sent when it changes, not when another process already showed it."""
    face, moods = Face("bored"), iter([Mood.BORED, Mood.BUSY, Mood.BUSY, Mood.BORED])
    shown = MoodShown(lambda: next(moods), face, clock)
    for _ in range(4):
        shown()
    assert face.changes == ["busy", "bored"]


def test_a_mood_that_did_not_arrive_is_shown_later(clock):
    """After a failure the publisher asks for the mood again."""
    face = Face()
    face.fails = 1
    shown = MoodShown(lambda: Mood.BUSY, face, clock)
    with pytest.raises(BoardAway):
        shown()
    shown()
    shown()
    assert face.changes == ["busy"]


def test_one_server_that_is_down_does_not_stop_the_other(board, lines, elsewhere, clock, caplog):
    """A failing server is paused, logged once and counted; its return is logged."""
    caplog.set_level(logging.INFO)
    meter, face = Meter(), Face()
    face.fails = 3
    mood = MoodShown(lambda: Mood.BUSY, face, clock)
    publish = Publisher([Part("mood", mood, clock, meter), Part("lines", lines, clock, meter)])
    board.say("one")
    for _ in range(5):
        publish()
        publish()
        clock.advance(PAUSE_SECONDS + 1)
    assert (elsewhere.texts, face.changes) == (["one"], ["busy"])
    assert caplog.messages == [
        "mood: no answer; retrying until it works",
        "mood: the board's server is back",
    ]
    assert meter.take().added == {("portmanteau_board_failures_total", ()): 3.0}


def test_a_bug_in_one_part_does_not_stop_the_other(clock):
    """Whatever one part raises, the other runs."""
    ran = []

    def bug():
        raise TypeError("a bug")

    parts = [Part("lines", bug, clock), Part("mood", lambda: ran.append(1), clock)]
    with pytest.raises(ExceptionGroup):
        Publisher(parts)()
    assert ran == [1]
