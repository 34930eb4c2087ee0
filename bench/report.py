"""Report: writes each measure between its two comments in docs/performance.md.

The page also keeps the figures, in hidden comments, so that the table of goals can be rebuilt after
one measure was repeated.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import goals
from bench.measure import Table

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
GOALS = "goals"
_FIGURES = re.compile(r"^<!-- figures: (\{.*\}) -->$", re.MULTILINE)


class PageError(Exception):
    """The page has no markers for a measure; the message says what to add."""


def update(page: str, measured: Mapping[str, tuple[Table, str]]) -> str:
    """The page with these tables and all goals; raises PageError without a measure's markers.

    `measured` maps each measure's name to its table and circumstances. Safe to repeat.
    """
    for name, (table, circumstances) in measured.items():
        page = _replaced(page, name, block(table, circumstances))
    head = ("measure", "goal", "measured", "")
    return _replaced(page, GOALS, markdown(head, goals.rows(figures_of(page))))


def block(table: Table, circumstances: str) -> str:
    """A table for the page, with its notes and figures."""
    parts = [markdown(table.head, table.rows)]
    if table.notes:
        parts.append("\n".join(f"- {note}" for note in table.notes))
    figures = json.dumps({name: round(value, 6) for name, value in table.figures.items()})
    parts += [f"*{circumstances}*", f"<!-- figures: {figures} -->"]
    return "\n\n".join(parts)


def shown(table: Table) -> str:
    """A table for the terminal, with its notes and figures."""
    notes = [f"- {note}" for note in table.notes]
    figures = [f"{name} = {value:.4g}" for name, value in table.figures.items()]
    return "\n".join([markdown(table.head, table.rows), *notes, *figures])


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; a bar in a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def figures_of(page: str) -> dict[str, float]:
    """All figures of the page."""
    figures: dict[str, float] = {}
    for text in _FIGURES.findall(page):
        figures |= json.loads(text)
    return figures


def _replaced(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- measured: {name} -->", f"<!-- end: {name} -->"
    before, began, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not (began and ended):
        raise PageError(f"the page has no place for {name!r}: add the lines {begin} and {end}")
    return f"{before}{begin}\n{text}\n{end}{after}"
