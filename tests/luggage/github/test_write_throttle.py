"""Whose turn it is to write: pure, with days of waiting in a moment."""

import heapq
from collections.abc import Iterator
from itertools import pairwise

import pytest

from luggage.github.errors import RateLimited
from luggage.github.limits import Gate, OwnMemory
from luggage.github.write_throttle import Pace, ThrottleState

NOW = 1_795_000_000.0


@pytest.mark.parametrize(
    ("times", "soonest"),
    [
        ([], 0.0),
        ([NOW], NOW + 1),
        ([NOW, NOW + 1, NOW + 2], NOW + 60),
        ([NOW, NOW + 60, NOW + 61, NOW + 62, NOW + 120], NOW + 3600),
    ],
)
def test_a_pace_has_three_bounds(times, soonest) -> None:
    """A pause after each write, so many in a minute, and so many in an hour."""
    assert Pace(1.0, per_minute=3, per_hour=5).next_at(times) == soonest


def test_nothing_bounds_a_pace_of_noughts() -> None:
    """Where there are no limits, everything goes at once."""
    assert Pace(0.0, 0, 0).next_at([NOW] * 1000) == 0.0


def test_what_is_known_survives_being_written_down() -> None:
    """A standing is read back as it was, times to a thousandth of a second."""
    standing = ThrottleState().close("core", NOW + 9).wrote(NOW + 0.5, Pace(), "")
    standing, _ = standing.promise(NOW + 2, Pace(), "job 7")
    assert ThrottleState.decode(standing.encode()) == standing


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"of": "another release"}'])
def test_what_cannot_be_read_is_nothing_known(text) -> None:
    """An empty text, and that of another release, is a beginning."""
    assert ThrottleState.decode(text) == ThrottleState()


def test_what_is_over_is_forgotten() -> None:
    """Limits, writes and promises are kept for as long as they count."""
    standing = ThrottleState().close("", NOW + 9).wrote(NOW, Pace(), "")
    standing, _ = standing.promise(NOW + 2, Pace(), "job 7")
    old = standing.at(NOW + 3601)
    assert (old.closed, old.writes, old.promised) == ({}, [], {})


def test_only_writes_that_count_are_kept() -> None:
    """Where an hour has no limit, what is known of it does not grow."""
    standing = ThrottleState()
    for number in range(50):
        standing = standing.wrote(NOW + number, Pace(1.0, 5, 0), "")
    assert len(standing.writes) == 5


def test_a_promise_that_nobody_claims_holds_up_nobody() -> None:
    """A job that died, or was paused, loses its turn after a few seconds."""
    standing, at = ThrottleState().promise(NOW, Pace(), "gone")
    assert standing.at(at + 1).turn(at + 1, Pace(), "next") > at + 1 - 1
    later = at + 6
    assert standing.at(later).turn(later, Pace(), "next") == later


def test_promises_of_a_future_that_is_no_more_are_forgotten() -> None:
    """After a clock was put back by an hour nobody waits for an hour."""
    standing, _ = ThrottleState(asked_at=NOW).promise(NOW + 1, Pace(), "job")
    back = NOW - 3600
    assert standing.at(back).turn(back, Pace(), "next") == back


def test_who_comes_too_early_is_told_the_same_time_again() -> None:
    """A job that was woken before its time keeps its place."""
    standing, at = ThrottleState(writes=[NOW]).promise(NOW + 1, Pace(), "job")
    standing, other = standing.promise(NOW + 1, Pace(), "other")
    assert standing.turn(NOW + 0.5, Pace(), "job") == at
    assert standing.promise(at, Pace(), "job")[1] == at
    assert standing.turn(NOW + 0.5, Pace(), "other") == other


def test_a_line_that_is_too_long_sends_people_away_one_by_one() -> None:
    """Beyond two hundred places each is told another time, and none of them is remembered."""
    standing, times = ThrottleState(), []
    for number in range(300):
        standing, at = standing.promise(NOW, Pace(1.0, 0, 0), f"job {number}")
        times.append(at)
    assert len(standing.promised) == 200
    assert min(b - a for a, b in pairwise(times)) > 1.0


class World:
    """Jobs that write through several gates, and come back when they are told to."""

    def __init__(self, pace: Pace, gates: int) -> None:
        self.now = NOW
        memory = OwnMemory()
        self.gates = [
            Gate(clock=lambda: self.now, wait=None, name="a", memory=memory, pace=pace)
            for _ in range(gates)
        ]
        self.writes: list[float] = []
        self.tries = 0
        self.told: list[float] = []

    def run(self, jobs: Iterator[tuple[float, str]]) -> None:
        """Let each job (when it comes, its name) write once; each wakes a moment late."""
        waiting = list(jobs)
        heapq.heapify(waiting)
        while waiting:
            at, job = heapq.heappop(waiting)
            self.now = max(self.now, at) + 0.001 * (hash_of(job) % 30)
            self.tries += 1
            try:
                self.gates[self.tries % len(self.gates)].enter("POST", "/x", write=True, turn=job)
            except RateLimited as error:
                heapq.heappush(waiting, (error.retry_at, job))
                self.told.append(error.retry_at - self.now)
            else:
                self.writes.append(self.now)


def hash_of(job: str) -> int:
    return sum(job.encode()) * 7919


def most_within(times: list[float], seconds: float) -> int:
    """Return how many of the times, at most, lie within `seconds`."""
    return max(
        sum(1 for other in times[index:] if other < at + seconds - 0.01)
        for index, at in enumerate(times)
    )


def test_a_crowd_keeps_to_all_limits_and_comes_no_oftener_than_needed() -> None:
    """Seven hundred jobs at one moment, through three processes: paced, and hardly ever in vain."""
    world = World(Pace(), gates=3)
    world.run((NOW, f"job {number:03}") for number in range(700))
    gaps = [b - a for a, b in pairwise(world.writes)]
    assert min(gaps) >= 0.999
    assert most_within(world.writes, 60) <= 80
    assert most_within(world.writes, 3600) <= 500
    assert len(world.writes) == 700
    assert min(world.told) > 0
    assert world.tries < 6 * 700


def test_a_day_that_was_missed_is_made_up_for_in_ten_minutes() -> None:
    """270 comments for one installation take five minutes, not a second less than they must."""
    world = World(Pace(), gates=4)
    world.run((NOW, f"job {number:03}") for number in range(270))
    assert 269 <= world.writes[-1] - NOW < 600


def test_newcomers_push_nobody_aside() -> None:
    """While a crowd waits, who comes later writes later: the order is that of the first try."""
    world = World(Pace(), gates=2)
    crowd = [(NOW, f"a{number:03}") for number in range(50)]
    world.run(iter([*crowd, *((NOW + 10.5 + number, f"b{number:03}") for number in range(20))]))
    assert world.writes == sorted(world.writes)
    assert world.writes[-1] - NOW < 90
