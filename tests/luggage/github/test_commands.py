"""Tests of command parsing."""

import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luggage.github.conversations import parse_commands

LONGEST_COMMENT = 65_536  # characters, GitHub's own limit


@pytest.mark.parametrize(
    ("markdown", "commands"),
    [
        ("/ping", [["/ping"]]),
        ("/label bug  help\twanted ", [["/label", "bug", "help", "wanted"]]),
        ("/ping\n/label bug", [["/ping"], ["/label", "bug"]]),
        ("/ping\r\n/pong\r\n", [["/ping"], ["/pong"]]),
        ("Thanks!\n/ping\nBye.", [["/ping"]]),
        ("Thanks **so** much, see `this`\n/ping", [["/ping"]]),
        ("   /ping", [["/ping"]]),
        ("/ping  \n/pong\\\n/pang", [["/ping"], ["/pong"], ["/pang"]]),
        ("> quoted\n\n/ping", [["/ping"]]),
        ("/say ünï 日本 🎉", [["/say", "ünï", "日本", "🎉"]]),
        ("/assign @alice #7", [["/assign", "@alice", "#7"]]),
        ("/label a\\_b", [["/label", "a_b"]]),
        ("/label snake_case_name", [["/label", "snake_case_name"]]),
        ("/see https://example.com/x", [["/see", "https://example.com/x"]]),
        ("/pi*ng", [["/pi*ng"]]),
    ],
)
def test_commands(markdown, commands) -> None:
    """A plain line of a top-level paragraph that starts with a slash and a letter is a command."""
    assert parse_commands(markdown) == commands


@pytest.mark.parametrize(
    "markdown",
    [
        "",
        "please /ping",
        "/",
        "/ ping",
        "//ping",
        "/1",
        "/élan",
        "\\/ping",
        "&#47;ping",
        "`/ping`",
        "/ping `now`",
        "/ping *now*",
        "/ping ~~now~~",
        "*/ping*",
        "    /ping",
        "\t/ping",
        "```\n/ping\n```",
        "~~~\n/ping",
        "`a\n/ping\nb`",
        "**a\n/ping\nb**",
        "> /ping",
        "> quoted\n/ping",
        "- /ping",
        "1. /ping",
        "- item\n/ping",
        "# /ping",
        "/ping\n===",
        "/ping\n---",
        "<!--\n/ping\n-->",
        "<!-- x -->/ping",
        "<details>\n/ping\n</details>",
        "<b>/ping</b>",
        "/ping <b>",
        "[/ping](https://example.com)",
        "/ping [x](https://example.com)",
        "![/ping](x)",
        "[text\n/ping\n](https://example.com)",
        "<https://example.com/ping>",
        "/ping | x\n--- | ---\n",
        "a | b\n--- | ---\n/ping | x",
        "\x00/ping",
    ],
)
def test_no_commands(markdown) -> None:
    """Code, quotes, lists, headings, tables, HTML, links and escapes give no commands."""
    assert parse_commands(markdown) == []


@given(st.text())
def test_any_text_is_parsed(markdown) -> None:
    """Any text gives a list of commands, each with words."""
    for words in parse_commands(markdown):
        assert words[0].startswith("/")
        assert all(words)


MARKUP = st.lists(st.sampled_from([*"[](){}<>*_`~|#-+.!&\\\"' \t\n/a1", "/ping", "\n\n", "    "]))


@given(MARKUP.map("".join))
def test_any_markup_is_parsed(markdown) -> None:
    """Any mix of Markdown characters gives a list of commands."""
    assert all(words[0].startswith("/") for words in parse_commands(markdown))


@given(MARKUP.map("".join))
def test_fenced_text_gives_no_commands(markdown) -> None:
    """Nothing inside a fenced block is a command."""
    fenced = f"``````\n{markdown.replace('`', '')}\n``````"
    assert parse_commands(fenced) == []


def calls_made(work: Callable[[], object]) -> int:
    """Count function calls, as a measure of work that does not depend on a clock."""
    made = 0

    def count(_frame: object, event: str, _arg: object) -> None:
        nonlocal made
        made += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return made


@pytest.mark.sweep
@pytest.mark.parametrize(
    "piece",
    [
        *[
            "[",
            ">",
            "> ",
            "*",
            "*a ",
            "`",
            "![",
            "<",
            "<a ",
            "&",
            "\\",
            "- ",
            "_ _",
            "[a](",
            "/a\n",
        ],
        *["|", "<!--", "[a]: b\n", "~~a ", "> a\n", " ", "[a\n", "```\n", "x<![CDATA[", "a**b"],
        *["](", "a|", "a|\n"],
    ],
)
def test_parsing_is_linear(piece) -> None:
    """Parsing hostile text takes time linear in its length."""

    def work(length: int) -> Callable[[], object]:
        text = "/ping\n" + piece * (length // len(piece))
        return lambda: parse_commands(text)

    # Some rules stop early on long runs; the floor keeps their tiny counts from mattering.
    small = max(calls_made(work(LONGEST_COMMENT // 64)), 1_000)
    assert calls_made(work(LONGEST_COMMENT // 8)) < 10 * small


@pytest.mark.sweep
@pytest.mark.parametrize("piece", ["[", ">", "![", "> ", "- ", "*"])
def test_longest_hostile_comment_is_parsed(piece) -> None:
    """A comment of the maximum length made of nesting marks parses without an error."""
    text = "/ping\n" + piece * ((LONGEST_COMMENT - 6) // len(piece))
    assert parse_commands(text)[:1] in ([["/ping"]], [])


def test_command_before_hostile_text_is_found() -> None:
    """A command before nesting marks is found."""
    assert parse_commands("/ping\n\n" + "[" * 10_000) == [["/ping"]]
