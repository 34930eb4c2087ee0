"""luggage.telemetry.meter: what a process counts, until it is taken away."""

import threading

import pytest

from luggage.telemetry.meter import Counter, Gauge, Histogram, Meter
from tests.support.clock import FakeClock

CATS = Counter("cats_total", "Cats.", ("colour",))
NAPS = Histogram("nap_seconds", "Naps.", ("where",), buckets=(1.0, 10.0))
MOON = Gauge("moon", "The moon.")


def test_what_is_added_comes_together_until_it_is_taken():
    """Each label has a sum of its own; what was taken is not there again."""
    meter = Meter()
    for colour in ("black", "white", "black"):
        meter.add(CATS, colour)
    meter.add(CATS, "white", by=2.5)
    assert meter.take().added == {
        ("cats_total", ("black",)): 2.0,
        ("cats_total", ("white",)): 3.5,
    }
    assert not meter.take()


@pytest.mark.parametrize(
    ("seconds", "bound"), [(0.5, "1.0"), (1.0, "1.0"), (3, "10.0"), (11, "+Inf")]
)
def test_a_time_is_counted_in_its_bucket_and_no_other(seconds, bound):
    """A bound belongs to its bucket, as Prometheus has it: less or equal."""
    meter = Meter()
    meter.observe(NAPS, seconds, "sofa")
    assert meter.take().added == {
        ("nap_seconds_bucket", ("sofa", bound)): 1.0,
        ("nap_seconds_sum", ("sofa",)): seconds,
    }


def test_a_block_is_timed_however_it_ends():
    """An exception passes, and its time counts."""
    clock = FakeClock()
    meter = Meter(clock)

    @meter.timed(NAPS, "sofa")
    def nap():
        clock.advance(4)
        raise ValueError("woken")

    with pytest.raises(ValueError, match="woken"):
        nap()
    assert meter.take().added["nap_seconds_sum", ("sofa",)] == pytest.approx(4)


def test_what_was_seen_last_counts():
    """A gauge is no sum."""
    meter = Meter()
    meter.see(MOON, 1.0)
    meter.see(MOON, 0.5)
    assert meter.take().seen == {("moon", ()): 0.5}


def test_threads_lose_nothing():
    """Eight threads that count at once come to the sum of all."""
    meter = Meter()

    def count():
        for _ in range(2000):
            meter.add(CATS, "black")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.take().added == {("cats_total", ("black",)): 16000.0}
