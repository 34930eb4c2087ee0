"""luggage.jobs.worker: the loop that claims jobs and the threads that handle them."""

import contextlib
import signal
import threading

import pytest
from sqlalchemy.exc import OperationalError

from luggage.jobs import Done, LocalWakeup, Queue, State, Stuck
from luggage.jobs.worker import QUICK_SECONDS


def nothing(_job):
    """Handle any job."""
    return Done()


class Recording(LocalWakeup):
    """A wake-up that records whether each wait ended by `wake`, not by its timeout."""

    def __init__(self):
        super().__init__()
        self.woken = []

    def wait(self, timeout_seconds):
        """Wait, for seconds at the most."""
        self.woken.append(self._read in self._select([self._read], timeout_seconds))


class Flaky(Queue):
    """A queue whose database is away while `away` is set."""

    away = False

    def claim(self, *args, **kwargs):
        """Claim, unless the database is away."""
        if self.away:
            raise OperationalError("BEGIN", {}, Exception("no such host"))
        return super().claim(*args, **kwargs)


# Draining: without threads


def test_draining_handles_all_there_is(make_worker, put):
    """Drain handles every job that may start, and those that become ready meanwhile."""
    seen = []
    worker = make_worker(lambda job: seen.append(job.key) or Done())
    for key in ("a1", "a2"):
        put(key, subject="a")
    put("later", run_at=1e12)
    assert (worker.drain(), seen) == (2, ["a1", "a2"])


def test_queues_are_searched_in_the_order_of_the_handlers(make_worker, put):
    """The first queue is emptied before the next one."""
    seen = []
    note = lambda job: seen.append(job.queue) or Done()  # noqa: E731
    put("k", queue="delivery")
    put("k", queue="action")
    make_worker(handlers={"action": note, "delivery": note}).drain()
    assert seen == ["action", "delivery"]


# Running


def test_running_handles_jobs_until_told_to_stop(make_worker, put, queue, wakeup):
    """The loop claims jobs until it is stopped."""
    worker = make_worker(nothing)
    wakeup.script = [wakeup.all_done]
    job_id = put("k")
    worker.run()
    assert queue.get(job_id).state is State.DONE


def test_subjects_run_concurrently(make_worker, put, wakeup):
    """As many handlers run at once as there are threads, each with another subject."""
    together = threading.Barrier(2, timeout=10)
    worker = make_worker(lambda _job: together.wait() * 0 or Done(), threads=2)
    wakeup.script = [wakeup.all_done]
    for subject in "ab":
        put(subject, subject=subject)
    worker.run()
    assert not together.broken


def test_a_flood_in_one_queue_does_not_starve_the_others(make_worker, put, wakeup, clock):
    """Each claim begins with another queue."""
    seen = []

    def handler(job):
        seen.append(job.queue)
        clock.advance(2 * QUICK_SECONDS)  # a quick job would make the worker claim ahead
        return Done()

    worker = make_worker(handlers={"delivery": handler, "action": handler})
    wakeup.script = [wakeup.all_done] * 8
    for key in "abc":
        put(key, queue="delivery")
        put(key, queue="action")
    worker.run()
    assert seen == ["delivery", "action"] * 3


def test_quick_jobs_run_one_after_the_other(make_worker, put, queue, wakeup):
    """No thread starts a job while a fresh one runs."""
    together = threading.Barrier(2)

    def handler(_job):
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(0.05)
        return Done()

    worker = make_worker(handler, threads=2, alone_seconds=1e6)
    wakeup.script = [wakeup.all_done]
    for subject in "ab":
        put(subject, subject=subject)
    worker.run()
    assert together.broken
    assert queue.counts() == {("mail", State.DONE): 2}


def test_a_busy_handler_does_not_block_the_next(make_worker, put, queue, wakeup):
    """The next job starts while a handler spins without end."""
    spinning = [True]

    def handler(job):
        while job.key == "spin" and spinning:
            pass
        spinning.clear()
        return Done()

    worker = make_worker(handler, threads=2)
    wakeup.script = [wakeup.all_done]
    put("spin", subject="a")
    put("next", subject="b")
    worker.run()
    assert queue.counts() == {("mail", State.DONE): 2}


