"""Tests of the write throttle, with simulated time."""

import heapq
from collections.abc import Iterator
from itertools import pairwise

import pytest

from luggage.github.errors import RateLimited
from luggage.github.limits import Gate, LocalLimitMemory, Pace, Share, ThrottleState

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
    """A pace has a pause, a maximum per minute and a maximum per hour."""
    assert Pace(1.0, per_minute=3, per_hour=5).next_at(times) == soonest


def test_pace_of_zeros_has_no_limits() -> None:
    """A pace of zeros has no limits."""
    assert Pace(0.0, 0, 0).next_at([NOW] * 1000) == 0.0


def test_state_round_trips() -> None:
    """A state survives encoding, with times rounded to milliseconds."""
    state = ThrottleState().close("core", NOW + 9).wrote(NOW + 0.5, Pace(), "")
    state, _ = state.reserve(NOW + 2, Pace(), "job 7")
    assert ThrottleState.decode(state.encode()) == state


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"of": "another release"}'])
def test_unknown_text_is_an_empty_state(text) -> None:
    """An empty or unknown text decodes to an empty state."""
    assert ThrottleState.decode(text) == ThrottleState()


def test_expired_entries_are_removed() -> None:
    """Expired limits, writes and reservations are removed."""
    state = ThrottleState().close("", NOW + 9).wrote(NOW, Pace(), "")
    state, _ = state.reserve(NOW + 2, Pace(), "job 7")
    old = state.at(NOW + 3601)
    assert (old.closed, old.writes, old.promised) == ({}, [], {})


def test_state_does_not_grow() -> None:
    """Without an hourly limit the state does not grow."""
    state = ThrottleState()
    for number in range(50):
        state = state.wrote(NOW + number, Pace(1.0, 5, 0), "")
    assert len(state.writes) == 5


def test_unclaimed_reservation_expires() -> None:
    """An unclaimed reservation expires after a few seconds."""
    state, at = ThrottleState().reserve(NOW, Pace(), "gone")
    assert state.at(at + 1).slot(at + 1, Pace(), "next") > at + 1 - 1
    later = at + 6
    assert state.at(later).slot(later, Pace(), "next") == later


def test_clock_set_back_drops_reservations() -> None:
    """Reservations are dropped when the clock is set back by an hour."""
    state, _ = ThrottleState(asked_at=NOW).reserve(NOW + 1, Pace(), "job")
    back = NOW - 3600
    assert state.at(back).slot(back, Pace(), "next") == back


def test_early_job_keeps_its_slot() -> None:
    """A job that returns early keeps its slot."""
    state, at = ThrottleState(writes=[NOW]).reserve(NOW + 1, Pace(), "job")
    state, other = state.reserve(NOW + 1, Pace(), "other")
    assert state.slot(NOW + 0.5, Pace(), "job") == at
    assert state.reserve(at, Pace(), "job")[1] == at
    assert state.slot(NOW + 0.5, Pace(), "other") == other


def test_too_many_waiters_get_distinct_times() -> None:
    """Beyond two hundred reservations, waiters get distinct times that are not reserved."""
    state, times = ThrottleState(), []
    for number in range(300):
        state, at = state.reserve(NOW, Pace(1.0, 0, 0), f"job {number}")
        times.append(at)
    assert len(state.promised) == 200
    assert min(b - a for a, b in pairwise(times)) > 1.0


class World:
    """Jobs that write through several gates and return at their retry time."""

    def __init__(self, pace: Pace, gates: int) -> None:
        self.now = NOW
        memory = LocalLimitMemory()
        self.gates = [
            Gate(clock=lambda: self.now, wait=None, name="a", memory=memory, pace=pace)
            for _ in range(gates)
        ]
        self.writes: list[float] = []
        self.tries = 0
        self.delays: list[float] = []

    def run(self, jobs: Iterator[tuple[float, str]]) -> None:
        """Let each job (time, name) write once; each returns a moment late."""
        waiting = list(jobs)
        heapq.heapify(waiting)
        while waiting:
            at, job = heapq.heappop(waiting)
            self.now = max(self.now, at) + 0.001 * (hash_of(job) % 30)
            self.tries += 1
            try:
                self.gates[self.tries % len(self.gates)].enter("POST", "/x", write=True, waiter=job)
            except RateLimited as error:
                heapq.heappush(waiting, (error.retry_at, job))
                self.delays.append(error.retry_at - self.now)
            else:
                self.writes.append(self.now)


def hash_of(job: str) -> int:
    return sum(job.encode()) * 7919


