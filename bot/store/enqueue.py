"""Delivery jobs: the queue's row for each delivery, and its note."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from bot.events import DELIVERIES, subject
from luggage.github import Delivery
from luggage.jobs import NewJob

_ONLY, _PUSH, _AT = "only", "push", "at="
_LONGEST_WHY = 500
#: A note begins with it if the delivery's text has commands that count (bot.loop.command_rate).
COMMANDS = "commands"
# The people whose comments are answered first, by their role in the repository.
_MAINTAINERS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})


class Source(StrEnum):
    """The source of a delivery, as the note stores it."""

    WEBHOOK = ""
    RECOVERED = "recovered"  # fetched from GitHub's log
    REPLAYED = "replayed"  # from an operator's file


#: The reason of a delivery that is ignored, although rules have evaluated it; more may follow it.
NOTHING_TO_DO = "no rule had anything to do"


@dataclass(frozen=True, slots=True)
class DeliveryNote:
    """The note of a delivery: its source, and the one rule to run again, "" for all.

    `why` says why that rule has not decided at first. `push` marks a push to a pull request: of
    those that wait only the latest is evaluated. `commands` marks a pull request whose body has
    commands; the loop sets it. `at` is when GitHub sent the payload, in epoch seconds, if that is
    not when the job was put.

    Stored as words: `recovered at=1795000000.0`, `push`, `only conflicts`, `commands recovered`.
    What follows the name of the rule is `why`.
    """

    source: Source = Source.WEBHOOK
    only: str = ""
    push: bool = False
    commands: bool = False
    why: str = ""
    at: float | None = None

    @property
    def may_repeat(self) -> bool:
        """Whether another database may have handled the delivery before."""
        return self.source is not Source.WEBHOOK

    def encode(self) -> str:
        """The note as the queue stores it."""
        marks = [COMMANDS if self.commands else "", self.source, _PUSH if self.push else ""]
        marks.append("" if self.at is None else f"{_AT}{self.at}")
        only = [_ONLY, self.only, _printable(self.why)] if self.only else []
        return " ".join(filter(None, [*marks, *only]))

    @classmethod
    def decode(cls, text: str) -> Self:
        """Parse a stored note; words that this version does not know are skipped."""
        words = text.split()
        at = words.index(_ONLY) if _ONLY in words[:-1] else len(words)
        known = [source for source in Source if source in words[:at]]
        source = known[0] if known else Source.WEBHOOK
        only, why = "".join(words[at + 1 : at + 2]), " ".join(words[at + 2 :])
        marks = words[:at]
        times = [_number(each.removeprefix(_AT)) for each in marks if each.startswith(_AT)]
        return cls(
            source,
            only,
            push=_PUSH in marks,
            commands=COMMANDS in marks,
            why=why,
            at=times[0] if times else None,
        )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _printable(text: str) -> str:
    """A text as a note can hold it: one line, short, and nothing that a database refuses."""
    words = " ".join(text.split())[:_LONGEST_WHY]
    return "".join(each if each.isprintable() else "?" for each in words)


def job_of(
    delivery: Delivery,
    body: bytes,
    *,
    run_at: float,
    source: Source = Source.WEBHOOK,
    at: float | None = None,
) -> NewJob:
    """The job that evaluates a delivery; `body` is the raw JSON, the key its GUID.

    `at` is when GitHub sent it, in epoch seconds, if that was long ago.
    """
    payload = delivery.payload
    push = (delivery.event, delivery.action) == ("pull_request", "synchronize")
    return NewJob(
        queue=DELIVERIES,
        key=delivery.id,
        subject=subject(payload),
        kind=delivery.event,
        body=body,
        run_at=run_at,
        note=DeliveryNote(source, push=push, at=at).encode(),
        tenant=_id_of(payload, "installation"),
        person=_id_of(payload, "sender"),
        urgent=is_urgent(delivery),
    )


def is_urgent(delivery: Delivery) -> bool:
    """Whether a delivery overtakes what strangers cause: it is a maintainer's, or may invite.

    That is a merged pull request, news of the organisation's members, or a text by an owner, a
    member or a collaborator, as GitHub says.
    """
    payload = delivery.payload
    if delivery.event == "pull_request" and delivery.action == "closed":
        return bool(_part(payload, "pull_request").get("merged"))
    if delivery.event in {"pull_request", "issues"}:
        opened = _part(payload, delivery.event.removesuffix("s"))
        return delivery.action == "opened" and opened.get("author_association") in _MAINTAINERS
    if delivery.event == "organization":
        return True
    text = _part(payload, "comment") or _part(payload, "review")
    return text.get("author_association") in _MAINTAINERS


def _id_of(payload: Mapping[str, Any], name: str) -> str:
    """The numeric id of a part of the payload, as text; "" without one."""
    number = _part(payload, name).get("id")
    return "" if number is None else str(number)


def _part(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = payload.get(name)
    return part if isinstance(part, Mapping) else {}
