"""Tests of Gate."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from luggage.github.answers import ApiResponse
from luggage.github.errors import RateLimited
from luggage.github.limits import Gate, LocalLimitMemory, Pace, Share, ThrottleState, resource_of
from tests.luggage.github.scripted import START_AT as NOW
from tests.luggage.github.scripted import Clock


@pytest.fixture
def gate(standing_clock: Clock) -> Gate:
    """Return a gate that raises instead of waiting."""
    return Gate(clock=standing_clock, wait=None)


def answer(status: int, **headers: str) -> ApiResponse:
    lowered = {name.replace("_", "-"): value for name, value in headers.items()}
    return ApiResponse("GET", "/x", status, lowered, b"", NOW)


def spent(resource: str, status: int = 403) -> ApiResponse:
    return answer(
        status,
        x_ratelimit_limit="30",
        x_ratelimit_remaining="0",
        x_ratelimit_reset=str(int(NOW) + 600),
        x_ratelimit_resource=resource,
    )


def refusal(gate: Gate, path: str = "/x", *, write: bool = False, waiter: str = "") -> float | None:
    """Return the retry time of a refused request, None if it may go."""
    try:
        gate.enter("GET", path, write=write, waiter=waiter)
    except RateLimited as error:
        return error.retry_at
    return None


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/repos/o/r", "core"),
        ("/search/issues", "search"),
        ("/search/code", "code_search"),
        ("/graphql", "graphql"),
        ("/searching", "core"),
    ],
)
def test_paths_belong_to_resources(path, resource) -> None:
    """Searches, code searches and GraphQL have their own limits."""
    assert resource_of(path) == resource


def test_secondary_limit_closes_everything(gate) -> None:
    """A secondary limit blocks the whole installation until it ends."""
    gate.learn(answer(403, retry_after="30"), skew_seconds=0.0)
    assert [refusal(gate, p) for p in ("/x", "/search/issues", "/graphql")] == [NOW + 30] * 3


def test_gate_opens_when_the_limit_ends(gate, standing_clock) -> None:
    """Requests are allowed again at the retry time."""
    gate.learn(answer(403, retry_after="30"), skew_seconds=0.0)
    standing_clock.now += 30
    assert refusal(gate) is None


def test_primary_limit_closes_its_resource_only(gate) -> None:
    """A spent search limit does not block other requests."""
    gate.learn(spent("search"), skew_seconds=0.0)
    assert (refusal(gate, "/search/issues"), refusal(gate, "/x")) == (NOW + 600.5, None)


def test_last_request_of_a_limit_closes_it(gate) -> None:
    """A successful response with no remaining requests blocks the next one."""
    assert gate.learn(spent("core", status=200), skew_seconds=0.0) is None
    assert refusal(gate) == NOW + 600.5


def test_limit_without_a_resource_closes_everything(gate) -> None:
    """A rate limit without a resource blocks everything."""
    gate.learn(answer(429, x_ratelimit_remaining="0"), skew_seconds=0.0)
    assert refusal(gate, "/search/issues") == NOW + 60


def test_shorter_limit_does_not_end_a_longer_one(gate) -> None:
    """Of two rate limits the longer one counts."""
    gate.learn(answer(429, retry_after="90"), skew_seconds=0.0)
    gate.learn(answer(429, retry_after="5"), skew_seconds=0.0)
    assert refusal(gate) == NOW + 90


def test_close_until_blocks_the_paths_resource(gate) -> None:
    """`close_until` blocks the resource of the path."""
    gate.close_until("/graphql", NOW + 9)
    assert (refusal(gate, "/graphql"), refusal(gate, "/x")) == (NOW + 9, None)


def test_last_seen_limit_is_kept(gate) -> None:
    """The limit last seen survives responses without one."""
    gate.learn(spent("search"), skew_seconds=0.0)
    gate.learn(answer(200), skew_seconds=0.0)
    assert gate.rate_limit is not None
    assert gate.rate_limit.resource == "search"


def test_refusal_names_the_request(gate) -> None:
    """RateLimited names the refused request."""
    gate.learn(answer(429), skew_seconds=0.0)
    with pytest.raises(
        RateLimited, match=r"GET /x: this installation has reached a rate limit"
    ) as caught:
        gate.enter("GET", "/x", write=False)
    assert caught.value.status is None


def test_second_write_comes_a_second_later(gate, standing_clock) -> None:
    """Without waiting, an early write is refused with its slot's time and uses no slot."""
    assert refusal(gate, write=True) is None
    standing_clock.now += 0.25
    assert [refusal(gate, write=True) for _ in range(3)] == [NOW + 1] * 3
    standing_clock.now = NOW + 1
    assert refusal(gate, write=True) is None


