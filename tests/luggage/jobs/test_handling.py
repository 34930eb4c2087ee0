"""luggage.jobs.handling: from the handler's answer to the record of a job's end."""

import pytest
from sqlalchemy.exc import OperationalError

from luggage.jobs import Dead, Done, Ignored, LeaseLost, NewJob, Postpone, Retry, State
from luggage.jobs.handling import Handling, away_backoff

LATER = 1_900_000_000.0


def raising(error):
    """Return a handler that raises."""

    def handler(_job):
        raise error

    return handler


def answering(outcome):
    """Return a handler that answers."""
    return lambda _job: outcome


@pytest.fixture
def handle(queue, clock, put):
    """Put a job, claim it, have it handled; return its row."""

    def handle(handler, **said):
        job_id = put("k", **said)
        [job] = queue.claim(["mail"], worker="w", lease_seconds=60.0)
        handling = Handling(queue, {"mail": handler}, clock, lambda: 0.5)
        if transition := handling.handle(job):
            handling.record([transition])
        return queue.get(job_id)

    return handle


def test_done_is_recorded_with_its_result(handle):
    """A handler that answers Done has finished its job."""
    row = handle(answering(Done("sent")))
    assert (row.state, row.result) == (State.DONE, "sent")


def test_what_follows_is_put(handle, queue):
    """The jobs of an answer are in the queue once the job is done."""
    handle(answering(Done(put=[NewJob(queue="mail", key="next", body=b"", run_at=0.0)])))
    assert queue.find("mail", "next").state is State.READY


def test_ignored_is_recorded_with_its_reason(handle):
    """A handler that answers Ignored has finished its job, and said why."""
    row = handle(answering(Ignored("no rule")))
    assert (row.state, row.reason) == (State.IGNORED, "no rule")


def test_postpone_gives_the_attempt_back(handle):
    """A job that is postponed comes at the time given, uncounted."""
    row = handle(raising(Postpone(LATER, "limit")))
    assert (row.state, row.run_at, row.attempt, row.reason) == (State.READY, LATER, 0, "limit")


def test_retry_obeys_a_time(handle):
    """A job that is to be tried at a time is tried then."""
    row = handle(raising(Retry("busy", LATER)))
    assert (row.state, row.run_at, row.attempt, row.reason) == (State.READY, LATER, 1, "busy")


def test_retry_without_a_time_backs_off(handle, clock):
    """A job that is to be tried some time waits by the rule of backoff."""
    assert handle(raising(Retry("busy"))).run_at == clock() + 2.0


def test_retry_through_no_fault_of_the_job_allows_one_more(handle):
    """An outage does not eat up a job's attempts."""
    row = handle(raising(Retry("outage", LATER, counted=False)), max_attempts=1)
    assert (row.state, row.max_attempts) == (State.READY, 2)


def test_dead_is_final(handle):
    """A job that can never succeed is not tried again."""
    row = handle(raising(Dead("gone")))
    assert (row.state, row.reason) == (State.DEAD, "gone")


@pytest.mark.parametrize("failure", [ZeroDivisionError("by nought"), SystemExit(3), MemoryError()])
def test_whatever_a_handler_raises_is_a_failed_attempt(handle, failure, caplog):
    """A bug in a handler is logged with its traceback, recorded, and tried again."""
    row = handle(raising(failure))
    assert (row.state, row.attempt) == (State.READY, 1)
    assert row.reason.startswith(type(failure).__name__)
    assert caplog.records[0].exc_info[1] is failure


def test_an_answer_that_cannot_be_recorded_is_a_failed_attempt(handle, caplog):
    """A job that asks for impossible jobs fails, instead of being handled for ever."""
    bad = NewJob(queue="mail", key="bad", body=b"", run_at=0.0, after="unheard of")
    row = handle(answering(Done(put=[bad])))
    assert (row.state, row.attempt) == (State.READY, 1)
    assert "unheard of" in row.reason
    assert "the queue refused the result of job 1" in caplog.text


