"""Comment text, its commands, and reply paths for the five kinds of conversation, without I/O.

Paths contain only `repository.full_name`, numbers and ids. The URLs in a payload are not used: a
forged payload could send the installation token to any host.

A Markdown parser finds commands such as `/ping`, so quotes, code blocks and HTML comments do not
count; docs/decisions/0022 and 0180 say why.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import mdTrim
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

# GitHub: a body has 65,536 characters at most. A longer text is cut.
MOST_CHARACTERS = 65_536
# The paragraphs that may hold commands have so many characters together; later ones do not count.
# The inline parser takes up to 30 us for each.
MOST_IN_PARAGRAPHS = 10_000
# Several rules ask for the commands of one text.
_CACHED = 16

_FULL_NAME = re.compile(r"(?!\.{1,2}/)[A-Za-z0-9._-]+/(?!\.{1,2}\Z)[A-Za-z0-9._-]+")

# event -> payload object that holds the text
_TEXT_IN = {
    "issues": "issue",
    "pull_request": "pull_request",
    "issue_comment": "comment",
    "pull_request_review_comment": "comment",
    "pull_request_review": "review",
}

# event -> payload object that holds the number
_NUMBER_IN = {
    "issues": "issue",
    "issue_comment": "issue",
    "pull_request": "pull_request",
    "pull_request_review": "pull_request",
    "pull_request_review_comment": "pull_request",
}

_COMMAND = re.compile(r"/[A-Za-z]")
# Characters that nobody sees, and that telephones and copied texts bring along: the default
# ignorable ones of Unicode. They are left out, but for those that are part of words and emoji.
_INVISIBLE = dict.fromkeys(
    [
        *(0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x180E, 0x200B, 0x3164, 0xFEFF, 0xFFA0),
        *(*range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)),
        *(*range(0xFFF0, 0xFFFC), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B)),
    ]
)
# The others: joiners, variation selectors, and tags. The name of a command has none of them.
_PARTS_OF_WORDS = dict.fromkeys(
    (0x200C, 0x200D, *range(0xFE00, 0xFE10), *range(0xE0000, 0xE0080), *range(0xE0100, 0xE01F0))
)
# Joiners and the like in front of a command: each run is tried once, from its beginning.
_JOINERS = f"[{''.join(map(chr, _PARTS_OF_WORDS))}]"
_IN_FRONT = re.compile(f"(?<!{_JOINERS}){_JOINERS}++(?=/)")
# What people put behind the name of a command, as behind any word.
_PUNCTUATION = ".,;:!?\u2026\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f"
# A tag, or the beginning of a comment, in a block of HTML.
_TAG = re.compile(r"<!--|<(/?)([A-Za-z][A-Za-z0-9-]*+)[^<>]*+>")
# GitHub shows nothing that is nested so deeply.
_DEEPEST = 100
# Elements without an end tag.
_VOID = re.compile("area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr", re.IGNORECASE)
# Most comments contain no command; skip parsing them. Each line is tried once from its beginning.
_COMMAND_LINE = re.compile(r"(?:^|\r)[^\S\r\n]*(/[A-Za-z]\S*)", re.MULTILINE)

# GitHub renders tables, and a cell is not a line of a paragraph.
_MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# Keeps `\/ping` and `&#47;ping` apart from `/ping`: an escaped command does not count.
_MARKDOWN.disable("text_join")


def get_comment_body(event: str, payload: Mapping[str, Any]) -> str:
    """Return the Markdown text, "" for null; raises ValueError for an unsuitable payload."""
    return _object(payload, _lookup(_TEXT_IN, event)).get("body") or ""


def reply_url(event: str, payload: Mapping[str, Any]) -> str:
    """Return the path to POST `{"body": ...}` to, such as `/repos/o/r/issues/7/comments`.

    A reply to a review comment goes to the first comment of its thread: "This must be the ID of a
    top-level review comment" (REST, "Create a reply for a review comment"). Raises ValueError for
    another event, or if the payload lacks a name, number or id.
    """
    number = _integer(_object(payload, _lookup(_NUMBER_IN, event)), "number")
    if event != "pull_request_review_comment":
        return f"/repos/{_full_name(payload)}/issues/{number}/comments"
    comment = _object(payload, "comment")
    thread = "in_reply_to_id" if comment.get("in_reply_to_id") is not None else "id"
    first = _integer(comment, thread)
    return f"/repos/{_full_name(payload)}/pulls/{number}/comments/{first}/replies"


def reaction_url(event: str, payload: Mapping[str, Any]) -> str | None:
    """Return the path to POST `{"content": "heart"}` to; None for reviews. Raises ValueError."""
    number_in = _lookup(_NUMBER_IN, event)
    if event == "pull_request_review":
        return None
    if event in {"issues", "pull_request"}:
        number = _integer(_object(payload, number_in), "number")
        return f"/repos/{_full_name(payload)}/issues/{number}/reactions"
    kind = "issues" if event == "issue_comment" else "pulls"
    comment_id = _integer(_object(payload, "comment"), "id")
    return f"/repos/{_full_name(payload)}/{kind}/comments/{comment_id}/reactions"


def _lookup(table: Mapping[str, str], event: str) -> str:
    try:
        return table[event]
    except KeyError:
        known = ", ".join(table)
        raise ValueError(f"{event!r} is not a conversation event; use one of: {known}") from None


def _object(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = payload.get(name)
    if not isinstance(value, Mapping):
        raise ValueError(f"the payload has no object {name!r}")  # noqa: TRY004 -- bad data, not a bug
    return value


def _integer(source: Mapping[str, Any], name: str) -> int:
    value = source.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name!r} is not a whole number")  # noqa: TRY004 -- bad data, not a bug
    return value


def _full_name(payload: Mapping[str, Any]) -> str:
    name = _object(payload, "repository").get("full_name")
    if not isinstance(name, str) or not _FULL_NAME.fullmatch(name):
        raise ValueError("repository.full_name is not of the form owner/name")
    return name


def parse_commands(markdown: str) -> list[list[str]]:
    """Return the commands in order, each as a list of words: `[["/ping"], ["/label", "bug"]]`.

    A command is a plain-text line of a top-level paragraph that starts with "/" and a letter; its
    first word is in lower case, without punctuation behind it. Code, quotes, lists, headings,
    tables, HTML and links do not count. A line below HTML counts where GitHub shows it outside of
    all elements: below an `<img>` or a `</details>`. Characters that nobody sees are left out.
    Never raises.

    Text beyond MOST_CHARACTERS does not count, nor do paragraphs beyond MOST_IN_PARAGRAPHS.
    """
    return [list(words) for words in _parsed(_visible(markdown))]


def _visible(markdown: str) -> str:
    """Return the text that counts, without the characters that nobody sees in it."""
    return _IN_FRONT.sub("", markdown[:MOST_CHARACTERS].translate(_INVISIBLE))


@lru_cache(_CACHED)
def _parsed(markdown: str) -> Sequence[Sequence[str]]:
    commands: list[list[str]] = []
    if not _COMMAND_LINE.search(markdown):
        return commands
    for text in _command_lines(_MARKDOWN.parse(markdown)):
        name, *words = text.split()
        commands.append([command_name(name), *words])
    return commands


def command_name(word: str) -> str:
    """Return the name of the command that a word such as `/Ping!` stands for: `/ping`."""
    return word.translate(_PARTS_OF_WORDS).rstrip(_PUNCTUATION).lower()


def may_command(markdown: str, name: str) -> bool:
    """Return whether a text may hold a command such as `/ping`, without parsing it.

    True for each text of which `parse_commands` returns the command, and for some others. It takes
    time that is linear in the text.
    """
    lines = _COMMAND_LINE.finditer(_visible(markdown))
    return any(command_name(line[1]) == name for line in lines)


def _command_lines(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield the lines that are commands, in order."""
    for token, inline in zip(tokens, [*tokens[1:], *tokens[:1]], strict=True):
        if token.level == 0 and token.type == "html_block":
            yield from _below_html(token.content)
        elif token.level == 0 and token.type == "paragraph_open":
            for line in _lines(inline.children or ()):
                if _is_command(line):
                    yield "".join(each.content for each in line)


