"""Health checks of the bot: each returns one finding, with a remedy for a problem.

A check changes nothing, neither here nor at GitHub. It never raises for what an operator can fix. A
check that depends on a failed one is skipped, and says so.
"""

from bot.operations.doctor.examination import Finding, HealthCheck, Verdict, examine
from bot.operations.doctor.github_checks import GithubChecks
from bot.operations.doctor.local_checks import LocalChecks
from bot.operations.doctor.webhook_checks import WebhookChecks, healthz_problem

__all__ = [
    "Finding",
    "GithubChecks",
    "HealthCheck",
    "LocalChecks",
    "Verdict",
    "WebhookChecks",
    "examine",
    "healthz_problem",
]