def test_no_more_is_claimed_than_there_are_threads(make_worker, put, queue, wakeup):
    """Jobs without a free thread stay in the queue, for other processes."""
    go, standing = threading.Event(), []
    worker = make_worker(lambda _job: go.wait(10) and Done())

    def look():
        standing.append(queue.counts())
        go.set()
        wakeup.all_done()
        worker.stop()

    wakeup.script = [lambda: None, look]
    put("a")
    put("b")
    worker.run()
    assert standing[0] == {("mail", State.LEASED): 1, ("mail", State.READY): 1}


def test_quick_jobs_are_claimed_ahead(make_worker, put, queue, wakeup):
    """Quick jobs are claimed several in a transaction, and more each time."""
    limits, claim = [], queue.claim

    def noted(queues, *, limit, **said):
        limits.append(limit)
        return claim(queues, limit=limit, **said)

    queue.claim = noted
    worker = make_worker(nothing)
    for key in range(8):
        put(str(key))
    wakeup.script = [wakeup.all_done] * 6
    worker.run()
    assert limits[:3] == [1, 2, 3]
    assert queue.counts() == {("mail", State.DONE): 8}


def test_slow_jobs_are_not_claimed_ahead(make_worker, put, queue, wakeup, clock):
    """Slow jobs stay in the queue, for other processes."""
    worker = make_worker(lambda _job: clock.advance(2 * QUICK_SECONDS) or Done())
    for key in "abc":
        put(key)
    standing = []

    def look():
        wakeup.all_done()
        standing.append(queue.counts())

    wakeup.script = [look] * 3
    worker.run()
    assert [counts[("mail", State.LEASED)] for counts in standing] == [1, 1, 1]


def test_jobs_claimed_ahead_are_given_back_when_threads_are_busy(make_worker, put, queue, wakeup):
    """A job that no thread has begun for a second is given back."""
    go, seen = threading.Event(), []

    def handler(job):
        if job.key == "slow":
            go.wait(10)
        return Done()

    worker = make_worker(handler, heartbeat_seconds=1e6)
    for key in ("quick", "slow", "ahead"):
        put(key)
    ahead = lambda: queue.find("mail", "ahead")  # noqa: E731

    def look():
        seen.append((ahead().state, ahead().attempt))

    def end():
        go.set()
        wakeup.all_done()

    wakeup.script = [wakeup.all_done, *[look] * 30, end, wakeup.all_done]
    worker.run()
    assert (State.LEASED, 1) in seen
    assert (State.READY, 0) in seen
    assert queue.counts() == {("mail", State.DONE): 3}


def test_the_loop_sleeps_until_the_next_job_is_due(make_worker, put, wakeup, clock):
    """The loop waits exactly until something is due."""
    put("k", run_at=clock() + 3)
    make_worker(nothing).run()
    assert wakeup.waits == [3.0]


def test_the_loop_polls_without_a_wake_up(make_worker, wakeup):
    """A lost wake-up costs seconds: the heartbeat comes every five seconds."""
    make_worker(nothing).run()
    assert wakeup.waits == [5.0]
    wakeup.waits.clear()
    make_worker(nothing, heartbeat_seconds=1e6, lease_seconds=1e6).run()
    assert wakeup.waits == [30.0]


def test_a_stop_in_a_signal_handler_ends_a_real_wait(make_worker):
    """A stop wakes the loop; it does not wait for the end of the timeout."""
    wakeup = Recording()
    worker = make_worker(nothing, wakeup=wakeup)
    before = signal.signal(signal.SIGALRM, lambda *_: worker.stop())
    wait = wakeup.wait

    def wait_for_the_alarm(timeout_seconds):
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        return wait(timeout_seconds)

    wakeup.wait = wait_for_the_alarm
    worker.run()
    signal.signal(signal.SIGALRM, before)
    wakeup.close()
    assert wakeup.woken == [True]


