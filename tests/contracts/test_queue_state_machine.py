"""Any sequence of steps on the queue matches a simple model in memory.

The model is a list in the order of puts, with plain rules; it shares no code with the queue.
"""

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from luggage.database import writing
from luggage.jobs import LeaseLost, NewJob, Queue, State, UnknownJob, WrongState
from luggage.jobs.queue import APART_SECONDS
from luggage.jobs.schema import job, job_body
from tests.support import ends
from tests.support.clock import FakeClock

LEASE = 10.0
QUEUES = ["delivery", "action"]
KEYS = "abcdef"

# Most jobs share a queue, so that they affect each other.
any_queue = st.sampled_from(["action", "action", "action", "delivery"])
any_subject = st.sampled_from(["", "x", "x", "y"])
any_key = st.sampled_from(KEYS)
any_delay = st.sampled_from([0.0, 0.0, -1.0, -2.0, 5.0])


@dataclass
class ModelJob:
    """A job of the model."""

    id: int
    queue: str
    key: str
    subject: str
    run_at: float
    max_attempts: int
    state: State
    after: "ModelJob | None"
    attempt: int = 0
    fence: int = 0
    lease_until: float | None = None
    note: str = ""

    def seen(self):
        """Return the columns of a row that are compared."""
        after = self.after and self.after.id
        place = (self.state, self.run_at, self.attempt, self.fence)
        return (*place, self.lease_until, self.note, after)


@dataclass
class Model:
    """The queue in memory: slow and simple."""

    jobs: list[ModelJob] = field(default_factory=list)

    def find(self, queue, key):
        """Return the job with this key, or None."""
        return next((j for j in self.jobs if (j.queue, j.key) == (queue, key)), None)

    def may_start(self, candidate, now):
        """Return whether a job may be claimed now."""
        line = (candidate.queue, candidate.subject)
        elders = [j for j in self.jobs if candidate.subject and (j.queue, j.subject) == line]
        blocked = any(
            j.state is State.LEASED or (j.state is State.READY and j.id < candidate.id)
            for j in elders
        )
        return candidate.state is State.READY and candidate.run_at <= now and not blocked

    def claimable(self, queues, now, limit):
        """Return the jobs that a claim takes, in order."""
        found = []
        for queue in queues:
            mine = [j for j in self.jobs if j.queue == queue and self.may_start(j, now)]
            found += sorted(mine, key=lambda j: (j.run_at, j.id))
        return found[:limit]

    def next_run_at(self, queues):
        """Return when a claim could succeed without another step."""
        late = float("inf")
        return min((j.run_at for j in self.claimable(queues, late, 10**6)), default=None)

    def end(self, ended, state):
        """Move a job to a state, and update its dependents."""
        ended.state, ended.lease_until = state, None
        for dependent in self.jobs:
            if dependent.after is ended and dependent.state is State.HELD:
                if state is State.DONE:
                    dependent.state = State.READY
                elif state is State.IGNORED:
                    self.end(dependent, State.IGNORED)


