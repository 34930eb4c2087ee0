"""bot.store.totals: counters of all processes are added up in the database, each amount once."""

import threading

import pytest
from sqlalchemy.exc import OperationalError

from bot.store.tables import total_source
from bot.store.totals import Bookkeeper, Total, Totals
from luggage.telemetry.meter import Counter, Gauge, Meter
from tests.bot.conftest import HISTORIES
from tests.support.migrated import migrated

CATS = Counter("cats_total", "Cats.", ("colour",))
MOON = Gauge("moon", "The moon.")
BLACK = ("cats_total", ("black",))


@pytest.fixture
def engine(empty_engine):
    """A database of each kind with the bot's tables."""
    migrated(empty_engine, HISTORIES)
    return empty_engine


@pytest.fixture
def make_totals(engine, clock):
    return lambda name="one": Totals(engine, name=name, clock=clock)


@pytest.fixture
def meter():
    return Meter()


def test_processes_add_to_one_sum(make_totals, meter, clock):
    """A process that restarts under another name adds to it too."""
    for name in ("one", "two", "one again"):
        meter.add(CATS, "black", by=2)
        make_totals(name).add(meter)
    assert make_totals().read() == {BLACK: Total(6.0, clock())}


def test_one_process_adds_again_and_again(make_totals, meter):
    """Only new amounts are added."""
    totals = make_totals()
    for _ in range(3):
        meter.add(CATS, "black")
        totals.add(meter)
        totals.add(meter)
    assert totals.read()[BLACK].value == 3.0


def test_the_last_value_of_a_gauge_counts(make_totals, meter):
    """It does not matter which process saw it."""
    for name, value in (("one", 0.25), ("two", 0.5)):
        meter.see(MOON, value)
        make_totals(name).add(meter)
    assert make_totals().read()["moon", ()].value == 0.5


class Shaky:
    """An engine whose next commits fail, before or after they are written."""

    def __init__(self, engine):
        self._engine = engine
        self.fails = []

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def begin(self):
        return self._Transaction(self._engine.begin(), self.fails.pop(0) if self.fails else "")

    class _Transaction:
        def __init__(self, inner, when):
            self._inner, self._when = inner, when

        def __enter__(self):
            if self._when == "before":
                raise OperationalError("BEGIN", {}, Exception("away"))
            return self._inner.__enter__()

        def __exit__(self, *error):
            self._inner.__exit__(*error)
            if self._when == "after":
                raise OperationalError("COMMIT", {}, Exception("lost on the way back"))


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_addition_that_failed_is_made_once(engine, clock, meter, when):
    """It makes no difference whether the commit or only its confirmation was lost."""
    shaky = Shaky(engine)
    totals = Totals(shaky, name="one", clock=clock)
    meter.add(CATS, "black")
    totals.add(meter)
    shaky.fails = [when]
    meter.add(CATS, "black")
    with pytest.raises(OperationalError):
        totals.add(meter)
    meter.add(CATS, "black")
    totals.add(meter)
    assert totals.read()[BLACK].value == 3.0


def test_concurrent_additions_do_not_deadlock(make_totals):
    """All processes add many sums in the same order."""

    def add(name):
        totals, meter = make_totals(name), Meter()
        for _ in range(10):
            for number in range(20):
                meter.add(CATS, str((number * 7 + len(name)) % 20))
            totals.add(meter)

    threads = [threading.Thread(target=add, args=("x" * size,)) for size in (1, 4, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {total.value for total in make_totals().read().values()} == {30.0}


def test_ended_processes_are_forgotten(make_totals, engine, meter, clock):
    """Each start has a new name; the sums stay."""
    meter.add(CATS, "black")
    make_totals("old").add(meter)
    clock.advance(8 * 24 * 3600)
    meter.add(CATS, "black")
    make_totals("new").add(meter)
    with engine.connect() as connection:
        assert connection.execute(total_source.select()).scalars().all() == ["new"]
    assert make_totals().read()[BLACK].value == 2.0


def test_a_bookkeeper_adds_from_time_to_time_and_at_the_end(make_totals, meter):
    """The last counts are not lost when a process ends in order."""
    totals = make_totals()
    with Bookkeeper(meter, totals, every_seconds=0.01):
        meter.add(CATS, "black")
        give_up = threading.Event()
        while BLACK not in totals.read():
            assert not give_up.wait(0.01)
        meter.add(CATS, "black")
    assert totals.read()[BLACK].value == 2.0


@pytest.mark.parametrize("error", [OperationalError("BEGIN", {}, Exception()), ZeroDivisionError()])
def test_a_bookkeeper_survives_errors(meter, error):
    """A failed addition is tried again later."""

    class Broken:
        tries = 0

        def add(self, _meter):
            self.tries += 1
            if self.tries < 3:
                raise error
            tried.set()

    tried = threading.Event()
    with Bookkeeper(meter, Broken(), every_seconds=0.01):
        assert tried.wait(30)
