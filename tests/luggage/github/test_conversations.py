"""Tests of comment texts, reply paths and reaction paths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luggage.github.conversations import (
    get_comment_body,
    may_command,
    parse_commands,
    reaction_url,
    reply_url,
)

EVIL = "https://evil.example/collect"
REPOSITORY = {"full_name": "o/r", "url": EVIL, "issues_url": EVIL}
ISSUE = {"number": 7, "body": "in the issue", "comments_url": EVIL, "url": EVIL}
PULL = {
    "number": 8,
    "body": "in the pull request",
    "comments_url": EVIL,
    "review_comments_url": EVIL,
}
COMMENT = {"id": 99, "body": "in the comment", "url": EVIL, "reactions": {"url": EVIL}}
PAYLOADS = {
    "issues": {"repository": REPOSITORY, "issue": ISSUE},
    "pull_request": {"repository": REPOSITORY, "pull_request": PULL},
    "issue_comment": {"repository": REPOSITORY, "issue": ISSUE, "comment": COMMENT},
    "pull_request_review_comment": {
        "repository": REPOSITORY,
        "pull_request": PULL,
        "comment": COMMENT,
    },
    "pull_request_review": {
        "repository": REPOSITORY,
        "pull_request": PULL,
        "review": {"id": 5, "body": "in the review", "_links": {"html": {"href": EVIL}}},
    },
}


@pytest.mark.parametrize(
    ("event", "body"),
    [
        ("issues", "in the issue"),
        ("pull_request", "in the pull request"),
        ("issue_comment", "in the comment"),
        ("pull_request_review_comment", "in the comment"),
        ("pull_request_review", "in the review"),
    ],
)
def test_body_of_each_kind(event, body) -> None:
    """Each of the five kinds of comment has its text in its own object."""
    assert get_comment_body(event, PAYLOADS[event]) == body


@pytest.mark.parametrize("issue", [{"body": None}, {}])
def test_null_body_is_an_empty_text(issue) -> None:
    """A null description is an empty text."""
    assert get_comment_body("issues", {"issue": issue}) == ""


@pytest.mark.parametrize(
    ("event", "path"),
    [
        ("issues", "/repos/o/r/issues/7/comments"),
        ("pull_request", "/repos/o/r/issues/8/comments"),
        ("issue_comment", "/repos/o/r/issues/7/comments"),
        ("pull_request_review_comment", "/repos/o/r/pulls/8/comments/99/replies"),
        ("pull_request_review", "/repos/o/r/issues/8/comments"),
    ],
)
def test_reply_of_each_kind(event, path) -> None:
    """Each kind has a reply path made of names and numbers only."""
    assert reply_url(event, PAYLOADS[event]) == path


def test_reply_goes_to_the_first_comment_of_the_thread() -> None:
    """A reply to a review comment goes to the first comment of its thread."""
    payload = PAYLOADS["pull_request_review_comment"] | {
        "comment": COMMENT | {"in_reply_to_id": 90}
    }
    path = reply_url("pull_request_review_comment", payload)
    assert path == "/repos/o/r/pulls/8/comments/90/replies"


@pytest.mark.parametrize(
    ("event", "path"),
    [
        ("issues", "/repos/o/r/issues/7/reactions"),
        ("pull_request", "/repos/o/r/issues/8/reactions"),
        ("issue_comment", "/repos/o/r/issues/comments/99/reactions"),
        ("pull_request_review_comment", "/repos/o/r/pulls/comments/99/reactions"),
        ("pull_request_review", None),
    ],
)
def test_reaction_of_each_kind(event, path) -> None:
    """Each kind except reviews has a reaction path."""
    assert reaction_url(event, PAYLOADS[event]) == path


@pytest.mark.parametrize("ask", [get_comment_body, reply_url, reaction_url])
def test_other_events_raise(ask) -> None:
    """The error for another event names it and lists the valid ones."""
    with pytest.raises(ValueError, match=r"'star' is not a conversation.*issue_comment"):
        ask("star", {})


@pytest.mark.parametrize(
    "broken",
    [
        {"repository": None},
        {"repository": {"full_name": "o"}},
        {"repository": {"full_name": "o/.."}},
        {"repository": {"full_name": "../r"}},
        {"repository": {"full_name": "o/r/../../x"}},
        {"repository": {"full_name": "o/r?x=1"}},
        {"repository": {"full_name": None}},
        {"issue": None},
        {"issue": {"number": None}},
        {"issue": {"number": "7/../8"}},
        {"issue": {"number": True}},
    ],
)
def test_bad_names_and_numbers_raise(broken) -> None:
    """A name or number that could change the path is an error."""
    with pytest.raises(ValueError, match=r"payload|number|owner/name"):
        reply_url("issues", PAYLOADS["issues"] | broken)


@pytest.mark.parametrize("ask", [reply_url, reaction_url])
def test_comment_ids_are_numbers(ask) -> None:
    """A comment id that is not a number is an error."""
    payload = PAYLOADS["pull_request_review_comment"] | {"comment": {"id": "99/../.."}}
    with pytest.raises(ValueError, match="id"):
        ask("pull_request_review_comment", payload)


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("/Ping", [["/ping"]]),
        ("/LABEL Bug\r\n/cLose Not planned", [["/label", "Bug"], ["/close", "Not", "planned"]]),
        ("/ping\u200b", [["/ping"]]),
        ("\ufeff/ping", [["/ping"]]),
        ("/\u2060ping\u00a0now", [["/ping", "now"]]),
        ("/label \U0001f468\u200d\U0001f469", [["/label", "\U0001f468\u200d\U0001f469"]]),
        ("\uff0fping", []),
    ],
)
def test_case_and_invisible_characters_do_not_matter(text, commands) -> None:
    """The word of a command is in lower case, its arguments are as they were written."""
    assert parse_commands(text) == commands


# Unicode's default ignorable code points (DerivedCoreProperties.txt), but for unassigned planes.
IGNORABLE = [
    *(0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x180E, 0x3164, 0xFEFF, 0xFFA0),
    *(*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)),
    *(*range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFF9), *range(0x1BCA0, 0x1BCA4)),
    *(*range(0x1D173, 0x1D17B), *range(0xE0000, 0xE0080), *range(0xE0100, 0xE01F0)),
]


IGNORABLE_SOME = ["\u200b", "\u200d", "\ufeff", "\ufe0f", "\U000e0020"]


def test_no_character_that_nobody_sees_hides_a_command() -> None:
    """In front of it, within its word, and behind it."""
    for each in map(chr, IGNORABLE):
        assert parse_commands(f"{each}/ping") == [["/ping"]], hex(ord(each))
        assert parse_commands(f"/pi{each}ng{each}") == [["/ping"]], hex(ord(each))
        assert may_command(f"Hi\r\n/pi{each}ng{each}", "/ping"), hex(ord(each))


@pytest.mark.parametrize("mark", list(".,;:!?\u2026\uff0c\uff01\uff1f\u3002"))
def test_punctuation_behind_the_word_of_a_command_does_not_count(mark) -> None:
    """People write `/claim, please`."""
    assert parse_commands(f"/claim{mark} please{mark}") == [["/claim", f"please{mark}"]]


@pytest.mark.parametrize(
    "text",
    [
        "/Bot resume",
        "\u200b/bot resume",
        "hi\r/bot resume",
        "\u00a0/BOT. resume",
        "\t/bot",
    ],
)
def test_a_text_may_hold_each_command_that_is_parsed(text) -> None:
    """It is a cheap question whose answer is never wrongly no."""
    assert may_command(text, "/bot")
    assert not may_command(text.replace("/", "say /"), "/bot")
    assert not may_command("/botany", "/bot")


@given(
    st.lists(
        st.sampled_from(
            ["/bot", "/Bo", "t", "/", "BOT", *" \t\r\n.!>`<", "\u00a0", *IGNORABLE_SOME]
        )
    )
)
def test_no_parsed_command_is_missed_by_the_cheap_question(parts) -> None:
    """Whatever stands around it, and however it is spelled."""
    text = "".join(parts)
    if any(words[0] == "/bot" for words in parse_commands(text)):
        assert may_command(text, "/bot")


@pytest.mark.parametrize(
    "html",
    [
        '<img src="x">',
        '<img\nsrc="x">',
        "</details>",
        "<details>\n<summary>Log</summary>\n/usr/bin\n</details>",
        '<p align="center"><img></p>',
        "<picture>\n<source>\n<img>\n</picture>",
        "<hr/>",
        "</p><!-- x -->",
    ],
)
def test_a_line_right_below_html_counts(html) -> None:
    """GitHub shows it as text, outside of all elements."""
    assert parse_commands(f"{html}\r\n/ping\r\n/label x") == [["/ping"], ["/label", "x"]]
    assert parse_commands(f"/close\n\n{html}\n/ping\n\n/help") == [["/close"], ["/ping"], ["/help"]]


@pytest.mark.parametrize(
    "text",
    [
        "<details>\n/ping\n</details>",
        "<div>\n<img>\n/ping",
        "</p><!--\n/ping\n-->",
        "</p><!--\n/ping",
        "</p> /ping",
        "</p>\n/ping <b>",
        "</p>\n`/ping`",
        "<pre>\n/ping\n</pre>",
        "> <img>\n> /ping",
        "* <img>\n  /ping",
    ],
)
def test_a_line_inside_of_html_does_not_count(text) -> None:
    """Details are folded, comments are hidden, and a line with markup is not plain."""
    assert parse_commands(text) == []
