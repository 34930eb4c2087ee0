"""luggage.jobs.handling: from the handler's answer to the record of a job's end."""

import pytest
from sqlalchemy.exc import OperationalError

from luggage.jobs import Dead, Done, Ignored, LeaseLost, NewJob, Postpone, Queue, Retry, State
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

    def handle(handler, *, by=queue, wait=lambda _seconds: True, **said):
        job_id = put("k", **said)
        [job] = queue.claim(["mail"], worker="w", lease_seconds=60.0)
        Handling(by, {"mail": handler}, clock, lambda: 0.5, wait).handle(job)
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
    assert "was refused" in caplog.text


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


class Away(Queue):
    """A queue whose database is away for the first ends, or for all."""

    failures = 10**6

    def done(self, job, **values):
        """Fail some times, then do it."""
        if self.failures:
            self.failures -= 1
            raise OperationalError("COMMIT", {}, Exception("disk full"))
        super().done(job, **values)


def test_an_end_is_recorded_when_the_database_is_back(handle, engine, clock):
    """The work is not done again because its end could not be written down at once."""
    away, waits = Away(engine, clock=clock), []
    away.failures = 3
    row = handle(answering(Done()), by=away, wait=waits.append)
    assert (row.state, row.attempt) == (State.DONE, 1)
    assert waits == [0.25, 0.5, 1.0]


def test_giving_up_leaves_the_lease_to_run_out(handle, engine, clock, queue):
    """Told to end, it does not wait for the database for ever."""
    with pytest.raises(OperationalError):
        handle(answering(Done()), by=Away(engine, clock=clock))
    assert queue.find("mail", "k").state is State.LEASED


def test_the_database_is_left_alone_for_seconds_at_most():
    """However long it is away, it is tried again within five seconds."""
    assert away_backoff(1000, lambda: 1.0) == 5.0
