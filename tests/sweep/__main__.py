"""Command `python -m tests.sweep`: tries every answer at every request, and writes docs/answers.md.

It takes some minutes. The exit code is 1 when a promise was not kept at a place that
tests/sweep/known.py does not name, or, with --check, when the page does not say what came out.
"""

import argparse
import logging
import os
import sys
from collections.abc import Iterator
from multiprocessing import Pool

from tests.sweep import page
from tests.sweep.judge import Verdict
from tests.sweep.play import cells, verdict
from tests.sweep.stage import Place, database


def main(argv: list[str]) -> int:
    """Run the cells, and write or check the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.sweep", description=__doc__)
    parser.add_argument("--only", default="", help="the requests that contain this text")
    parser.add_argument("--check", action="store_true", help="compare the page, do not write it")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="at a time")
    asked = parser.parse_args(argv)
    wanted = [each for each in cells() if asked.only in f"{each[0]} {each[0].maker}"]
    with Pool(asked.processes, initializer=_begin) as pool:
        matrix = dict(_counted(pool.imap(_cell, wanted, chunksize=8), len(wanted)))
    problems = list(page.unknown(matrix))
    problems += _page(matrix, check=asked.check)
    count = len({place for place, _ in matrix})
    print("\n".join(problems) or f"{len(matrix)} answers to {count} requests: as promised")
    return 1 if problems else 0


def _begin() -> None:
    """Begin a process: it is quiet, and does not share the database of the one that forked it."""
    logging.disable(logging.CRITICAL)
    database.cache_clear()


def _cell(cell: tuple[Place, str]) -> tuple[tuple[Place, str], Verdict]:
    return cell, verdict(*cell)


def _counted(
    results: Iterator[tuple[tuple[Place, str], Verdict]], count: int
) -> Iterator[tuple[tuple[Place, str], Verdict]]:
    for number, result in enumerate(results, 1):
        if number % 100 == 0:
            print(f"{number} of {count}", file=sys.stderr)
        yield result


def _page(matrix: page.Matrix, *, check: bool) -> list[str]:
    text = page.PAGE.read_text()
    before = page.matrix_of(text)
    fresh = {cell: verdict.outcome for cell, verdict in matrix.items()}
    known = before | fresh
    # What this run did not try stays as it was; a request that the bot no longer makes goes.
    new = page.written(text, {cell: known[cell] for cell in cells() if cell in known})
    if not check:
        page.PAGE.write_text(new)
        return []
    return [
        f"{place} ({place.maker}), {reply}: the page says {before.get((place, reply))}, not {each}"
        for (place, reply), each in fresh.items()
        if before.get((place, reply)) != each
    ] or ([] if new == text else ["the page has rows that are not needed, or is written by hand"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
