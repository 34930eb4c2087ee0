"""Adoption: learns numeric ids from the deliveries that are stored already, once after an upgrade.

An older version stored people and repositories under their names alone. Whoever is renamed after
the upgrade is still known, as long as the payload of a delivery about them is stored. About the
others `bot.loop.periodic.identify` asks GitHub.
"""

import json
import logging
from collections.abc import Callable, Iterator, Sequence

from bot.events import DELIVERIES, Identity, view
from bot.store.people import People
from luggage.jobs import JobRow, Queue

# The newest deliveries that are read; no job of this process runs meanwhile.
MOST_DELIVERIES = 20_000
# How many are parsed and stored at once: so many are read again after a kill.
PAGE = 1000

log = logging.getLogger(__name__)


def adopt(people: People, queue: Queue, *, on_page: Callable[[], None] = lambda: None) -> None:
    """Learn the ids of stored deliveries, oldest first, unless that was done before.

    Each page is one transaction, after which it calls `on_page`. A start after a kill continues
    with the next page. Raises SQLAlchemyError if the database does not respond. Safe to repeat.
    """
    if people.has_adopted():
        return
    until = people.adopted_until()
    ids = [number for number in _newest(queue) if number > until][::-1]
    for start in range(0, len(ids), PAGE):
        page = ids[start : start + PAGE]
        people.adopt(
            [found for row in _rows(queue, page) if (found := _shown(queue, row))], page[-1]
        )
        log.info("numeric ids learned from %d of %d stored deliveries", start + len(page), len(ids))
        on_page()
    people.adopted()


def _newest(queue: Queue) -> Iterator[int]:
    """The ids of the newest deliveries whose payload is stored."""
    before: int | None = None
    for _page in range(MOST_DELIVERIES // PAGE):
        page = queue.search(DELIVERIES, before=before, with_body=True, limit=PAGE)
        yield from (row.id for row in page)
        if len(page) < PAGE:
            return
        before = page[-1].id


def _rows(queue: Queue, ids: Sequence[int]) -> Sequence[JobRow]:
    """The rows of these deliveries, oldest first."""
    rows = queue.search(DELIVERIES, before=ids[-1] + 1, with_body=True, limit=len(ids))
    return [row for row in reversed(rows) if row.id >= ids[0]]


def _shown(queue: Queue, row: JobRow) -> tuple[Sequence[Identity], float] | None:
    """The ids in a delivery and its time; None for one that cannot be read, which ends dead."""
    body = queue.body(row.id)
    try:
        return (
            None if body is None else (view(row.kind, json.loads(body)).identities, row.created_at)
        )
    except (ValueError, RecursionError):
        return None
