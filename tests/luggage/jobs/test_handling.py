"""luggage.jobs.handling: from a handler's outcome to the recorded transition."""

from contextlib import nullcontext

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from luggage.jobs import Dead, Done, Ignored, LeaseLost, NewJob, Postpone, Retry, State
from luggage.jobs.handling import AWAY, Handling, away_backoff
from luggage.jobs.outcomes import done, given_back

LATER = 1_900_000_000.0


def raising(error):
    """Return a handler that raises."""

    def handler(_job):
        raise error

    return handler


def returning(outcome):
    """Return a handler that returns `outcome`."""
    return lambda _job: outcome


@pytest.fixture
def handle(queue, clock, put):
    """Put a job, claim it and handle it; return its row."""

    def handle(handler, key="k", **said):
        job_id = put(key, **said)
        [job] = queue.claim(["mail"], worker="w", lease_seconds=60.0)
        handling = Handling(queue, {"mail": handler}, clock, lambda: 0.5)
        if transition := handling.handle(job):
            handling.record([transition])
        return queue.get(job_id)

    return handle


def test_done_is_recorded_with_its_result(handle):
    """A handler that returns Done finishes its job."""
    row = handle(returning(Done("sent")))
    assert (row.state, row.result) == (State.DONE, "sent")


def test_the_jobs_of_an_outcome_are_put(handle, queue):
    """The jobs of an outcome are in the queue once the job is done."""
    handle(returning(Done(put=[NewJob(queue="mail", key="next", body=b"", run_at=0.0)])))
    assert queue.find("mail", "next").state is State.READY


def test_ignored_is_recorded_with_its_reason(handle):
    """A handler that returns Ignored finishes its job with a reason."""
    row = handle(returning(Ignored("no rule")))
    assert (row.state, row.reason) == (State.IGNORED, "no rule")


def test_postpone_gives_the_attempt_back(handle):
    """A postponed job is ready at the given time, and the attempt does not count."""
    row = handle(raising(Postpone(LATER, "limit")))
    assert (row.state, row.run_at, row.attempt, row.reason) == (State.READY, LATER, 0, "limit")


def test_retry_obeys_a_time(handle):
    """A retry with a time happens at that time."""
    row = handle(raising(Retry("busy", LATER)))
    assert (row.state, row.run_at, row.attempt, row.reason) == (State.READY, LATER, 1, "busy")


def test_retry_without_a_time_backs_off(handle, clock):
    """A retry without a time waits for the backoff."""
    assert handle(raising(Retry("busy"))).run_at == clock() + 2.0


@pytest.mark.parametrize("error", [Retry("busy", LATER), Retry("busy"), ValueError("busy")])
def test_the_last_attempt_that_fails_ends_dead(handle, error):
    """Whether the handler asked for a retry or raised anything else; one more is not allowed."""
    assert handle(raising(error), max_attempts=2).state is State.READY
    row = handle(raising(error), key="l", max_attempts=1)
    assert (row.state, row.attempt, row.max_attempts) == (State.DEAD, 1, 1)


@pytest.mark.parametrize("error", AWAY)
def test_a_database_that_is_away_costs_the_job_no_attempt(handle, error):
    """A handler asked the database, which is away: that is not the job's fault."""
    arguments = () if error is PoolTimeout else ("SELECT", {}, Exception("gone"))
    row = handle(raising(error(*arguments)), max_attempts=1)
    assert (row.state, row.attempt, row.max_attempts) == (State.READY, 1, 2)
    assert row.reason.startswith(f"{error.__name__}: ")


def test_a_handler_is_called_in_the_context_of_its_job(queue, clock, put):
    """So that log lines and crash reports name it."""
    entered = []

    def context(job):
        entered.append(job.key)
        return nullcontext()

    put("k")
    [job] = queue.claim(["mail"], worker="w", lease_seconds=60.0)
    Handling(queue, {"mail": returning(Done())}, clock, lambda: 0.5, context).handle(job)
    assert entered == ["k"]


def test_a_job_that_is_done_without_more_has_no_result_and_no_reason(handle):
    """What is empty is shown as empty."""
    row = handle(returning(Done()))
    assert (row.state, row.result, row.reason) == (State.DONE, "", "")
    assert done(row).result == ""


def test_retry_through_no_fault_of_the_job_allows_one_more(handle):
    """An outage does not use up a job's attempts."""
    row = handle(raising(Retry("outage", LATER, counted=False)), max_attempts=1)
    assert (row.state, row.max_attempts) == (State.READY, 2)


def test_dead_is_final(handle):
    """A job that can never succeed is not retried."""
    row = handle(raising(Dead("gone")))
    assert (row.state, row.reason) == (State.DEAD, "gone")


@pytest.mark.parametrize("failure", [ZeroDivisionError("by nought"), SystemExit(3), MemoryError()])
def test_any_exception_of_a_handler_is_a_failed_attempt(handle, failure, caplog):
    """A bug in a handler is logged with its traceback, recorded, and retried."""
    row = handle(raising(failure))
    assert (row.state, row.attempt) == (State.READY, 1)
    assert row.reason.startswith(type(failure).__name__)
    assert caplog.records[0].exc_info[1] is failure


