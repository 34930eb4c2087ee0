"""What is measured: the table of metrics, and what each label may say.

No label holds anything that a stranger could choose or that names a repository or a person: an
event's name is GitHub's or "other", everything else is a word of ours or the number of an
installation. So the number of series is bounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.events import DELIVERIES
from luggage.github import EVENTS, Exchanged
from luggage.jobs import Dead, Done, Handler, Job, Outcome, Postpone, Retry
from luggage.telemetry.meter import Counter, Gauge, Histogram, Meter

DELIVERIES_TOTAL = Counter(
    "portmanteau_deliveries_total",
    "Deliveries that were posted, by event and answer: stored, known already, or a status.",
    ("event", "answer"),
)
JOBS_TOTAL = Counter(
    "portmanteau_jobs_total",
    "Attempts at jobs, by queue and how they ended.",
    ("queue", "outcome"),
)
RECOVERED_TOTAL = Counter(
    "portmanteau_recovered_total", "Missed deliveries that were fetched from GitHub's log."
)
REQUESTS_TOTAL = Counter(
    "portmanteau_github_requests_total",
    "Requests to GitHub, by method and class of the answer's status; none: no answer came.",
    ("method", "status"),
)
BOARD_FAILURES_TOTAL = Counter(
    "portmanteau_board_failures_total",
    "Times that the board's server did not do what it was asked.",
)
JOB_SECONDS = Histogram(
    "portmanteau_job_seconds",
    "How long an attempt at a job took, by queue and kind (the event, or the action).",
    ("queue", "kind"),
)
RULE_SECONDS = Histogram(
    "portmanteau_rule_seconds", "How long a rule took to decide, what it read included.", ("rule",)
)
REQUEST_SECONDS = Histogram(
    "portmanteau_github_request_seconds", "How long GitHub took to answer, by method.", ("method",)
)
LIMIT = Gauge(
    "portmanteau_github_limit",
    "Requests that GitHub allows in an hour, by installation and resource.",
    ("installation", "resource"),
)
LIMIT_REMAINING = Gauge(
    "portmanteau_github_limit_remaining",
    "Requests that are left of those, as last heard.",
    ("installation", "resource"),
)
LIMIT_RESET = Gauge(
    "portmanteau_github_limit_reset_timestamp_seconds",
    "When there will be all of them again, in seconds since the epoch.",
    ("installation", "resource"),
)
COUNTERS = (DELIVERIES_TOTAL, JOBS_TOTAL, RECOVERED_TOTAL, REQUESTS_TOTAL, BOARD_FAILURES_TOTAL)
HISTOGRAMS = (JOB_SECONDS, RULE_SECONDS, REQUEST_SECONDS)

# Those of the REST and GraphQL documentation; whatever else a header says is "other".
_RESOURCES = frozenset({"core", "search", "code_search", "graphql", "integration_manifest"})


def event_label(name: str) -> str:
    """The name of an event as GitHub documents it, "other" for any other."""
    return name if name in EVENTS else "other"


def heard(meter: Meter, exchanged: Exchanged) -> None:
    """Count a request to GitHub, and what its answer says of limits."""
    status = "none" if exchanged.status is None else f"{exchanged.status // 100}xx"
    meter.add(REQUESTS_TOTAL, exchanged.method, status)
    meter.observe(REQUEST_SECONDS, exchanged.seconds, exchanged.method)
    limit = exchanged.limit
    if limit is not None:
        of = exchanged.name.removeprefix("installation ").removeprefix("the ")
        labels = (of, limit.resource if limit.resource in _RESOURCES else "other")
        meter.see(LIMIT, limit.limit, *labels)
        meter.see(LIMIT_REMAINING, limit.remaining, *labels)
        meter.see(LIMIT_RESET, limit.reset_at, *labels)


def measured(handlers: Mapping[str, Handler], meter: Meter) -> dict[str, Handler]:
    """The same handlers, of which each attempt is counted and timed."""
    return {queue: _Measured(handler, meter) for queue, handler in handlers.items()}


@dataclass(frozen=True)
class _Measured:
    """A handler whose attempts are counted by how they end."""

    handler: Handler
    meter: Meter

    def __call__(self, job: Job) -> Outcome:
        """Handle the job; raises what its handler raises."""
        kind = event_label(job.kind) if job.queue == DELIVERIES else job.kind
        outcome = "failed"
        try:
            with self.meter.timed(JOB_SECONDS, job.queue, kind):
                answer = self.handler(job)
            outcome = "done" if isinstance(answer, Done) else "ignored"
        except (Postpone, Retry, Dead) as order:
            outcome = _ORDERS[type(order)]
            raise
        finally:
            self.meter.add(JOBS_TOTAL, job.queue, outcome)
        return answer


_ORDERS: Mapping[type[Exception], str] = {Postpone: "postponed", Retry: "retried", Dead: "dead"}
