"""Helpers for tests of jobs."""

LEASE = 60.0


def claimed_keys(queue, limit=100):
    """Claim every job; returns the keys in the order of the claims."""
    return [job.key for job in queue.claim(["mail"], worker="w", lease_seconds=LEASE, limit=limit)]


def finish(queue, job, way):
    """Finish a claim in one of the ways."""
    ways = {
        "done": lambda: queue.done(job),
        "ignore": lambda: queue.ignore(job, "unwanted"),
        "retry": lambda: queue.retry(job, error="failed", run_at=0.0),
        "postpone": lambda: queue.postpone(job, reason="limit", run_at=0.0),
        "bury": lambda: queue.bury(job, "hopeless"),
        "give_back": lambda: queue.give_back(job),
        "extend": lambda: queue.extend(job, LEASE),
        "note": lambda: queue.note(job, "sending"),
    }
    return ways[way]()


WAYS = ["done", "ignore", "retry", "postpone", "bury", "give_back", "extend", "note"]
