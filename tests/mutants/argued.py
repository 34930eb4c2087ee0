"""Argued mutants: the mutations of docs/mutants.md, each with the reason why no test kills it.

A heading names the file and the function, a diff the mutation, the text below it the reason:

    ### `bot/actions/base.py`: `Action.line`

    ```diff
    -return self.subject if joins else delivery
    +return self.subject if joins or True else delivery
    ```

    The reason.

Mutations of one function that share a reason stand in one diff, with a blank line between them.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.locks import ROOT

PAGE = ROOT / "docs" / "mutants.md"

_HEADING = re.compile(r"### `(?P<file>[^`]+)`: `(?P<function>[^`]+)`")
_ENTRY = re.compile(r"\n```diff\n(?P<diff>.*?)\n```\n(?P<reason>.*?)(?=\n```diff\n|\Z)", re.DOTALL)


@dataclass(frozen=True, order=True)
class Mutation:
    """A mutation of a function; `removed` and `added` are its lines, without indentation."""

    file: str
    function: str
    removed: tuple[str, ...]
    added: tuple[str, ...]

    def __str__(self) -> str:
        """The entry for docs/mutants.md, without its reason."""
        lines = [f"-{line}" for line in self.removed] + [f"+{line}" for line in self.added]
        diff = "\n".join(lines)
        return f"### `{self.file}`: `{self.function}`\n\n```diff\n{diff}\n```\n"


class UnreadableError(ValueError):
    """An entry of docs/mutants.md cannot be read; the message names it."""


def mutation(file: str, function: str, diff: Iterable[str]) -> Mutation:
    """The mutation that a diff shows. Other lines than those with + and - do not matter."""
    lines = [line for line in diff if not line.startswith(("---", "+++"))]
    removed, added = (
        tuple(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )
    return Mutation(file, function, removed, added)


def argued(page: str) -> dict[Mutation, str]:
    """The argued mutations of a page, each with its reason.

    Raises UnreadableError for a heading without a diff, a diff without a change or a reason, and a
    mutation that stands there twice.
    """
    found: dict[Mutation, str] = {}
    for each, reason in _entries(page):
        if not reason:
            raise UnreadableError(f"an entry gives no reason:\n{each}")
        if not (each.removed or each.added):
            raise UnreadableError(f"a diff changes nothing:\n{each}")
        if each in found:
            raise UnreadableError(f"a mutation is argued twice:\n{each}")
        found[each] = reason
    return found


def _entries(page: str) -> Iterator[tuple[Mutation, str]]:
    sections = re.split(r"^(?=#{1,3} )", page, flags=re.MULTILINE)
    for section in (each for each in sections if each.startswith("### ")):
        heading = _HEADING.match(section)
        entries = list(_ENTRY.finditer(section))
        if heading is None or not entries:
            title = section.partition("\n")[0]
            raise UnreadableError(f"a section needs a file, a function and a diff: {title}")
        for entry in entries:
            for diff in entry["diff"].split("\n\n"):
                yield (
                    mutation(heading["file"], heading["function"], diff.splitlines()),
                    (entry["reason"].strip()),
                )


def outdated(known: Iterable[Mutation], root: Path = ROOT) -> list[Mutation]:
    """The mutations whose removed lines no longer stand in their function."""
    return [each for each in known if not _stands(each, root)]


def _stands(each: Mutation, root: Path) -> bool:
    path = root / each.file
    if not path.is_file():
        return False
    text = path.read_text()
    lines = [line.strip() for line in text.splitlines()]
    return any(
        set(each.removed) <= set(lines[node.lineno - 1 : node.end_lineno])
        for name, node in _functions(ast.parse(text))
        if name == each.function
    )


def _functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")
