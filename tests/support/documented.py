"""Documented commands: the blocks of the how-to pages and the tutorial, and a shell that runs them.

A test takes blocks by `blocks`, with constants for its arguments, and runs them. So
tests/shape/test_documented.py finds each block that no test runs.
"""

import functools
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from tests.support.locks import ROOT

DOCS = ROOT / "docs"
PAGES = ("tutorial", *sorted(f"howto/{path.stem}" for path in DOCS.glob("howto/*.md")))


@dataclass(frozen=True)
class Block:
    """A block of a page: `kind` is its info string, "indented" without fences."""

    page: str
    section: str
    kind: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"docs/{self.page}.md:{self.line}: {self.kind}: {self.text.partition(chr(10))[0]}"


@functools.cache
def listed(page: str) -> tuple[Block, ...]:
    """All blocks of a page, such as "howto/backup", in order; `section` is the last heading."""
    return tuple(_listed(page))


def _listed(page: str) -> Iterator[Block]:
    section = ""
    tokens = MarkdownIt().parse((DOCS / f"{page}.md").read_text())
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            section = tokens[number + 1].content
        elif token.type in ("fence", "code_block"):
            line = token.map[0] + 1 if token.map else 0
            yield Block(page, section, token.info or "indented", token.content, line)


def blocks(page: str, kind: str = "sh", section: str = "") -> list[str]:
    """The blocks of a kind, below a heading if one is given; AssertionError if there are none."""
    found = [
        block.text
        for block in listed(page)
        if block.kind == kind and section in ("", block.section)
    ]
    assert found, f"docs/{page}.md has no block of the kind {kind!r} below {section!r}"
    return found


def shell(
    script: str, *, cwd: Path, prefix: Sequence[str] = (), umask: int = -1, **environ: str
) -> str:
    """Run commands until one fails, with our Python as `python`; return their output.

    Raises AssertionError with the last of the output if one fails.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*prefix, "/bin/sh", "-euxc", script],
        cwd=cwd,
        env={**os.environ, "PATH": path, **environ},
        umask=umask,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout
