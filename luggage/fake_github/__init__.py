"""The simulated GitHub: a real HTTP server to test a bot against, offline.

    with FakeGithub().serve() as server: ...

docs/howto/test-your-bot.md is the page for users. It imports nothing of the rest of the library,
so that a mistake there cannot be repeated here.
"""

from luggage.fake_github import faults
from luggage.fake_github.belonging import Happening
from luggage.fake_github.fake import FakeGithub, Recorded
from luggage.fake_github.hooks import Sent
from luggage.fake_github.journal import Journal
from luggage.fake_github.messages import Answer, Outcome, Refused, Request
from luggage.fake_github.records import (
    Account,
    ChangedFile,
    Comment,
    Installation,
    Membership,
    Repository,
    Team,
)
from luggage.fake_github.server import HttpServer
from luggage.fake_github.story import Story

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
