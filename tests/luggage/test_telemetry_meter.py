"""luggage.telemetry.meter: counters and timers of one process."""

import threading

import pytest

from luggage.telemetry.meter import Counter, Gauge, Histogram, Meter
from tests.support.clock import FakeClock

CATS = Counter("cats_total", "Cats.", ("colour",))
NAPS = Histogram("nap_seconds", "Naps.", ("where",), buckets=(1.0, 10.0))
MOON = Gauge("moon", "The moon.")


def test_amounts_add_up_until_they_are_taken():
    """Each label has its own sum, and a taken sum starts at zero again."""
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
    """A bound belongs to its bucket, as in Prometheus: less or equal."""
    meter = Meter()
    meter.observe(NAPS, seconds, "sofa")
    assert meter.take().added == {
        ("nap_seconds_bucket", ("sofa", bound)): 1.0,
        ("nap_seconds_sum", ("sofa",)): seconds,
    }


def test_a_block_is_timed_however_it_ends():
    """An exception is raised, and its time counts."""
    clock = FakeClock()
    meter = Meter(clock)

    @meter.timed(NAPS, "sofa")
    def nap():
        clock.advance(4)
        raise ValueError("woken")

    with pytest.raises(ValueError, match="woken"):
        nap()
    assert meter.take().added["nap_seconds_sum", ("sofa",)] == pytest.approx(4)


def test_a_gauge_has_its_last_value():
    """A gauge is not a sum."""
    meter = Meter()
    meter.see(MOON, 1.0)
    meter.see(MOON, 0.5)
    assert meter.take().seen == {("moon", ()): 0.5}


def test_threads_lose_nothing():
    """Eight threads that count at once reach the sum of all."""
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
