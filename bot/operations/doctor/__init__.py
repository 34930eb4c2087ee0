"""Is the bot well? Each check is one finding: what was seen, and what to do where it is not well.

The rule of this folder: a check looks and changes nothing, neither here nor at GitHub; it never
raises for what an operator can mend; and one that cannot be made because an earlier one failed is
skipped, and says so.
"""

from bot.operations.doctor.at_github import GithubChecks
from bot.operations.doctor.at_home import LocalChecks
from bot.operations.doctor.examination import Finding, HealthCheck, Verdict, examine
from bot.operations.doctor.webhook import WebhookChecks, who_answers

__all__ = [
    "Finding",
    "GithubChecks",
    "HealthCheck",
    "LocalChecks",
    "Verdict",
    "WebhookChecks",
    "examine",
    "who_answers",
]
