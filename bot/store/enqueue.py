"""Jobs of deliveries: what is queued for each, whichever way it came in, and its note."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from bot.events import DELIVERIES, subject
from luggage.github import Delivery
from luggage.jobs import NewJob

_ONLY = "only"


class Source(StrEnum):
    """How a delivery came in; the word is what the note holds."""

    WEBHOOK = ""
    RECOVERED = "recovered"  # fetched from GitHub's log
    REPLAYED = "replayed"  # put in from a file by a person


@dataclass(frozen=True, slots=True)
class DeliveryNote:
    """The note of a delivery: how it came in, and the one rule that is asked again, "" for all.

    Stored as words: `recovered`, `only conflicts`, `recovered only conflicts`.
    """

    source: Source = Source.WEBHOOK
    only: str = ""

    @property
    def may_repeat(self) -> bool:
        """Whether a lost database, or another one, may have acted on the delivery before."""
        return self.source is not Source.WEBHOOK

    def encode(self) -> str:
        """The note as the queue keeps it."""
        return " ".join(filter(None, [self.source, _ONLY if self.only else "", self.only]))

    @classmethod
    def decode(cls, text: str) -> Self:
        """The note that the queue keeps; words that this version does not know are skipped."""
        words = text.split()
        at = words.index(_ONLY) if _ONLY in words[:-1] else len(words)
        known = [source for source in Source if source in words[:at]]
        return cls(known[0] if known else Source.WEBHOOK, "".join(words[at + 1 : at + 2]))


def job_of(
    delivery: Delivery, body: bytes, *, run_at: float, source: Source = Source.WEBHOOK
) -> NewJob:
    """The job that decides a delivery: its key is the X-GitHub-Delivery, `body` the raw JSON."""
    return NewJob(
        queue=DELIVERIES,
        key=delivery.id,
        subject=subject(delivery.payload),
        kind=delivery.event,
        body=body,
        run_at=run_at,
        note=DeliveryNote(source).encode(),
    )
