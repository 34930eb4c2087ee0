"""GitHub App library: verified deliveries, clients that respect GitHub's limits, typed errors.

It knows GitHub only, not the bot, the queue or a web framework. Network I/O lives in transport.py;
callers pass in the clock, sleep and the environment. Names imported here are public;
docs/library.md documents them.
"""

from luggage.github.answers import RateLimit
from luggage.github.app import GithubApp
from luggage.github.client import Client, Exchanged, Page
from luggage.github.conversations import get_comment_body, parse_commands, reaction_url, reply_url
from luggage.github.deliveries import Inbox, Missed, Progress, Recovery
from luggage.github.errors import (
    AddressRefused,
    Ambiguous,
    BadSignature,
    Blocked,
    ConfigurationError,
    DeliveryRejected,
    FieldError,
    Forbidden,
    GithubError,
    Invalid,
    Malformed,
    NotFound,
    NoToken,
    RateLimited,
    RepositoryBlocked,
    RequestFailed,
    Suspended,
    Transient,
    Unauthorized,
    Uninstalled,
    Unreachable,
    Unsigned,
    WriteRefused,
)
from luggage.github.limits import LimitMemory, Pace
from luggage.github.oauth import OAuth
from luggage.github.tokens import Token, TokenStore
from luggage.github.transport import make_session
from luggage.github.webhooks import EVENTS, Delivery, read

__all__ = [
    "EVENTS",
    "AddressRefused",
    "Ambiguous",
    "BadSignature",
    "Blocked",
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
    "NoToken",
    "NotFound",
    "OAuth",
    "Pace",
    "Page",
    "Progress",
    "RateLimit",
    "RateLimited",
    "Recovery",
    "RepositoryBlocked",
    "RequestFailed",
    "Suspended",
    "Token",
    "TokenStore",
    "Transient",
    "Unauthorized",
    "Uninstalled",
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
