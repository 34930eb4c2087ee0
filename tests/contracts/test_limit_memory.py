"""LimitMemory: in one process, and shared through each database."""

import threading
from itertools import pairwise

import pytest

import bot.store.tables
from bot.store.limits import SqlLimitMemory
from luggage.database import History, migrate, open_engine
from luggage.github.errors import RateLimited
from luggage.github.limits import Gate, LocalLimitMemory, Pace

BOT = History("bot", "bot.store.migrations", bot.store.tables.metadata)


@pytest.fixture
def opened():
    """Open a database that has the bot's tables; closed at the end."""
    engines = []

    def opened(url):
        engines.append(open_engine(url))
        migrate(engines[-1], [BOT], log=lambda _: None)
        return SqlLimitMemory(engines[-1])

    yield opened
    for engine in engines:
        engine.dispose()


@pytest.fixture(params=["own", "sqlite", "postgresql"])
def memory(request, opened):
    """A LimitMemory of each kind."""
    if request.param == "own":
        return LocalLimitMemory()
    return opened(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def sql_memory(database_url, opened):
    return opened(database_url)


def test_a_new_name_is_empty(memory):
    """A name that was never written reads as empty."""
    assert memory.read("installation 7") == ""


def test_a_change_is_kept_under_its_name(memory):
    """A change is visible to the next one, and returns its second value."""
    answers = [memory.change("a", lambda text: (text + "x", len(text))) for _ in range(3)]
    assert (answers, memory.read("a"), memory.read("b")) == ([0, 1, 2], "xxx", "")


def test_a_change_that_fails_changes_nothing(memory):
    """The exception of `change` is raised, and the text stays as it was."""
    memory.change("a", lambda _: ("before", None))
    with pytest.raises(ZeroDivisionError):
        memory.change("a", lambda _: ("after", 1 / 0))
    assert memory.read("a") == "before"


def at_once(count, work):
    barrier = threading.Barrier(count)

    def start(number):
        barrier.wait()
        work(number)

    threads = [threading.Thread(target=start, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_changes_come_one_after_another(memory):
    """Concurrent changes are all kept, the first one included."""
    at_once(4, lambda _: [memory.change("a", lambda text: (text + "x", None)) for _ in range(5)])
    assert memory.read("a") == "x" * 20


def test_processes_share_one_pace(sql_memory, clock):
    """Of concurrent writes one goes at once; the others get different times."""
    times = []

    def write(number):
        gate = Gate(clock=clock, wait=None, name="a", memory=sql_memory, pace=Pace())
        try:
            gate.enter("POST", "/x", write=True, waiter=f"job {number}")
            times.append(clock())
        except RateLimited as error:
            times.append(error.retry_at)

    at_once(4, write)
    times.sort()
    assert times[0] == clock()
    assert min(b - a for a, b in pairwise(times)) >= 1.0