def most_within(times: list[float], seconds: float) -> int:
    """Return the maximum number of times within any window of `seconds`."""
    return max(
        sum(1 for other in times[index:] if other < at + seconds - 0.01)
        for index, at in enumerate(times)
    )


def test_many_jobs_respect_the_pace() -> None:
    """700 jobs in three processes respect the pace and rarely return too early."""
    world = World(Pace(), gates=3)
    world.run((NOW, f"job {number:03}") for number in range(700))
    gaps = [b - a for a, b in pairwise(world.writes)]
    assert min(gaps) >= 0.999
    assert most_within(world.writes, 60) <= 80
    assert most_within(world.writes, 3600) <= 500
    assert len(world.writes) == 700
    assert min(world.delays) > 0
    assert world.tries < 6 * 700


def test_backlog_takes_minimal_time() -> None:
    """270 comments for one installation take the minimum of five minutes."""
    world = World(Pace(), gates=4)
    world.run((NOW, f"job {number:03}") for number in range(270))
    assert 269 <= world.writes[-1] - NOW < 600


def test_order_is_that_of_the_first_try() -> None:
    """Jobs write in the order of their first try."""
    world = World(Pace(), gates=2)
    crowd = [(NOW, f"a{number:03}") for number in range(50)]
    world.run(iter([*crowd, *((NOW + 10.5 + number, f"b{number:03}") for number in range(20))]))
    assert world.writes == sorted(world.writes)
    assert world.writes[-1] - NOW < 90


def spend(state: ThrottleState, person: str, number: int, at: float = NOW) -> ThrottleState:
    """Return the state after as many writes of a person as they may do at once."""
    share, pace = Share(person), Pace(0.0, 0, 100)
    for _ in range(number):
        if state.slot(at, pace, "", share) > at:
            break
        state = state.wrote(at, pace, "", share)
    return state


def test_a_person_alone_gets_half_of_the_usual_part() -> None:
    """Of 100 writes an hour 80 are usual, and one person spends 40."""
    state = spend(ThrottleState(), "mallory", 100)
    assert len(state.writes) == 40
    assert state.slot(NOW, Pace(0.0, 0, 100), "", Share("mallory")) == NOW + 3600


def test_people_share_what_is_left_equally() -> None:
    """Others write after one person has spent their part, and ten people leave some to the next."""
    state = spend(ThrottleState(), "mallory", 100)
    state = spend(state, "alice", 100)
    assert state.writers.count("alice") == 26
    assert spend(state, "bob", 1).writers[-1] == "bob"


def test_the_last_fifth_is_for_urgent_writes() -> None:
    """When the usual part is spent, an invitation goes at once."""
    pace, state = Pace(0.0, 0, 100), ThrottleState()
    for number in range(80):
        state = state.wrote(NOW, pace, "", Share(f"p{number}"))
    assert state.slot(NOW, pace, "", Share("bob")) == NOW + 3600
    assert state.slot(NOW, pace, "", Share("alice", urgent=True)) == NOW


def test_urgent_writes_overtake_reserved_slots() -> None:
    """An invitation waits for the pause since the last write, not for 200 reserved slots."""
    state = ThrottleState().wrote(NOW, Pace(), "")
    for number in range(50):
        state, _ = state.reserve(NOW, Pace(), f"job {number}", Share(f"p{number}"))
    urgent = Share("alice", urgent=True)
    assert state.slot(NOW, Pace(), "invite", urgent) == NOW + 1
    state, at = state.reserve(NOW, Pace(), "invite", urgent)
    assert at == NOW + 1
    assert state.slot(at, Pace(), "invite", urgent) == at


def test_a_person_holds_few_slots() -> None:
    """A flood of one person's writes does not push the next person far back."""
    state = ThrottleState().wrote(NOW, Pace(), "")
    for number in range(100):
        state, _ = state.reserve(NOW, Pace(), f"job {number}", Share("mallory"))
    _, at = state.reserve(NOW, Pace(), "other", Share("bob"))
    assert at < NOW + 10


def test_writes_without_a_person_have_the_whole_pace() -> None:
    """The bot's own writes, and those of a library's user, are not shared."""
    state = ThrottleState()
    for _ in range(99):
        state = state.wrote(NOW, Pace(0.0, 0, 100), "")
    assert state.slot(NOW, Pace(0.0, 0, 100), "") == NOW


def test_a_state_of_an_older_release_is_shared_too() -> None:
    """Its writes belong to nobody."""
    state = ThrottleState.decode('{"writes": [1.0, 2.0], "promised": {"7": 3.0}}').at(3.0)
    assert list(state.writers) == ["", ""]
    assert list(state.wrote(3.0, Pace(), "7", Share("p")).writers) == ["", "", "p"]
