"""Is the bot well? Each check is one finding: what was seen, and what to do where it is not well.

The rule of this folder: a check looks and changes nothing, neither here nor at GitHub; it never
raises for what an operator can mend; and one that cannot be made because an earlier one failed is
skipped, and says so.
"""

from bot.operations.doctor.at_github import AtGithub
from bot.operations.doctor.at_home import AtHome
from bot.operations.doctor.examination import Check, Finding, Verdict, examine
from bot.operations.doctor.webhook import Webhook, who_answers

__all__ = [
    "AtGithub",
    "AtHome",
    "Check",
    "Finding",
    "Verdict",
    "Webhook",
    "examine",
    "who_answers",
]