def test_reads_use_no_slots(gate) -> None:
    """Reads need no write slots."""
    gate.enter("POST", "/x", write=True)
    assert refusal(gate, write=False) is None


def test_writes_wait_for_their_slots(standing_clock) -> None:
    """With waiting, writes are a second apart."""
    gate = Gate(clock=standing_clock, wait=standing_clock.sleep)
    for _ in range(3):
        gate.enter("POST", "/x", write=True)
    assert standing_clock.slept == [1.0, 1.0]


def test_clock_set_back_does_not_stop_writes(gate, standing_clock) -> None:
    """A clock set back by an hour does not delay the next write by an hour."""
    gate.enter("POST", "/x", write=True)
    standing_clock.now -= 3600
    assert refusal(gate, write=True) == NOW - 3600 + 1


def test_limit_met_while_waiting_counts(standing_clock) -> None:
    """A write that waited for its slot is refused if another thread met a limit."""

    def wait(seconds: float) -> None:
        standing_clock.sleep(seconds)
        gate.learn(answer(429, retry_after="30"), skew_seconds=0.0)

    gate = Gate(clock=standing_clock, wait=wait)
    gate.enter("POST", "/x", write=True)
    assert refusal(gate, write=True) == NOW + 30


def test_waiting_jobs_get_their_own_slots(gate, standing_clock) -> None:
    """Each waiting job gets its own slot and may then write."""
    gate.enter("POST", "/x", write=True)
    times = [refusal(gate, write=True, waiter=f"job {number}") or 0.0 for number in range(3)]
    assert times == pytest.approx([NOW + 1, NOW + 2.1, NOW + 3.2])
    for number, at in enumerate(times):
        standing_clock.now = at
        assert refusal(gate, write=True, waiter=f"job {number}") is None


def test_later_jobs_do_not_take_reserved_slots(gate, standing_clock) -> None:
    """A later job does not take a reserved slot."""
    gate.enter("POST", "/x", write=True)
    at = refusal(gate, write=True, waiter="early") or 0.0
    standing_clock.now = at
    assert (refusal(gate, write=True, waiter="late") or 0.0) > at
    assert refusal(gate, write=True, waiter="early") is None


def test_jobs_that_meet_a_limit_come_back_one_by_one(gate) -> None:
    """After a rate limit, reads and writes return one by one."""
    met = gate.learn(answer(403, retry_after="30"), skew_seconds=0.0, waiter="first")
    times = [refusal(gate, write=number > 2, waiter=f"job {number}") for number in range(1, 4)]
    assert [met, *times] == pytest.approx([NOW + 30, NOW + 31.1, NOW + 32.2, NOW + 33.3])


def test_long_waits_raise(standing_clock) -> None:
    """Waiting is limited to one minute; a longer wait raises RateLimited."""
    pace = Pace(pause_seconds=0.0, per_minute=1, per_hour=2)
    gate = Gate(clock=standing_clock, wait=standing_clock.sleep, pace=pace)
    for _ in range(2):
        gate.enter("POST", "/x", write=True)
    assert standing_clock.slept == [60.0]
    assert refusal(gate, write=True) == NOW + 3600


def test_gates_share_their_memory(standing_clock) -> None:
    """Gates with the same memory and name share their state."""
    memory = LocalLimitMemory()
    one, two, other = (
        Gate(clock=standing_clock, wait=None, name=name, memory=memory) for name in ("a", "a", "b")
    )
    one.enter("POST", "/x", write=True)
    one.close_until("/graphql", NOW + 9)
    assert [refusal(gate, write=True) for gate in (two, other)] == [NOW + 1, None]
    assert [refusal(gate, "/graphql") for gate in (two, other)] == [NOW + 9, None]


