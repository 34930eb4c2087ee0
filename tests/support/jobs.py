"""Helpers for tests of jobs."""

from tests.support import ends

LEASE = 60.0


def claimed_keys(queue, limit=100):
    """Claim every job; returns the keys in the order of the claims."""
    return [job.key for job in queue.claim(["mail"], worker="w", lease_seconds=LEASE, limit=limit)]


def finish(queue, job, way):
    """Finish a claim in one of the ways."""
    ways = {
        "done": lambda: ends.done(queue, job),
        "ignore": lambda: ends.ignore(queue, job, "unwanted"),
        "retry": lambda: ends.retry(queue, job, error="failed", run_at=0.0),
        "postpone": lambda: ends.postpone(queue, job, reason="limit", run_at=0.0),
        "bury": lambda: ends.bury(queue, job, "hopeless"),
        "give_back": lambda: queue.give_back(job),
        "extend": lambda: queue.extend(job, LEASE),
        "note": lambda: queue.note(job, "sending"),
    }
    return ways[way]()


WAYS = ["done", "ignore", "retry", "postpone", "bury", "give_back", "extend", "note"]
