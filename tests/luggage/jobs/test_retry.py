"""luggage.jobs.retry: delays before the next attempt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luggage.jobs import backoff


@pytest.mark.parametrize(
    ("attempt", "longest"), [(1, 2.0), (2, 4.0), (5, 32.0), (9, 512.0), (10, 900.0), (10**9, 900.0)]
)
def test_the_longest_wait_doubles_up_to_the_cap(attempt, longest):
    """The longest delay doubles with each failed attempt, up to the cap."""
    assert backoff(attempt, base_seconds=1.0, cap_seconds=900.0, random=lambda: 1.0) == longest


@given(attempt=st.integers(1, 10**6), luck=st.floats(0, 1, exclude_max=True))
def test_the_wait_is_anywhere_between_nothing_and_the_longest(attempt, luck):
    """Full jitter spreads the delay evenly from zero to the longest."""
    longest = backoff(attempt, random=lambda: 1.0)
    assert backoff(attempt, random=lambda: luck) == pytest.approx(luck * longest)


def test_attempts_are_counted_from_one():
    """Attempt number zero is an error."""
    with pytest.raises(ValueError, match="attempts count from 1, got 0"):
        backoff(0, random=lambda: 0.5)
