"""Records of the history: deliveries, actions and deeds as frozen values, from the queue's rows.

Pure. Texts from outside are redacted and made visible here. Times are seconds since the epoch.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.actions import Planned, Result, planned_of
from bot.events import DELIVERIES, SCHEDULE
from bot.store.enqueue import DeliveryNote, Source
from luggage.jobs import JobRow, State
from luggage.telemetry.redact import one_line, pretty

# From the worst to the best: the state of the whole is the first that a part of it is in.
_WORST_FIRST = (State.DEAD, State.LEASED, State.READY, State.HELD)
_SOURCES = {
    Source.WEBHOOK: "brought by GitHub",
    Source.RECOVERED: "fetched from GitHub's log",
    Source.REPLAYED: "put in from a file",
}


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery in a list. `state` is that of the whole, `decided` that of the delivery alone.

    `event` is the X-GitHub-Event; `subject` is `owner/repo#number`, `owner/repo`, an organisation,
    or empty; `source` is how it came in, in words; `actions` says how many of its actions are in
    which state. `reason` says why it is where it is, and is empty where all is well.
    """

    id: int
    guid: str
    event: str
    subject: str
    state: State
    decided: State
    attempt: int
    reason: str
    received_at: float
    changed_at: float
    recovered: bool
    source: str
    actions: Mapping[State, int]


@dataclass(frozen=True, slots=True)
class ActionRow:
    """An action: what was to be done, in `words`, by which `rule`, and what came of it.

    `answer` is what GitHub answered (a few words of JSON), `reason` why it is not done; `address`
    leads to what was written, where there is something to see. `text` is what a comment says,
    `settings` what the rule obeyed where that differs from its defaults, `digest` that of all its
    settings; `text` and `settings` are as they were stored: not cut, not made visible. These and
    `rule` are empty once the action has expired.
    """

    id: int
    key: str
    kind: str
    words: str
    rule: str
    text: str
    settings: Mapping[str, Any]
    digest: str
    state: State
    attempt: int
    reason: str
    answer: str
    address: str
    run_at: float
    changed_at: float


@dataclass(frozen=True, slots=True)
class DeliveryDetail:
    """All about one delivery. `payload` is redacted and indented JSON, plain text; None: expired.

    `action` is what happened within the event, such as `opened`; `sender` is whose doing it was;
    `private` says that its repository is, or that this is not known.
    """

    row: DeliveryRow
    action: str
    sender: str
    private: bool
    payload: str | None = field(repr=False)
    actions: Sequence[ActionRow]


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that was done, in words for the public."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Hour:
    """What one hour of the clock brought, from `since` on: numbers of deliveries and actions."""

    since: float
    deliveries: int
    actions: int


def delivery_of(
    job: JobRow, asked: Sequence[JobRow], body: bytes | None, actions: Sequence[ActionRow]
) -> DeliveryDetail:
    """All about a delivery, from its job, the jobs it asked for, and its payload as it came."""
    payload = decoded(body)
    return DeliveryDetail(
        row=delivery_row(job, asked),
        action=one_line(str(payload.get("action") or "")),
        sender=one_line(_sender(payload)),
        private=not is_public(payload),
        payload=None if body is None else pretty(body),
        actions=actions,
    )


def action_row(job: JobRow, body: bytes | None) -> ActionRow:
    """An action, from its job and what was stored of it."""
    planned = planned_of(body)
    return ActionRow(
        id=job.id,
        key=one_line(job.key),
        kind=job.kind,
        words=one_line(_words(job, planned)),
        rule="" if planned is None else planned.rule,
        text="" if planned is None else str(getattr(planned.action, "text", "")),
        settings={} if planned is None else planned.settings,
        digest="" if planned is None else planned.digest,
        state=job.state,
        attempt=job.attempt,
        reason=one_line(job.reason),
        answer=one_line(job.result),
        address=one_line(Result.decode(job.result).url),
        run_at=job.run_at,
        changed_at=job.changed_at,
    )


def _words(job: JobRow, planned: Planned | None) -> str:
    if planned is not None:
        return planned.action.describe()
    # A rule that could not decide yet is asked again by a delivery of its own.
    return f"ask again: {job.key}" if job.queue == DELIVERIES else job.key


def delivery_row(job: JobRow, asked: Sequence[JobRow]) -> DeliveryRow:
    """A delivery in a list, from its job and the jobs it asked for."""
    states = Counter(each.state for each in asked)
    whole = job.state
    if whole is State.DONE:
        whole = next((state for state in _WORST_FIRST if states[state]), whole)
    reasons = (each.reason for each in [job, *asked] if each.state is whole and each.reason)
    return DeliveryRow(
        id=job.id,
        guid=job.key,
        event=job.kind,
        subject=one_line(job.subject),
        state=whole,
        decided=job.state,
        attempt=job.attempt,
        reason=one_line(next(reasons, "")),
        received_at=job.created_at,
        changed_at=max(each.changed_at for each in [job, *asked]),
        recovered=DeliveryNote.decode(job.note).source is Source.RECOVERED,
        source=_source(job),
        actions=dict(states),
    )


def _source(job: JobRow) -> str:
    """How a delivery came in, in words."""
    if job.kind == SCHEDULE:
        return "due by a schedule"
    return _SOURCES[DeliveryNote.decode(job.note).source]


def decoded(body: bytes | None) -> Mapping[str, Any]:
    """The payload; empty when it has expired, or is no object."""
    try:
        payload = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def is_public(payload: Mapping[str, Any]) -> bool:
    """Whether the payload says that its repository is; unknown means private."""
    repository = payload.get("repository")
    return isinstance(repository, dict) and repository.get("private") is False


def _sender(payload: Mapping[str, Any]) -> str:
    sender = payload.get("sender")
    return str(sender.get("login") or "") if isinstance(sender, dict) else ""
