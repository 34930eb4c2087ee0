"""Tests of the time formats of pages."""

import pytest

from bot.web import shared as pages


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (86_400, "1 d"), (200_000, "2 d")],
)
def test_a_length_of_time_is_reported_in_the_largest_unit(seconds, words):
    """A duration has one number and one unit."""
    assert pages.span(seconds) == words


def test_a_future_time_is_just_now():
    """Times in the future are "just now"."""
    assert (pages.ago(0.5), pages.ago(-3), pages.ago(61)) == ("just now", "just now", "1 min ago")


def test_a_time_is_written_for_people_and_for_machines():
    """Both formats are in UTC."""
    assert pages.moment(0) == "1970-01-01 00:00:00 UTC"
    assert pages.iso(0) == "1970-01-01T00:00:00+00:00"
    assert pages.hour_of_day(3600 * 30) == "06:00"
