"""Metrics of the bot, and the values of their labels.

Labels contain no text from strangers and no names of repositories or people, so the number of
series is bounded: they are known event names, words of ours, or installation numbers.
"""

from luggage.github import Exchanged
from luggage.telemetry.meter import Counter, Gauge, Histogram, Meter

DELIVERIES_TOTAL = Counter(
    "portmanteau_deliveries_total",
    "Deliveries received by the webhook, by event and response: stored, known, or a status.",
    ("event", "answer"),
)
JOBS_TOTAL = Counter(
    "portmanteau_jobs_total",
    "Attempts at jobs, by queue and outcome.",
    ("queue", "outcome"),
)
RULE_FAILURES_TOTAL = Counter(
    "portmanteau_rule_failures_total",
    "Evaluations of a rule that failed; the rule is evaluated again, alone.",
    ("rule",),
)
RECOVERED_TOTAL = Counter(
    "portmanteau_recovered_total", "Missed deliveries that the bot fetched from GitHub's log."
)
REQUESTS_TOTAL = Counter(
    "portmanteau_github_requests_total",
    "Requests to GitHub, by method and status class; none: GitHub did not respond.",
    ("method", "status"),
)
BOARD_FAILURES_TOTAL = Counter(
    "portmanteau_board_failures_total",
    "Failed requests to the board's server.",
)
JOB_SECONDS = Histogram(
    "portmanteau_job_seconds",
    "Duration of attempts at jobs, by queue and kind (the event or the action).",
    ("queue", "kind"),
)
RULE_SECONDS = Histogram(
    "portmanteau_rule_seconds", "Duration of rules' decisions, with their requests.", ("rule",)
)
REQUEST_SECONDS = Histogram(
    "portmanteau_github_request_seconds", "Duration of requests to GitHub, by method.", ("method",)
)
LIMIT = Gauge(
    "portmanteau_github_limit",
    "Requests that GitHub allows per hour, by installation and resource.",
    ("installation", "resource"),
)
LIMIT_REMAINING = Gauge(
    "portmanteau_github_limit_remaining",
    "Requests left of that limit, as GitHub last reported.",
    ("installation", "resource"),
)
LIMIT_RESET = Gauge(
    "portmanteau_github_limit_reset_timestamp_seconds",
    "When the limit resets, in seconds since the epoch.",
    ("installation", "resource"),
)
COUNTERS = (
    DELIVERIES_TOTAL,
    JOBS_TOTAL,
    RULE_FAILURES_TOTAL,
    RECOVERED_TOTAL,
    REQUESTS_TOTAL,
    BOARD_FAILURES_TOTAL,
)
HISTOGRAMS = (JOB_SECONDS, RULE_SECONDS, REQUEST_SECONDS)

# The resources in GitHub's documentation; all others are counted as "other".
_RESOURCES = frozenset({"core", "search", "code_search", "graphql", "integration_manifest"})


def heard(meter: Meter, exchanged: Exchanged) -> None:
    """Count a request to GitHub, and store the rate limit in its response."""
    status = "none" if exchanged.status is None else f"{exchanged.status // 100}xx"
    meter.add(REQUESTS_TOTAL, exchanged.method, status)
    meter.observe(REQUEST_SECONDS, exchanged.seconds, exchanged.method)
    limit = exchanged.limit
    if limit is not None:
        installation = exchanged.name.removeprefix("installation ").removeprefix("the ")
        labels = (installation, limit.resource if limit.resource in _RESOURCES else "other")
        meter.see(LIMIT, limit.limit, *labels)
        meter.see(LIMIT_REMAINING, limit.remaining, *labels)
        meter.see(LIMIT_RESET, limit.reset_at, *labels)
