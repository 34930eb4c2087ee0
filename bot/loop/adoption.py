"""Adoption: learns numeric ids from the deliveries that are stored already, once after an upgrade.

An older version stored people and repositories under their names alone. Whoever is renamed after
the upgrade is still known, as long as the payload of a delivery about them is stored.
"""

import json
import logging
from collections.abc import Iterator

from bot.events import DELIVERIES, view
from bot.store.people import People
from luggage.jobs import JobRow, Queue

# The newest deliveries that are read; nothing else runs meanwhile.
MOST_DELIVERIES = 20_000
_PAGE = 500

log = logging.getLogger(__name__)


def adopt(people: People, queue: Queue) -> None:
    """Learn the ids of stored deliveries, oldest first, unless that was done before.

    Raises SQLAlchemyError if the database does not respond. Safe to repeat and to kill.
    """
    if people.has_adopted():
        return
    rows = list(_newest(queue))
    for row in reversed(rows):
        _learn(people, queue, row)
    people.adopted()
    if rows:
        log.info("numeric ids learned from %d stored deliveries", len(rows))


def _newest(queue: Queue) -> Iterator[JobRow]:
    before: int | None = None
    for _page in range(MOST_DELIVERIES // _PAGE):
        page = queue.search(DELIVERIES, before=before, with_body=True, limit=_PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        before = page[-1].id


def _learn(people: People, queue: Queue, row: JobRow) -> None:
    body = queue.body(row.id)
    if body is None:
        return
    try:
        event = view(row.kind, json.loads(body))
    except (ValueError, RecursionError):
        return  # The delivery itself ends dead, with the reason.
    people.seen(event.identities, at=row.created_at)
