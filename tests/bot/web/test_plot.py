"""Tests of bot.web.plot."""

import pytest

from bot.operations.history.records import Hour
from bot.web.plot import HEIGHT, WIDTH, plot


def day(*numbers):
    """Hours from midnight on, with this many deliveries each, and half as many actions."""
    return [Hour(since=i * 3600.0, deliveries=n, actions=n // 2) for i, n in enumerate(numbers)]


def test_each_hour_has_its_two_bars_inside_the_drawing():
    """Each hour has two bars inside the chart, or none."""
    drawn = plot(day(0, 4, 10))
    heights = [round(bar.height) for bar in drawn.bars]
    assert [bar.kind for bar in drawn.bars] == ["deliveries", "actions"] * 3
    assert heights == [0, 0, 45, 22, 112, 56]
    for bar in drawn.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH
        assert 0 <= bar.y <= bar.y + bar.height <= HEIGHT


def test_one_of_ten_thousand_is_seen():
    """A bar has a minimum height."""
    assert plot(day(1, 10_000)).bars[0].height >= 2


@pytest.mark.parametrize(
    ("number", "most"), [(0, 1), (1, 1), (3, 5), (10, 10), (11, 20), (4999, 5000)]
)
def test_the_line_on_top_is_a_number_that_is_read_at_a_glance(number, most):
    """The top line is a round number: 1, 2, 5, 10, 20, 50."""
    assert plot(day(number)).most == most


def test_the_hours_are_written_every_six():
    """Every sixth hour has a label in UTC."""
    assert [label.text for label in plot(day(*[1] * 24)).labels] == [
        "00:00",
        "06:00",
        "12:00",
        "18:00",
    ]


def test_the_chart_has_a_description_in_words():
    """The chart has a description in words."""
    assert plot(day(1, 1)).words == "2 deliveries and 0 actions in 2 hours."
    assert "1 delivery and" in plot(day(1)).words


@pytest.mark.parametrize("first", range(24))
def test_no_label_leaves_the_drawing(first):
    """A label of 22 units a letter, as a narrow window draws it, stays inside at any hour."""
    hours = [Hour(since=(first + i) * 3600.0, deliveries=1, actions=1) for i in range(24)]
    places = [label.x for label in plot(hours).labels]
    assert len(places) == 4
    assert all(36 <= x <= WIDTH - 36 for x in places)
