"""Commands in a comment: lines such as `/ping`, where a person meant one. Pure; no I/O.

Read with a Markdown parser that follows CommonMark, against a regular expression over the lines:
only a parser knows that a `/ping` stands in a quoted mail, in a code block or in a comment of a
template.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

_COMMAND = re.compile(r"/[A-Za-z]")
# Most comments hold nothing like a command; they are not worth a millisecond of parsing.
_WORTH_PARSING = re.compile(r"(?<!\S)/[A-Za-z]")

# Tables, because GitHub renders them, and a cell is no line of a paragraph.
_MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# Keeps `\/ping` and `&#47;ping` apart from `/ping`: who escapes a command does not give it.
_MARKDOWN.disable("text_join")
# The parser compiles its rules at first use, without a lock; here, the import's own lock guards it.
_MARKDOWN.parse("/x")


def parse_commands(markdown: str) -> list[list[str]]:
    """Return the commands in their order, each as its words: `[["/ping"], ["/label", "bug"]]`.

    A command is a line of a top-level paragraph that is plain text and starts with "/" and a
    letter. Code, quotes, lists, headings, tables, HTML and links do not count. Never raises;
    repeating is safe.
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
