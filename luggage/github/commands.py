"""Commands in comments, such as `/ping`, without I/O.

A Markdown parser finds them, so quotes, code blocks and HTML comments do not count;
docs/decisions/0022 says why.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

_COMMAND = re.compile(r"/[A-Za-z]")
# Most comments contain no command; skip parsing them.
_WORTH_PARSING = re.compile(r"(?<!\S)/[A-Za-z]")

# GitHub renders tables, and a cell is not a line of a paragraph.
_MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# Keeps `\/ping` and `&#47;ping` apart from `/ping`: an escaped command does not count.
_MARKDOWN.disable("text_join")
# The parser compiles its rules on first use without a lock; the import lock protects this one.
_MARKDOWN.parse("/x")


def parse_commands(markdown: str) -> list[list[str]]:
    """Return the commands in order, each as a list of words: `[["/ping"], ["/label", "bug"]]`.

    A command is a plain-text line of a top-level paragraph that starts with "/" and a letter. Code,
    quotes, lists, headings, tables, HTML and links do not count. Never raises.
    """
    commands: list[list[str]] = []
    if not _WORTH_PARSING.search(markdown):
        return commands
    for paragraph in _paragraphs(_MARKDOWN.parse(markdown)):
        for line in _lines(paragraph):
            if _is_command(line):
                words = "".join(token.content for token in line).split()
                commands.append(words)
    return commands


def _paragraphs(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    for opening, inline in pairwise(tokens):
        if opening.type == "paragraph_open" and opening.level == 0:
            yield inline.children or ()


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
