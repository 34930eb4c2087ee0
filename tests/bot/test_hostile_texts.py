"""Whatever the bot computes from a stranger's text takes linear time, or is capped."""

import hmac
import json
from contextlib import suppress

import pytest

from bot.actions import limits
from bot.events import view
from bot.operations.preview.words import _cell
from bot.options.globs import covering, fits
from bot.rules import RULES
from bot.rules.commands.calls import quoted
from bot.settings.files import _fenced
from bot.settings.layers import SettingsError, read_text
from bot.store.enqueue import job_of
from luggage.github import webhooks
from luggage.github.conversations import parse_commands
from luggage.telemetry.logs import escape
from luggage.telemetry.redact import one_line, pretty, scrub, visible
from tests.support.times import MEGABYTE, readings, seconds_of

_SMALL = 65_536
# Markdown takes up to 20 us for a character, which a loop reads in 0.03.
_FACTOR = 2000
# A quadratic function takes 256 times as long for a text 16 times as long.
_MOST_GROWTH = 64
# Shorter times tell nothing of how they grow.
_LEAST_SECONDS = 0.03

# Each begins with what a parser looks for, and goes on with what makes it slow.
MARKDOWN = [
    *[("/x\n\n", part) for part in ("[", "![", "*[", "**a ", "<", "> ", "- ", "-\n", "a\n", "\n")],
    *[("/x ", part) for part in ("[", "[a](", "`", "`a``", "*a **a", "&amp;", "<!--", "\\")],
    *[("", part) for part in ("/a\n", " ", "\t", "\r", "\n", "/", "\n /", "```\n", "@a ", "ü")],
    ("/x\n\n" + "a|" * 500 + "\n" + "-|" * 500 + "\n", "a|\n"),
]
TOML = [
    ("", "[[a]]\n"),
    ("a=", "["),
    ("a=[", "{},"),
    ("a=[", "1979-05-27,"),
    ("", "a."),
    ('a="', "\\n"),
    ('a="""', '""a'),
    ("a=", "1_"),
    ("", '"'),
    ("", "#"),
    ("", "\r\n"),
    ('[invite]\nmessage="', "$"),
    ("[invite]\nexclude=[", '"*a",'),
    ('[label.paths]\na=["', "**/"),
]


def payload_of(text):
    """A comment in the repository whose comments may pause the bot."""
    return {
        "action": "created",
        "organization": {"login": "snakes"},
        "repository": {"full_name": "snakes/.github"},
        "issue": {"number": 1, "title": text, "user": {"login": text}},
        "comment": {"id": 5, "body": text, "user": {"login": "eve"}},
    }


def settings_of(text):
    """Read a settings file."""
    with suppress(SettingsError):
        read_text(RULES, text, source="bot.toml")


def received(text):
    """Verify and parse a delivery as the web process does."""
    body = json.dumps(payload_of(text)).encode()
    signature = f"sha256={hmac.digest(b'secret', body, 'sha256').hex()}"
    headers = {
        "X-GitHub-Event": "issue_comment",
        "X-GitHub-Delivery": "guid",
        "X-Hub-Signature-256": signature,
    }
    job_of(webhooks.read_shallow(headers, body, ["secret"]), body, run_at=0.0)


def labelled(text):
    """Match a text as paths, as a title and as a label's name."""
    patterns = ["*a*a*a*b", "**/a/**/b", "[!a]*?"]
    covering({"label": patterns}, [text[:1_000_000]])
    fits(text, patterns)


FUNCTIONS = [
    *[(MARKDOWN, each) for each in (parse_commands, quoted, one_line, scrub, visible, escape)],
    *[(MARKDOWN, each) for each in (labelled, _cell, _fenced)],
    (MARKDOWN, received),
    (MARKDOWN, lambda text: view("issue_comment", payload_of(text)).message.commands()),
    (MARKDOWN, lambda text: pretty(json.dumps(payload_of(text)).encode())),
    (MARKDOWN, lambda text: limits.body(text, "<!-- mark -->")),
    (TOML, settings_of),
]
CASES = [(function, *each) for texts, function in FUNCTIONS for each in texts]


@pytest.mark.parametrize(("function", "head", "part"), CASES)
def test_a_text_takes_linear_time(function, head, part):
    """Texts of 64 kB and 1 MB take a multiple of reading them, and grow no faster than they do."""
    seconds = {}
    for size in (_SMALL, MEGABYTE):
        text = (head + part * (size // len(part)))[:size]
        seconds[size] = seconds_of(function, text)
        assert readings(seconds[size], size) < _FACTOR
    assert seconds[MEGABYTE] < _MOST_GROWTH * max(seconds[_SMALL], _LEAST_SECONDS)
