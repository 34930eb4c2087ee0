"""Figures of docs/reliability.md: a line for each row and database."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.faults.campaign import Outcome, Row, commit, today
from tests.support.running import ROOT

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- figures: written by `make faults` -->", "<!-- end of figures -->"
_HEAD = (
    "| row | database | size | found | measured |",
    "|---|---|---|---|---|",
)


def write(outcomes: Sequence[Outcome], versions: str, order: Mapping[str, Row]) -> None:
    """Insert the outcomes into the page; each replaces the one of its row and database."""
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    lines = _known(rest) | {(o.row.name, o.database): _line(o, versions) for o in outcomes}
    names = list(order)
    placed = sorted(lines, key=lambda key: (names.index(key[0]), key[1] != "SQLite"))
    table = "\n".join([*_HEAD, *(lines[key] for key in placed)])
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


def _known(text: str) -> dict[tuple[str, str], str]:
    found = re.findall(r"^(\| `([^`]+)` \| ([^|]+?) \|.*)$", text, re.MULTILINE)
    return {(name, database): line for line, name, database in found}


def _line(outcome: Outcome, versions: str) -> str:
    size = f"{number(outcome.size)} {outcome.row.size}"
    if outcome.size != outcome.row.full:
        size += f" (full: {number(outcome.row.full)})"
    found = words(outcome.figures)
    if outcome.missed:
        told = "; ".join(outcome.missed)[:300].replace("|", "/").replace("\n", " ")
        found += f"; **missed**: {told}"
    measured = f"{today()}, {commit()}, seed {outcome.seed}, {outcome.seconds:.0f} s; {versions}"
    return f"| `{outcome.row.name}` | {outcome.database} | {size} | {found} | {measured} |"


def words(figures: Mapping[str, Any]) -> str:
    """The figures in one line."""
    return ", ".join(f"{name} {number(value)}" for name, value in figures.items())


def number(value: Any) -> str:
    """A figure, rounded, with a thousands separator."""
    if isinstance(value, float):
        return f"{value:,.0f}" if value == int(value) else f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