def test_leases_are_extended_while_handlers_run(make_worker, put, queue, wakeup, clock):
    """A job that takes longer than its lease stays leased."""
    go, entered, leases = threading.Event(), threading.Event(), []
    handler = lambda _job: entered.set() or (go.wait(10) and Done())  # noqa: E731
    worker = make_worker(handler, heartbeat_seconds=1e6)
    job_id = put("k")
    begin = clock()

    def look():
        assert entered.wait(10)
        leases.append(queue.get(job_id).lease_until - begin)

    wakeup.script = [look] * 5 + [lambda: go.set() or wakeup.all_done()]
    worker.run()
    assert leases == [60.0, 60.0, 80.0, 100.0, 120.0]
    assert queue.get(job_id).state is State.DONE


def test_leases_of_others_are_taken_back(make_worker, put, queue, wakeup, clock):
    """The next worker handles the jobs of a dead one."""
    job_id = put("k")
    queue.claim(["mail"], worker="dead", lease_seconds=10)
    worker = make_worker(nothing)
    clock.advance(11)
    wakeup.script = [wakeup.all_done]
    worker.run()
    row = queue.get(job_id)
    assert (row.state, row.attempt) == (State.DONE, 2)


def test_a_lost_lease_does_not_stop_the_loop(make_worker, put, queue, wakeup, clock, caplog):
    """A loop that was suspended past its lease loses it and goes on."""
    go = threading.Event()
    worker = make_worker(lambda _job: go.wait(10) and Done())
    job_id = put("k")

    def lose():
        clock.advance(100)
        queue.reclaim()

    wakeup.script = [lose, lambda: None, lambda: go.set() or wakeup.all_done()]
    with caplog.at_level("INFO"):
        worker.run()
    assert "lease not extended" in caplog.text
    assert queue.get(job_id).result == ""


# Idleness and callbacks


def test_idle_time_comes_with_each_heartbeat(make_worker, wakeup):
    """`on_idle` gets the seconds without work."""
    idle = []
    worker = make_worker(nothing, on_idle=idle.append)
    wakeup.script = [lambda: None] * 3
    worker.run()
    assert idle == [0.0, 5.0, 10.0, 15.0]


def test_a_loop_with_work_is_not_idle(make_worker, put, wakeup):
    """The idle time is zero while a handler runs."""
    go, idle = threading.Event(), []
    worker = make_worker(lambda _job: go.wait(10) and Done(), on_idle=idle.append)
    put("k")
    end = [go.set, worker.stop, wakeup.all_done]
    wakeup.script = [lambda: None] * 3 + [lambda: [step() for step in end]]
    worker.run()
    assert set(idle) == {0.0}
    assert worker.idle_since is None


def test_heartbeats_come_at_their_interval(make_worker, wakeup, clock):
    """A heartbeat row can be written every few seconds."""
    beats, begin = [], clock()
    worker = make_worker(
        nothing, on_heartbeat=lambda: beats.append(clock() - begin), heartbeat_seconds=2.0
    )
    wakeup.script = [lambda: None] * 2
    worker.run()
    assert beats == [0.0, 2.0, 4.0]


def test_heartbeats_go_on_when_the_clock_is_set_back(make_worker, wakeup, clock):
    """A clock that jumps back an hour does not stop heartbeats for an hour."""
    beats = []
    worker = make_worker(nothing, on_heartbeat=lambda: beats.append(1))
    wakeup.script = [lambda: clock.advance(-3600)]
    worker.run()
    assert len(beats) == 2


def test_a_callback_that_fails_does_not_stop_the_work(make_worker, put, queue, wakeup, caplog):
    """A bug in a callback is logged, and jobs are handled."""
    worker = make_worker(nothing, on_heartbeat=lambda: 1 / 0)
    job_id = put("k")
    wakeup.script = [wakeup.all_done]
    worker.run()
    assert queue.get(job_id).state is State.DONE
    assert "a callback of the worker failed" in caplog.text


