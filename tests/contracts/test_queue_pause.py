"""Pauses of the queue, on every database."""

import pytest

from luggage.jobs import Queue, State
from tests.support import ends
from tests.support.jobs import finish


def test_nothing_is_claimed_while_paused(queue, put, claim):
    """A due job stays until the pause is over."""
    put("k")
    queue.pause()
    while_paused = claim()
    queue.resume()
    assert (while_paused, claim().key) == (None, "k")


def test_jobs_are_put_while_paused(queue, put):
    """A pause does not refuse new jobs."""
    queue.pause()
    assert queue.get(put("k")).state is State.READY


def test_a_pause_applies_to_every_process(queue, engine, put, clock):
    """All processes on the database obey it."""
    put("k")
    Queue(engine, clock=clock).pause()
    assert queue.claim(["mail"], worker="w", lease_seconds=60.0) == []


def test_a_paused_queue_is_no_reason_to_wake_up(queue, put):
    """A worker sleeps through a pause."""
    put("k")
    queue.pause()
    assert queue.next_run_at(["mail"]) is None


@pytest.mark.parametrize("way", ["done", "retry", "note", "extend"])
def test_a_pause_does_not_affect_leased_jobs(queue, put, claim, way):
    """A pause does not affect leased jobs."""
    put("k")
    job = claim()
    queue.pause()
    finish(queue, job, way)


def test_resuming_wakes_the_workers(engine, clock):
    """The end of a pause wakes the loops, like a new job."""
    woken = []
    queue = Queue(engine, clock=clock, wake=lambda: woken.append(1))
    queue.pause()
    queue.resume()
    assert woken == [1]


def test_pausing_and_resuming_can_be_repeated(queue, clock):
    """Each returns whether it changed anything; the first pause's time stays."""
    first_at = clock()
    pauses = [queue.pause()]
    clock.advance(5)
    pauses.append(queue.pause())
    since = queue.paused_at()
    resumes = [queue.resume(), queue.resume()]
    assert (pauses, since, resumes) == ([True, False], first_at, [True, False])
    assert queue.paused_at() is None


def test_the_standing_shows_a_pause(queue):
    """A page can show that an operator has paused the bot."""
    before = queue.standing().paused
    queue.pause()
    assert (before, queue.standing().paused) == (False, True)


@pytest.mark.parametrize(
    ("subject", "claimed"),
    [
        ("snakes", False),
        ("snakes/trio", False),
        ("snakes/trio#7", False),
        ("snakes-and-ladders/trio", True),
        ("lions/snakes", True),
        ("Snakes/trio", False),
        ("SNAKES", False),
        ("", True),
    ],
)
def test_a_part_is_a_name_and_all_that_begins_with_it_and_a_slash(
    queue, put, claim, subject, claimed
):
    """Only the paused part's jobs are not claimed."""
    put("k", subject=subject)
    queue.pause_part("snakes")
    assert (queue.next_run_at(["mail"]) is not None) is claimed
    assert (claim() is not None) is claimed


def test_a_part_goes_on_in_its_order_when_it_is_resumed(queue, put, claim):
    """Jobs put during the pause are claimed in their order."""
    queue.pause_part("snakes")
    for key in "abc":
        put(key, subject="snakes/trio#7")
    assert (queue.pause_part("snakes"), queue.resume_part("snakes")) == (False, True)
    came = []
    while (job := claim()) is not None:
        came.append(job.key)
        ends.done(queue, job)
    assert (came, queue.resume_part("snakes")) == (["a", "b", "c"], False)


def test_resuming_a_part_wakes_the_workers(engine, clock):
    """The end of a part's pause wakes the loops."""
    woken = []
    queue = Queue(engine, clock=clock, wake=lambda: woken.append(1))
    queue.pause_part("snakes")
    queue.resume_part("snakes")
    assert woken == [1]


def test_the_standing_does_not_count_paused_parts(queue, put, claim):
    """Paused jobs are neither work nor trouble."""
    put("a", subject="snakes/trio")
    ends.retry(queue, claim(), error="no", run_at=0.0)
    put("b", subject="lions/den")
    queue.pause_part("snakes")
    standing = queue.standing()
    assert (standing.waiting, standing.retrying, standing.paused_parts) == (1, 0, 1)


def test_paused_parts_are_listed(queue, clock):
    """Each paused part has its name and time; a resumed part is not listed."""
    queue.pause_part("b")
    clock.advance(10)
    queue.pause_part("a")
    assert list(queue.paused_parts().items()) == [("a", clock()), ("b", clock() - 10)]
    queue.resume_part("b")
    assert list(queue.paused_parts()) == ["a"]