def test_an_unknown_answer_is_a_failed_attempt(handle):
    """A handler that forgets to answer has not done its job."""
    assert "None" in handle(answering(None)).reason


def test_a_lost_lease_is_only_logged(handle, queue, clock, caplog):
    """The result of a holder that was given up is dropped."""

    def slow(_job):
        clock.advance(61)
        queue.reclaim()
        return Done("late")

    row = handle(slow)
    assert (row.state, row.result) == (State.READY, "")
    assert "no longer held" in caplog.text


def test_a_handler_that_finds_its_lease_lost_stops(handle, caplog):
    """A handler may let LeaseLost through; nothing more is recorded."""
    row = handle(raising(LeaseLost("gone")))
    assert row.state is State.LEASED
    assert "gone" in caplog.text


@pytest.fixture
def ends(queue, clock, put):
    """Have a job of each handler handled; return the Handling and their ends."""

    def ends(*handlers):
        handling = Handling(queue, {"mail": lambda job: handlers[int(job.key)](job)}, clock, random)
        for number, _ in enumerate(handlers):
            put(str(number))
        jobs = queue.claim(["mail"], worker="w", lease_seconds=60.0, limit=len(handlers))
        return handling, [handling.handle(job) for job in jobs]

    return ends


def random():
    return 0.5


def states(queue):
    """The states of all jobs, by key."""
    return {row.key: row.state for row in queue.recent("mail")}


def test_many_ends_are_recorded_together(ends, queue):
    """The ends of several jobs, of several kinds, are one transaction."""
    handling, asked = ends(
        answering(Done("sent")), answering(Ignored("no rule")), raising(Dead("gone"))
    )
    handling.record(asked)
    assert states(queue) == {"0": State.DONE, "1": State.IGNORED, "2": State.DEAD}
    assert [queue.find("mail", key).result for key in "012"] == ["sent", "", ""]


def test_one_end_that_is_refused_keeps_none_of_the_others(ends, queue, caplog):
    """An impossible answer is a failed attempt of its job alone."""
    bad = NewJob(queue="mail", key="bad", body=b"", run_at=0.0, after="unheard of")
    handling, asked = ends(answering(Done()), answering(Done(put=[bad])), answering(Done()))
    handling.record(asked)
    assert states(queue) == {"0": State.DONE, "1": State.READY, "2": State.DONE}
    assert "refused the result of job 2 (mail 1)" in caplog.text


def test_one_lost_lease_keeps_none_of_the_others(ends, queue, clock, caplog):
    """The results of those that are still held are recorded."""
    handling, asked = ends(answering(Done()), answering(Done()))
    queue.give_back(asked[0].job)
    handling.record(asked)
    assert states(queue) == {"0": State.READY, "1": State.DONE}
    assert "job 1 (mail 0) is no longer held" in caplog.text


def test_ends_outlive_a_database_that_is_away(ends, queue, monkeypatch):
    """What could not be recorded is recorded when it is tried again; the work is done once."""
    handling, asked = ends(answering(Done()))
    away = OperationalError("COMMIT", {}, Exception("disk full"))
    with monkeypatch.context() as patch:
        patch.setattr(queue, "_end", raising_all(away))
        with pytest.raises(OperationalError):
            handling.record(asked)
    handling.record(asked)
    assert queue.find("mail", "0").attempt == 1
    assert states(queue) == {"0": State.DONE}


def test_a_database_that_goes_away_during_a_refusal_is_told_of(ends, queue, monkeypatch):
    """Recording the failed attempt is tried again as well."""
    handling, asked = ends(answering(Done()))
    failures = [OperationalError("COMMIT", {}, Exception("gone")), ZeroDivisionError()]

    def end(*_):
        raise failures.pop()

    monkeypatch.setattr(queue, "_end", end)
    with pytest.raises(OperationalError):
        handling.record(asked)


def raising_all(error):
    """Return a function that raises, whatever it is given."""

    def call(*_):
        raise error

    return call


def test_the_database_is_left_alone_for_seconds_at_most():
    """However long it is away, it is tried again within five seconds."""
    assert away_backoff(1000, lambda: 1.0) == 5.0