def run_at_once(count: int, work: Callable[[], object]) -> None:
    """Run the work in several threads that start at the same moment."""
    barrier = threading.Barrier(count)

    def start() -> None:
        barrier.wait()
        work()

    threads = [threading.Thread(target=start) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_threads_get_their_own_slots() -> None:
    """Twenty concurrent writes get twenty slots, a second apart."""
    waited: list[float] = []
    gate = Gate(clock=lambda: NOW, wait=waited.append)
    run_at_once(20, lambda: gate.enter("POST", "/x", write=True))
    assert sorted(waited) == [float(turn) for turn in range(1, 20)]


def left(remaining: int, at: float) -> ApiResponse:
    """Return a response with a remaining quota."""
    names = {"limit": 5000, "remaining": remaining, "reset": int(at) + 1800}
    headers = {f"x-ratelimit-{name}": str(value) for name, value in names.items()}
    return ApiResponse("GET", "/", 200, headers, b"", at)


def test_quota_is_saved_once_a_minute() -> None:
    """The remaining quota is saved at most once a minute."""
    memory = LocalLimitMemory()
    gate = Gate(clock=lambda: NOW, wait=None, name="a", memory=memory)
    noted = []
    for later, remaining in ((0, 4000), (30, 3999), (60, 3998)):
        gate.learn(left(remaining, NOW + later), skew_seconds=0.0)
        limit, still, *_ = ThrottleState.decode(memory.read("a")).at(NOW + later).seen["core"]
        noted.append((limit, still))
    assert noted == [(5000, 4000), (5000, 4000), (5000, 3998)]


class Away(LocalLimitMemory):
    """A memory that is unreachable."""

    def change(self, *_: object) -> None:
        raise OSError("away")


def test_unreachable_memory_does_not_fail_the_request() -> None:
    """A failure to save the quota does not fail the request."""
    gate = Gate(clock=lambda: NOW, wait=None, name="a", memory=Away())
    assert gate.learn(left(4000, NOW), skew_seconds=0.0) is None


def core(remaining: int, status: int = 200) -> ApiResponse:
    return answer(
        status,
        x_ratelimit_limit="100",
        x_ratelimit_remaining=str(remaining),
        x_ratelimit_reset=str(int(NOW) + 600),
        x_ratelimit_resource="core",
    )


# GitHub's second, rounded up to be on the safe side.
RESET = NOW + 600.5


def refused_until(gate: Gate, share: Share, path: str = "/x") -> float | None:
    try:
        gate.enter("GET", path, write=False, share=share)
    except RateLimited as error:
        return error.retry_at
    return None


def test_the_last_fifth_of_requests_is_for_urgent_ones(gate: Gate) -> None:
    """What a stranger causes waits for GitHub's next hour; invitations and the bot's own go on."""
    gate.learn(core(20), skew_seconds=0.0)
    assert refused_until(gate, Share("mallory")) == RESET
    assert refused_until(gate, Share("olga", urgent=True)) is None
    assert refused_until(gate, Share()) is None
    assert refused_until(gate, Share("mallory"), "/search/issues") is None


def test_a_person_gets_half_of_the_requests(gate: Gate) -> None:
    """Fifty of a hundred requests; an unchanged resource costs nothing, and others go on."""
    mallory = Share("mallory")
    for number in range(50):
        assert refused_until(gate, mallory) is None
        gate.learn(core(99, status=304), skew_seconds=0.0, share=mallory)
        gate.learn(core(99 - number), skew_seconds=0.0, share=mallory)
    assert refused_until(gate, mallory) == RESET
    assert refused_until(gate, Share("alice")) is None


def test_a_new_hour_of_github_is_a_new_budget(gate: Gate, standing_clock: Clock) -> None:
    """After the reset a person may send again, and counts from 0."""
    mallory = Share("mallory")
    for _ in range(60):
        gate.learn(core(90), skew_seconds=0.0, share=mallory)
    standing_clock.now = NOW + 601
    assert refused_until(gate, mallory) is None
    later = replace(
        core(99), headers={**core(99).headers, "x-ratelimit-reset": str(int(NOW) + 4200)}
    )
    gate.learn(later, skew_seconds=0.0, share=mallory)
    assert refused_until(gate, mallory) is None
