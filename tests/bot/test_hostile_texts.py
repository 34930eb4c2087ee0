"""Whatever the bot computes from a stranger's text takes linear time and memory, or is capped."""

import hmac
import json
import tracemalloc
from contextlib import suppress

import pytest

from bot.actions import limits
from bot.events import view
from bot.operations.preview.words import _cell
from bot.options.globs import covering, fits
from bot.rules import RULES
from bot.rules.commands.calls import quoted
from bot.settings.files import _fenced
from bot.settings.layers import MOST_BYTES, SettingsError, read_text
from bot.store.enqueue import job_of
from luggage.github import webhooks
from luggage.github.conversations import parse_commands
from luggage.telemetry.logs import escape
from luggage.telemetry.redact import one_line, pretty, scrub, visible
from tests.support.times import MEGABYTE, readings, seconds_of

pytestmark = pytest.mark.sweep

_SMALL = 16_384
_LARGE = MEGABYTE // 4
# Markdown takes up to 20 us for a character, which a loop reads in 0.03.
_FACTOR = 2000
# A quadratic function takes 256 times as long for a text 16 times as long.
_MOST_GROWTH = 64
# Shorter times tell nothing of how they grow.
_LEAST_SECONDS = 0.015

# Parsers take up to 460 bytes for a character; a path for each part of a nested key took 16,000.
_MOST_MEMORY = 1000

# Each begins with what a parser looks for, and goes on with what makes it slow.
MARKDOWN = [
    *[("/x\n\n", part) for part in ("[", "![", "*[", "**a ", "<", "> ", "- ", "-\n", "a\n", "\n")],
    *[("/x ", part) for part in ("[", "[a](", "`", "`a``", "*a **a", "&amp;", "<!--", "\\")],
    *[("", part) for part in ("/a\n", " ", "\t", "\r", "\n", "/", "\n /", "```\n", "@a ", "ü")],
    ("/x\n\n" + "a|" * 500 + "\n" + "-|" * 500 + "\n", "a|\n"),
    ("/x\n\n" + "a|" * 80 + "\n" + "-|" * 80 + "\n", "|\n"),
]
# The most parts that a key may have.
_LONG_KEY = ".".join("a" * 29)
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
    *[("", "a." * 28 + part) for part in (r'"\"".', "'\"'.", '"\'".', '"" \t.', '"\\\\".')],
    ("[", "a." * 28 + r'"\"".'),
    ("a={b=1,", "a." * 28 + r'"\"".'),
    (f"{_LONG_KEY}={{" * 290 + "b=1" + "}" * 290 + "\n", "#"),
    (f"{_LONG_KEY}={{" * 290, "#"),
    ("a={", _LONG_KEY + "={},"),
    ("", f"[[{_LONG_KEY}]]\n"),
    (f"[{_LONG_KEY}]\n", f"{_LONG_KEY}=1\n"),
    ("a=[", "\n{},"),
]
# Each key is another one, so the settings are valid TOML of the largest size.
DOCUMENTS = {
    "keys": "".join(f"{each:x}={each}\n" for each in range(6000)),
    "long keys": "".join(f"{each:x}.{_LONG_KEY[2:]}=1\n" for each in range(1000)),
    "long keys below": f"[{_LONG_KEY}]\n"
    + "".join(f"{each:x}.{_LONG_KEY[2:]}=1\n" for each in range(1000)),
    "long headers": "".join(f"[{each:x}.{_LONG_KEY[2:]}]\n" for each in range(1000)),
    "items": "a=[" + "{}," * 21_800 + "]",
    "nested tables": f"{_LONG_KEY}={{" * 290 + "b=1" + "}" * 290 + f"\n{'#' * 40_000}",
}


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
    """Texts of 16 kB and 256 kB take a multiple of reading them, and grow no faster."""
    seconds = {}
    for size in (_SMALL, _LARGE):
        text = (head + part * (size // len(part)))[:size]
        seconds[size] = seconds_of(function, text)
        assert readings(seconds[size], size) < _FACTOR
    assert seconds[_LARGE] < _MOST_GROWTH * max(seconds[_SMALL], _LEAST_SECONDS)


def peak_of(function, text):
    """The bytes of memory that a call takes at most, beside what was there."""
    tracemalloc.start()
    try:
        function(text)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("function", "head", "part"), CASES)
def test_a_text_takes_linear_memory(function, head, part):
    """A text of 16 kB takes a multiple of its size."""
    text = (head + part * (_SMALL // len(part)))[:_SMALL]
    assert peak_of(function, text) < _MOST_MEMORY * _SMALL


@pytest.mark.parametrize("name", DOCUMENTS)
def test_settings_take_linear_memory(name):
    """Valid TOML of many and of long keys takes a multiple of its size."""
    text = DOCUMENTS[name]
    assert MOST_BYTES * 2 // 3 < len(text) <= MOST_BYTES
    assert peak_of(settings_of, text) < _MOST_MEMORY * MOST_BYTES


@pytest.mark.parametrize("part", [r'"\""', '"\\\\"', "'\"'", '"\'"', '""', "'\\'", '"a.b"', "ü"])
@pytest.mark.parametrize("dot", [".", " . ", "\t.\t"])
@pytest.mark.parametrize("place", ["{}=1", "[{}]", "[[{}]]", "a={{{}=1}}", "a=[{{b=1,{}=1}}]"])
def test_a_key_of_many_parts_is_never_parsed(part, dot, place):
    """However its parts are written, and wherever it stands, a key has 30 parts at most."""
    for parts in ([part] * 31, ["a"] * 28 + [part] * 3, ["a", part] * 16):
        with pytest.raises(SettingsError, match="a key has too many parts"):
            read_text(RULES, place.format(dot.join(parts)), source="bot.toml")
