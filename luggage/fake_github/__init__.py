"""Simulated GitHub: a real HTTP server to test a bot against, offline.

    with FakeGithub().serve() as server: ...

docs/howto/test-your-bot.md documents it. It imports nothing from the rest of the library, so it
cannot repeat that code's mistakes.
"""

from luggage.fake_github import faults
from luggage.fake_github.fake import FakeGithub, Recorded
from luggage.fake_github.happenings.scene import Happening, Scene
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

# Deprecated: FakeGithub's base class in 0.1.
Story = FakeGithub

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
    "Scene",
    "Sent",
    "Story",
    "Team",
    "faults",
]
