"""Delivery jobs: the queue's row for each delivery, and its note."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from bot.events import DELIVERIES, subject
from luggage.github import Delivery
from luggage.jobs import NewJob

_ONLY = "only"


class Source(StrEnum):
    """The source of a delivery, as the note stores it."""

    WEBHOOK = ""
    RECOVERED = "recovered"  # fetched from GitHub's log
    REPLAYED = "replayed"  # from an operator's file


@dataclass(frozen=True, slots=True)
class DeliveryNote:
    """The note of a delivery: its source, and the one rule to run again, "" for all.

    Stored as words: `recovered`, `only conflicts`, `recovered only conflicts`.
    """

    source: Source = Source.WEBHOOK
    only: str = ""

    @property
    def may_repeat(self) -> bool:
        """Whether another database may have handled the delivery before."""
        return self.source is not Source.WEBHOOK

    def encode(self) -> str:
        """The note as the queue stores it."""
        return " ".join(filter(None, [self.source, _ONLY if self.only else "", self.only]))

    @classmethod
    def decode(cls, text: str) -> Self:
        """Parse a stored note; words that this version does not know are skipped."""
        words = text.split()
        at = words.index(_ONLY) if _ONLY in words[:-1] else len(words)
        known = [source for source in Source if source in words[:at]]
        return cls(known[0] if known else Source.WEBHOOK, "".join(words[at + 1 : at + 2]))


def job_of(
    delivery: Delivery, body: bytes, *, run_at: float, source: Source = Source.WEBHOOK
) -> NewJob:
    """The job that evaluates a delivery; `body` is the raw JSON, the key its GUID."""
    return NewJob(
        queue=DELIVERIES,
        key=delivery.id,
        subject=subject(delivery.payload),
        kind=delivery.event,
        body=body,
        run_at=run_at,
        note=DeliveryNote(source).encode(),
    )
