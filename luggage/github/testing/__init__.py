"""The simulated GitHub: a real HTTP server to test a bot against, offline.

    with FakeGithub().serve() as server: ...

docs/howto/test-your-bot.md is the page for users. It imports nothing of the rest of the library,
so that a mistake there cannot be repeated here.
"""

from luggage.github.testing import faults
from luggage.github.testing.belonging import Happening
from luggage.github.testing.fake import FakeGithub, Recorded
from luggage.github.testing.hooks import Sent
from luggage.github.testing.journal import Journal
from luggage.github.testing.messages import Answer, Outcome, Refused, Request
from luggage.github.testing.records import (
    Account,
    ChangedFile,
    Comment,
    Installation,
    Membership,
    Repository,
    Team,
)
from luggage.github.testing.server import HttpServer
from luggage.github.testing.story import Story

__all__ = [
    "Account",
    "Answer",
    "ChangedFile",
    "Comment",
    "FakeGithub",
    "Happening",
    "HttpServer",
    "Installation",
    "Journal",
    "Membership",
    "Outcome",
    "Recorded",
    "Refused",
    "Repository",
    "Request",
    "Sent",
    "Story",
    "Team",
    "faults",
]