class QueueMachine(RuleBasedStateMachine):
    """Steps on a queue and on the model, with comparisons."""

    claims = Bundle("claims")

    def __init__(self, engine):
        super().__init__()
        with writing(engine) as connection:
            connection.execute(job_body.delete())
            connection.execute(job.delete())
        self.clock = FakeClock()
        self.queue = Queue(engine, clock=self.clock)
        self.model = Model()

    @rule(
        queue=any_queue,
        key=any_key,
        subject=any_subject,
        delay=any_delay,
        max_attempts=st.integers(1, 3),
    )
    def put(self, queue, key, subject, delay, max_attempts):
        """Put a job, known or new."""
        new = NewJob(
            queue=queue,
            key=key,
            subject=subject,
            body=key.encode(),
            run_at=self.clock() + delay,
            max_attempts=max_attempts,
        )
        self.put_both(new, None)

    @rule(queue=any_queue, key=any_key, after=any_key, subject=any_subject, delay=any_delay)
    def put_dependent(self, queue, key, after, subject, delay):
        """Put a job that depends on another, if that exists."""
        run_at = self.clock() + delay
        new = NewJob(
            queue=queue, key=key, subject=subject, body=key.encode(), run_at=run_at, after=after
        )
        if first := self.model.find(queue, after):
            self.put_both(new, first)
        else:
            with pytest.raises(UnknownJob):
                self.queue.put(new)

    def put_both(self, new, first):
        """Put into both, and compare the results."""
        known = self.model.find(new.queue, new.key)
        put = self.queue.put(new)
        assert put.created == (known is None)
        if known:
            assert put.id == known.id
        else:
            self.model.jobs.append(self.model_of(put.id, new, first))

    def model_of(self, job_id, new, first):
        """Return the model of a new job."""
        states = {State.DONE: State.READY, State.IGNORED: State.IGNORED}
        state = states.get(first.state, State.HELD) if first else State.READY
        return ModelJob(
            job_id, new.queue, new.key, new.subject, new.run_at, new.max_attempts, state, first
        )

    @rule(target=claims, queues=st.permutations(QUEUES), limit=st.integers(1, 4))
    def claim(self, queues, limit):
        """Claim up to so many jobs, and compare them with the model's."""
        now = self.clock()
        expected = self.model.claimable(queues, now, limit)
        found = self.queue.claim(queues, worker="w", lease_seconds=LEASE, limit=limit)
        for modelled in expected:
            modelled.state, modelled.lease_until = State.LEASED, now + LEASE
            modelled.attempt += 1
            modelled.fence += 1
        assert [(j.id, j.attempt, j.fence, j.body) for j in found] == [
            (j.id, j.attempt, j.fence, j.key.encode()) for j in expected
        ]
        return multiple(*found)

    def held(self, claim):
        """Return the model's job if this claim still holds it."""
        modelled = next(j for j in self.model.jobs if j.id == claim.id)
        return modelled if (modelled.state, modelled.fence) == (State.LEASED, claim.fence) else None

    def fenced(self, claim, call):
        """Call; return the model's job, or None when the queue says that the lease is lost."""
        modelled = self.held(claim)
        if modelled is None:
            with pytest.raises(LeaseLost):
                call()
        else:
            call()
        return modelled

    @rule(claim=claims)
    def done(self, claim):
        """Finish a job with a held or lost lease."""
        if modelled := self.fenced(claim, lambda: ends.done(self.queue, claim)):
            self.model.end(modelled, State.DONE)

    @rule(claim=claims)
    def ignore(self, claim):
        """Ignore a job with a held or lost lease."""
        if modelled := self.fenced(claim, lambda: ends.ignore(self.queue, claim, "unwanted")):
            self.model.end(modelled, State.IGNORED)

    @rule(claim=claims)
    def bury(self, claim):
        """Bury a job with a held or lost lease."""
        if modelled := self.fenced(claim, lambda: ends.bury(self.queue, claim, "hopeless")):
            self.model.end(modelled, State.DEAD)

    @rule(claim=claims, delay=st.sampled_from([0.0, 5.0]))
    def retry(self, claim, delay):
        """Fail a job with a held or lost lease."""
        run_at = self.clock() + delay
        if modelled := self.fenced(
            claim, lambda: ends.retry(self.queue, claim, error="failed", run_at=run_at)
        ):
            modelled.run_at = run_at
            spent = modelled.attempt >= modelled.max_attempts
            self.model.end(modelled, State.DEAD if spent else State.READY)

    @rule(claim=claims)
    def retry_uncounted(self, claim):
        """Fail a job without counting the attempt, with a held or lost lease."""
        run_at = self.clock()
        if modelled := self.fenced(
            claim,
            lambda: ends.retry(self.queue, claim, error="outage", run_at=run_at, counted=False),
        ):
            modelled.run_at = run_at
            modelled.max_attempts += 1
            self.model.end(modelled, State.READY)

    @rule(claim=claims, delay=st.sampled_from([0.0, 5.0]))
    def postpone(self, claim, delay):
        """Postpone a job with a held or lost lease."""
        run_at = self.clock() + delay
        if modelled := self.fenced(
            claim, lambda: ends.postpone(self.queue, claim, reason="limit", run_at=run_at)
        ):
            modelled.run_at = run_at
            modelled.attempt -= 1
            self.model.end(modelled, State.READY)

    @rule(claim=claims)
    def give_back(self, claim):
        """Give a job back with a held or lost lease."""
        if modelled := self.fenced(claim, lambda: self.queue.give_back(claim)):
            modelled.attempt -= 1
            self.model.end(modelled, State.READY)

    @rule(claim=claims)
    def extend(self, claim):
        """Extend a held or lost lease."""
        if modelled := self.fenced(claim, lambda: self.queue.extend(claim, LEASE)):
            modelled.lease_until = self.clock() + LEASE

    @rule(claim=claims, text=st.sampled_from(["sending", ""]))
    def note(self, claim, text):
        """Write a note with a held or lost lease."""
        if modelled := self.fenced(claim, lambda: self.queue.note(claim, text)):
            modelled.note = text

    @rule(seconds=st.sampled_from([1.0, 4.0, 11.0]))
    def pass_time(self, seconds):
        """Advance the clock."""
        self.clock.advance(seconds)

    @rule()
    def reclaim(self):
        """Reclaim jobs with expired leases."""
        now = self.clock()
        expired = [j for j in self.model.jobs if j.state is State.LEASED and j.lease_until < now]
        assert self.queue.reclaim() == len(expired)
        expired.sort(key=lambda j: (j.lease_until, j.id))
        for place, modelled in enumerate(expired):
            modelled.run_at = now + place * APART_SECONDS
            spent = modelled.attempt >= modelled.max_attempts
            self.model.end(modelled, State.DEAD if spent else State.READY)

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data())
    def revive(self, data):
        """Revive some job, or be refused."""
        modelled = data.draw(st.sampled_from(self.model.jobs), "job")
        if modelled.state in {State.LEASED, State.DONE}:
            with pytest.raises(WrongState):
                self.queue.revive(modelled.id)
            return
        self.queue.revive(modelled.id)
        if modelled.state is not State.READY:
            modelled.state, modelled.attempt, modelled.run_at = State.READY, 0, self.clock()

    @invariant()
    def every_job_is_where_the_model_has_it(self):
        """The database and the model agree on every job."""
        rows = [row for queue in QUEUES for row in self.queue.search(queue)]
        found = {
            r.id: (r.state, r.run_at, r.attempt, r.fence, r.lease_until, r.note, r.after)
            for r in rows
        }
        assert found == {j.id: j.seen() for j in self.model.jobs}

    @invariant()
    def one_at_a_time_for_each_subject(self):
        """No subject has two leased jobs."""
        leased = [
            (j.queue, j.subject) for j in self.model.jobs if j.state is State.LEASED and j.subject
        ]
        assert len(leased) == len(set(leased))

    @invariant()
    def the_next_time_is_known(self):
        """The next due time is the model's."""
        for queue in QUEUES:
            assert self.queue.next_run_at([queue]) == self.model.next_run_at([queue])

    @invariant()
    def the_numbers_add_up(self):
        """The counts are the model's."""
        expected = {}
        for modelled in self.model.jobs:
            place = (modelled.queue, modelled.state)
            expected[place] = expected.get(place, 0) + 1
        assert self.queue.counts() == expected


@pytest.mark.sweep
def test_any_sequence_of_steps_agrees_with_the_model(engine):
    """The queue matches the model after every step."""
    few = settings(max_examples=settings().max_examples // 3, stateful_step_count=40)
    run_state_machine_as_test(lambda: QueueMachine(engine), settings=few)
