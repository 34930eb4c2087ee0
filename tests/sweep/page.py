"""The page docs/answers.md: the outcome of each answer at each place, written and read back."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.sweep.answers import REPLIES
from tests.sweep.judge import ANSWERS, DONE, ENDS, WAITS, WITHOUT, Verdict
from tests.sweep.known import KNOWN
from tests.sweep.stage import Place

PAGE = Path(__file__).parents[2] / "docs" / "answers.md"
BEGIN, END = "<!-- generated: matrix -->", "<!-- end of the matrix -->"

_COLUMNS = (WAITS, ENDS, ANSWERS, WITHOUT)
_HEAD = ("request", "asked by", *_COLUMNS)
Matrix = Mapping[tuple[Place, str], Verdict]


def matrix_of(text: str) -> dict[tuple[Place, str], str]:
    """The outcome of each cell, as a page says it. Raises ValueError for a page without them."""
    found: dict[tuple[Place, str], str] = {}
    for line in _between(text).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        request = re.fullmatch(r"`([A-Z]+) (\S+)`", cells[0])
        if request is None or len(cells) != len(_HEAD):
            continue
        place = Place(cells[1], request[1], request[2])
        found |= {(place, reply): DONE for reply in REPLIES}
        for outcome, cell in zip(_COLUMNS, cells[2:], strict=True):
            found |= {(place, name.strip()): outcome for name in cell.split(",") if name.strip()}
    return found


def places_of(text: str) -> list[Place]:
    """The places of a page, in its order."""
    return list(dict.fromkeys(place for place, _ in matrix_of(text)))


def written(text: str, outcomes: Mapping[tuple[Place, str], str]) -> str:
    """The page with these outcomes in place of its own."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the page needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{''.join(_lines(outcomes))}\n{END}{after}"


def _between(text: str) -> str:
    part = text.partition(BEGIN)[2].partition(END)[0]
    if not part:
        raise ValueError(f"the page needs the lines {BEGIN} and {END}")
    return part


def _lines(outcomes: Mapping[tuple[Place, str], str]) -> Iterator[str]:
    yield _row(_HEAD)
    yield _row(["---"] * len(_HEAD))
    for place in dict.fromkeys(place for place, _ in outcomes):
        of_place = {reply: outcomes[place, reply] for reply in REPLIES}
        cells = [_names(of_place, outcome) for outcome in _COLUMNS]
        yield _row([f"`{place}`", place.maker, *cells])
    yield "\nKnown faults, which the rows above contain:\n\n"
    yield _row(("request", "asked by", "answers", "what is wrong", "why it is so"))
    yield _row(["---"] * 5)
    for known in KNOWN:
        yield _row(
            (f"`{known.request}`", known.maker, ", ".join(known.replies), known.wrong, known.reason)
        )


def _names(outcomes: Mapping[str, str], outcome: str) -> str:
    return ", ".join(reply for reply, each in outcomes.items() if each == outcome)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n".replace("|  |", "| |").replace("|  |", "| |")


def unknown(matrix: Matrix) -> Sequence[str]:
    """What is wrong in a matrix, and not known; a line each."""
    return [
        f"{place} ({place.maker}), {reply}: {verdict}"
        for (place, reply), verdict in matrix.items()
        if not is_known(place, reply, verdict)
    ]


def is_known(place: Place, reply: str, verdict: Verdict) -> bool:
    """Whether a verdict has nothing wrong, or what the table of known faults says."""
    return not verdict.wrong or any(each.covers(place, reply, verdict) for each in KNOWN)
