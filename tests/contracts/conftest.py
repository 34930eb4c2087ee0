"""Shorthands for putting and claiming jobs."""

import pytest

from luggage.jobs import NewJob
from tests.support.jobs import LEASE


@pytest.fixture
def put(queue, clock):
    """Put a job with defaults for all but the given arguments; return its id."""

    def put(key, **said):
        values = {"queue": "mail", "body": b"hello", "run_at": clock(), **said}
        return queue.put(NewJob(key=key, **values)).id

    return put


@pytest.fixture
def claim(queue):
    """Claim at most one job of "mail", or None."""

    def claim():
        jobs = queue.claim(["mail"], worker="w", lease_seconds=LEASE)
        return jobs[0] if jobs else None

    return claim