# A database that is away


def test_a_database_that_is_away_is_waited_for(make_worker, put, engine, clock, wakeup, caplog):
    """The loop logs an outage once, retries with growing delays, and goes on afterwards."""
    queue = Flaky(engine, clock=clock)
    worker = make_worker(nothing, queue=queue)
    job_id = put("k")
    queue.away = True
    wakeup.script = [
        lambda: None,
        lambda: None,
        lambda: setattr(queue, "away", False),
        wakeup.all_done,
    ]
    worker.run()
    assert wakeup.waits[:3] == [0.25, 0.5, 1.0]
    assert queue.get(job_id).state is State.DONE
    assert [record.getMessage().split(",")[0] for record in caplog.records] == [
        "the database is away",
        "the database is back",
    ]


def test_a_heartbeat_during_an_outage_is_repeated(make_worker, wakeup, caplog):
    """A callback may write to the database too."""
    failures = [OperationalError("UPDATE", {}, Exception("gone"))]

    def beat():
        if failures:
            raise failures.pop()

    worker = make_worker(nothing, on_heartbeat=beat)
    wakeup.script = [lambda: None]
    worker.run()
    assert "the database is back" in caplog.text


def test_a_thread_goes_on_after_a_result_that_was_not_recorded(
    make_worker, put, queue, wakeup, monkeypatch, caplog
):
    """A thread goes on with the next job."""
    worker = make_worker(nothing)
    first = put("first")
    failures = [ZeroDivisionError(), ZeroDivisionError()]
    end = queue.end

    def failing(ended):
        if failures:
            raise failures.pop()
        return end(ended)

    monkeypatch.setattr(queue, "end", failing)
    second = put("second")
    wakeup.script = [wakeup.all_done] * 3
    worker.run()
    assert queue.get(first).state is State.LEASED
    assert queue.get(second).state is State.DONE
    assert "could not be recorded" in caplog.text


# Shutdown


def test_running_jobs_are_finished(make_worker, put, queue, wakeup):
    """After `stop` the loop waits for its handlers."""
    go, entered = threading.Event(), threading.Event()
    worker = make_worker(lambda _job: entered.set() or (go.wait(10) and Done("finished")))
    job_id = put("k")
    wakeup.script = [
        lambda: entered.wait(10) and worker.stop(),
        lambda: go.set() or wakeup.all_done(),
    ]
    worker.run()
    assert queue.get(job_id).result == "finished"


def test_jobs_beyond_the_shutdown_timeout_are_left_to_their_leases(
    make_worker, put, queue, wakeup, caplog
):
    """A handler that exceeds the shutdown timeout does not keep the process running."""
    go, entered = threading.Event(), threading.Event()
    worker = make_worker(lambda _job: entered.set() or (go.wait(10) and Done()))
    job_id = put("k")
    wakeup.script = [lambda: entered.wait(10) and worker.stop()]
    worker.run()
    left = queue.get(job_id).state
    go.set()
    assert left is State.LEASED
    assert "did not finish" in caplog.text


def test_a_result_is_recorded_when_the_database_is_back(
    make_worker, put, queue, wakeup, monkeypatch, caplog
):
    """An outage during the shutdown does not make the work be done again."""
    worker, end = make_worker(nothing), queue.end
    failures = [OperationalError("COMMIT", {}, Exception("gone"))] * 2

    def failing(ended):
        if failures:
            raise failures.pop()
        return end(ended)

    monkeypatch.setattr(queue, "end", failing)
    job_id = put("k")
    wakeup.script = [lambda: wakeup.all_done() or worker.stop()]
    worker.run()
    assert (queue.get(job_id).state, queue.get(job_id).attempt) == (State.DONE, 1)
    assert "the database is away" in caplog.text


