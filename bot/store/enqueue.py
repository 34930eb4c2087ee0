"""From a delivery to a job: the same, whichever way it came in."""

from bot.events import DELIVERIES, subject
from luggage.github import Delivery
from luggage.jobs import NewJob

# The note of a delivery that was fetched from GitHub's log. A database that is lost now may have
# seen it before, so its comments are looked for before they are written.
RECOVERED = "recovered"
# The note of a delivery that a person put in from a file, which may come from another database.
REPLAYED = "replayed"


def job_of(delivery: Delivery, body: bytes, *, run_at: float, note: str = "") -> NewJob:
    """The job that decides a delivery: its key is the X-GitHub-Delivery, `body` the raw JSON."""
    return NewJob(
        queue=DELIVERIES,
        key=delivery.id,
        subject=subject(delivery.payload),
        kind=delivery.event,
        body=body,
        run_at=run_at,
        note=note,
    )