def _below_html(block: str) -> Iterator[str]:
    """Yield the plain lines of an HTML block that stand outside of its elements and comments."""
    opened: list[str] = []
    at = 0
    while at < len(block) and len(opened) <= _DEEPEST:
        tag = _TAG.search(block, at)
        text = block[at : tag.start() if tag else len(block)]
        # The text behind a tag belongs to the line of the tag, up to its end.
        lines = text.split("\n")
        if not opened:
            whole = lines[1:-1] if tag else lines[1:]
            yield from (line for line in whole if _COMMAND.match(line.lstrip()))
        if tag is None:
            return
        at = tag.end()
        if tag[0] == "<!--":
            end = block.find("-->", at)
            at = len(block) if end < 0 else end + len("-->")
        elif not tag[1]:
            is_void = _VOID.fullmatch(tag[2]) or tag[0].endswith("/>")
            opened += [] if is_void else [tag[2].lower()]
        elif tag[2].lower() in opened:
            while opened.pop() != tag[2].lower():
                pass


def _parse_paragraphs(state: StateCore) -> None:
    """Parse the insides of the paragraphs that may hold commands, and of nothing else."""
    left = MOST_IN_PARAGRAPHS
    for opening, inline in pairwise(state.tokens):
        if opening.type == "paragraph_open" and opening.level == 0:
            if not _COMMAND_LINE.search(inline.content):
                continue
            left -= len(inline.content)
            if left >= 0:
                inline.children = []
                state.md.inline.parse(inline.content, state.md, state.env, inline.children)


def _skip_table(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Skip a table without tokens for its cells: the shortest row has as many as the header."""
    if not table(state, first, end, silent=True):
        return False
    if not silent:
        rules = state.md.block.ruler.getRules("blockquote")
        outside, state.parentType = state.parentType, "table"
        line = first + 2
        while line < end and _is_row(state, line):
            if any(rule(state, line, end, True) for rule in rules):  # noqa: FBT003
                break
            line += 1
        state.parentType, state.line = outside, line
    return True


def _is_row(state: StateBlock, line: int) -> bool:
    is_inside = state.sCount[line] >= state.blkIndent and not state.is_code_block(line)
    return is_inside and bool(mdTrim(state.src[state.bMarks[line] : state.eMarks[line]]))


def _lines(paragraph: Sequence[Token]) -> Iterator[list[Token]]:
    line: list[Token] = []
    for token in paragraph:
        if token.type in {"softbreak", "hardbreak"}:
            yield line
            line = []
        else:
            line.append(token)
    yield line


def _is_command(line: Sequence[Token]) -> bool:
    plain = all(t.type in {"text", "text_special"} and t.level == 0 for t in line)
    return plain and bool(line) and line[0].type == "text" and bool(_COMMAND.match(line[0].content))


_MARKDOWN.core.ruler.at("inline", _parse_paragraphs)
_MARKDOWN.block.ruler.at("table", _skip_table, {"alt": ["paragraph", "reference"]})
# The parser compiles its rules on first use without a lock; the import lock protects this one.
_MARKDOWN.parse("/x")