def test_a_result_that_waits_for_the_database_is_not_stuck(
    make_worker, put, queue, wakeup, monkeypatch
):
    """An outage that outlasts a handler's time limit does not end the process."""
    worker, end = make_worker(nothing, limit_seconds=30.0), queue.end
    absence = [OperationalError("COMMIT", {}, Exception("gone"))] * 4
    monkeypatch.setattr(queue, "end", lambda ended: (absence and _raise(absence)) or end(ended))
    job_id = put("k")
    wakeup.script = [wakeup.all_done, *[lambda: wakeup.clock.advance(25)] * 4]
    worker.run()
    assert queue.get(job_id).state is State.DONE


def _raise(errors):
    raise errors.pop()


def test_a_thread_outlives_a_context_that_fails(make_worker, put, queue, wakeup, caplog):
    """A job whose context fails is left to its lease, and the next job is handled."""

    @contextlib.contextmanager
    def context(job):
        if job.key == "first":
            raise ZeroDivisionError
        yield

    worker = make_worker(nothing, context=context)
    first, second = put("first"), put("second")
    wakeup.script = [wakeup.all_done] * 2
    worker.run()
    assert [queue.get(each).state for each in (first, second)] == [State.LEASED, State.DONE]
    assert f"job {first} has no result" in caplog.text


def test_jobs_that_were_not_begun_are_given_back(make_worker, put, queue, wakeup):
    """A claimed job that no thread has begun is ready again, and its attempt does not count."""
    worker = make_worker(nothing, threads=1)
    job_id = put("k")
    [job] = queue.claim(["mail"], worker="w", lease_seconds=60)
    worker._start(job)
    worker._shut_down()
    row = queue.get(job_id)
    assert (row.state, row.attempt) == (State.READY, 0)


def test_a_job_lost_before_it_was_begun_cannot_be_given_back(
    make_worker, put, queue, clock, caplog
):
    """A worker that shuts down too late finds its lease lost."""
    worker = make_worker(nothing, threads=1)
    put("k")
    [job] = queue.claim(["mail"], worker="w", lease_seconds=60)
    worker._start(job)
    clock.advance(61)
    queue.reclaim()
    worker._shut_down()
    assert "could not be given back" in caplog.text


def test_a_shutdown_wakes_the_other_loops(make_worker, engine, clock):
    """Other loops must not wait for this one to look."""
    woken = []
    queue = Queue(engine, clock=clock, wake=lambda: woken.append(1))
    make_worker(nothing, queue=queue).run()
    assert woken == [1]


def test_the_threads_end_with_the_loop(make_worker, wakeup):
    """No thread is left running."""
    make_worker(nothing, threads=3, name="mine").run()
    for thread in threading.enumerate():
        if thread.name.startswith("mine"):
            thread.join(10)
    assert not [t for t in threading.enumerate() if t.name.startswith("mine")]


def test_a_handler_that_does_not_return_ends_the_process(make_worker, put, queue, wakeup):
    """An endless handler's lease is not extended for ever: the supervisor restarts the process."""
    go, entered = threading.Event(), threading.Event()
    worker = make_worker(lambda _job: entered.set() or (go.wait(10) and Done()), limit_seconds=30.0)
    job_id = put("k", kind="push")
    wakeup.at_the_end = lambda: entered.wait(10)
    with pytest.raises(Stuck, match=r"mail k. did not return within 30 s"):
        worker.run()
    left = queue.get(job_id)
    go.set()
    assert left.state is State.LEASED


def test_each_worker_has_another_name(make_worker):
    """Two workers of one process have different names."""
    assert make_worker(nothing).name != make_worker(nothing).name


def test_a_job_is_handled_and_logged_in_its_context(make_worker, put, wakeup):
    """The handler and all log lines about a job run inside the context."""
    inside, seen = [], []

    @contextlib.contextmanager
    def context(job):
        inside.append(job.key)
        yield
        inside.pop()

    worker = make_worker(lambda _job: seen.append(inside[:]) or Done(), context=context)
    put("one")
    worker.drain()
    put("two")
    wakeup.script = [wakeup.all_done]
    worker.run()
    assert (seen, inside) == ([["one"], ["two"]], [])