def test_an_outcome_that_cannot_be_recorded_is_a_failed_attempt(handle, caplog):
    """A job that puts impossible jobs fails, instead of being handled for ever."""
    bad = NewJob(queue="mail", key="bad", body=b"", run_at=0.0, after="unheard of")
    row = handle(returning(Done(put=[bad])))
    assert (row.state, row.attempt) == (State.READY, 1)
    assert "unheard of" in row.reason
    assert "the queue refused the result of job 1" in caplog.text


def test_an_unknown_outcome_is_a_failed_attempt(handle):
    """A handler that returns None has not done its job."""
    assert "None" in handle(returning(None)).reason
    assert "'sent'" in handle(returning("sent"), key="l").reason


def test_a_lost_lease_is_only_logged(handle, queue, clock, caplog):
    """The result of a handler whose lease is lost is dropped."""

    def slow(_job):
        clock.advance(61)
        queue.reclaim()
        return Done("late")

    row = handle(slow)
    assert (row.state, row.result) == (State.READY, "")
    assert "no longer held" in caplog.text


def test_a_handler_that_finds_its_lease_lost_stops(handle, caplog):
    """A handler may raise LeaseLost; nothing more is recorded."""
    row = handle(raising(LeaseLost("gone")))
    assert row.state is State.LEASED
    assert "gone" in caplog.text


@pytest.fixture
def transitions(queue, clock, put):
    """Handle a job with each handler; return the Handling and the transitions."""

    def transitions(*handlers):
        handling = Handling(queue, {"mail": lambda job: handlers[int(job.key)](job)}, clock, random)
        for number, _ in enumerate(handlers):
            put(str(number))
        jobs = queue.claim(["mail"], worker="w", lease_seconds=60.0, limit=len(handlers))
        return handling, [handling.handle(job) for job in jobs]

    return transitions


def random():
    return 0.5


def states(queue):
    """Return the states of all jobs, by key."""
    return {row.key: row.state for row in queue.search("mail")}


def test_many_transitions_are_recorded_together(transitions, queue):
    """Transitions of several jobs and kinds share one transaction."""
    handling, results = transitions(
        returning(Done("sent")), returning(Ignored("no rule")), raising(Dead("gone"))
    )
    handling.record(results)
    assert states(queue) == {"0": State.DONE, "1": State.IGNORED, "2": State.DEAD}
    assert [queue.find("mail", key).result for key in "012"] == ["sent", "", ""]


def test_a_refused_transition_does_not_block_the_others(transitions, queue, caplog):
    """An impossible outcome is a failed attempt of its job alone."""
    bad = NewJob(queue="mail", key="bad", body=b"", run_at=0.0, after="unheard of")
    handling, results = transitions(
        returning(Done()), returning(Done(put=[bad])), returning(Done())
    )
    handling.record(results)
    assert states(queue) == {"0": State.DONE, "1": State.READY, "2": State.DONE}
    assert "refused the result of job 2 (mail 1)" in caplog.text


def test_a_lost_lease_does_not_block_the_others(transitions, queue, clock, caplog):
    """The results of jobs that are still held are recorded."""
    handling, results = transitions(returning(Done()), returning(Done()))
    queue.give_back(results[0].job)
    handling.record(results)
    assert states(queue) == {"0": State.READY, "1": State.DONE}
    assert "job 1 (mail 0) is no longer held" in caplog.text


def test_recording_can_be_repeated_after_an_outage(transitions, queue, monkeypatch):
    """A transition that failed to be recorded is recorded later, and the work is done once."""
    handling, results = transitions(returning(Done()))
    away = OperationalError("COMMIT", {}, Exception("disk full"))
    with monkeypatch.context() as patch:
        patch.setattr(queue, "_end", raising_all(away))
        with pytest.raises(OperationalError):
            handling.record(results)
    handling.record(results)
    assert queue.find("mail", "0").attempt == 1
    assert states(queue) == {"0": State.DONE}


def test_an_outage_during_a_refusal_is_raised(transitions, queue, monkeypatch):
    """Recording the failed attempt is repeated too."""
    handling, results = transitions(returning(Done()))
    failures = [OperationalError("COMMIT", {}, Exception("gone")), ZeroDivisionError()]

    def end(*_):
        raise failures.pop()

    monkeypatch.setattr(queue, "_end", end)
    with pytest.raises(OperationalError):
        handling.record(results)


def raising_all(error):
    """Return a function that raises, with any arguments."""

    def call(*_):
        raise error

    return call


def test_the_backoff_of_an_outage_is_short():
    """Half a second at first, and five however long the database has been away."""
    assert [away_backoff(failures, lambda: 1.0) for failures in (1, 2, 1000)] == [0.5, 1.0, 5.0]


def test_a_job_that_is_given_back_is_ready_as_it_was(queue, put):
    """Its time and attempts are as before the claim, and its row says why."""
    before = queue.get(put("k"))
    [job] = queue.claim(["mail"], worker="w", lease_seconds=60.0)
    queue.end([given_back(job)])
    row = queue.get(job.id)
    assert (row.state, row.run_at, row.attempt) == (State.READY, before.run_at, 0)
    assert row.reason == "given back before work began"
