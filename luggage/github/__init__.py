"""Write a GitHub App in Python: verified deliveries in, well-behaved API calls out.

The rule of this folder: it knows GitHub and nothing else, neither the bot nor the queue nor a web
framework. What turns bytes into values (webhooks, commands, conversations, urls, answers, errors,
routes) does no I/O; transport.py alone does; the environment, the clock and sleeping are handed
in. testing/ is the fake GitHub.

What is imported here is public. docs/library.md is its page.
"""

from luggage.github.answers import RateLimit
from luggage.github.app import GithubApp
from luggage.github.client import Client, Page
from luggage.github.commands import parse_commands
from luggage.github.conversations import get_comment_body, reaction_url, reply_url
from luggage.github.deliveries import Inbox, Missed, Progress, Recovery
from luggage.github.errors import (
    Ambiguous,
    BadSignature,
    ConfigurationError,
    DeliveryRejected,
    FieldError,
    Forbidden,
    GithubError,
    Invalid,
    Malformed,
    NotFound,
    RateLimited,
    RequestFailed,
    Transient,
    Unauthorized,
    Unreachable,
    Unsigned,
    WriteRefused,
)
from luggage.github.events import EVENTS
from luggage.github.exchange import Exchanged
from luggage.github.limits import LimitMemory
from luggage.github.oauth import OAuth
from luggage.github.tokens import Token, TokenStore
from luggage.github.transport import make_session
from luggage.github.webhooks import Delivery, read
from luggage.github.write_throttle import Pace

__all__ = [
    "EVENTS",
    "Ambiguous",
    "BadSignature",
    "Client",
    "ConfigurationError",
    "Delivery",
    "DeliveryRejected",
    "Exchanged",
    "FieldError",
    "Forbidden",
    "GithubApp",
    "GithubError",
    "Inbox",
    "Invalid",
    "LimitMemory",
    "Malformed",
    "Missed",
    "NotFound",
    "OAuth",
    "Pace",
    "Page",
    "Progress",
    "RateLimit",
    "RateLimited",
    "Recovery",
    "RequestFailed",
    "Token",
    "TokenStore",
    "Transient",
    "Unauthorized",
    "Unreachable",
    "Unsigned",
    "WriteRefused",
    "get_comment_body",
    "make_session",
    "parse_commands",
    "reaction_url",
    "read",
    "reply_url",
]
