"""Records of the history: deliveries, actions and activity as frozen values.

Pure. Outside text is redacted and made visible here. Times are epoch seconds.
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

# Worst first: the whole has the first of these states that one of its parts has.
_WORST_FIRST = (State.DEAD, State.LEASED, State.READY, State.HELD)
_SOURCES = {
    Source.WEBHOOK: "sent by GitHub",
    Source.RECOVERED: "fetched from GitHub's log",
    Source.REPLAYED: "replayed from a file",
}


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery in a list; `state` includes its actions, `decided` does not.

    `event` is the X-GitHub-Event; `subject` is `owner/repo#number`, `owner/repo`, an organisation,
    or empty; `source` says in words how it came in; `actions` counts its actions by state. `reason`
    explains the state, and is empty where all is well. `installation` is its id, empty if unknown.
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
    installation: str


@dataclass(frozen=True, slots=True)
class ActionRow:
    """An action: `words` describes it, `rule` decided it, `subject` is the issue it is about.

    `answer` is GitHub's answer (some JSON), `reason` why it is not done; `address` links to the
    text written, if any. `text` is a comment's text, `settings` those that differ from the rule's
    defaults, `digest` that of all of them. `text` and `settings` are neither cut nor made visible.
    These, `rule` and `subject` are empty once the action has expired.
    """

    id: int
    key: str
    kind: str
    words: str
    subject: str
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
    """A delivery in full. `payload` is redacted, indented JSON; None once it has expired.

    `action` is the event's, such as `opened`; `sender` caused it; `private` means that its
    repository is private or unknown.
    """

    row: DeliveryRow
    action: str
    sender: str
    private: bool
    payload: str | None = field(repr=False)
    actions: Sequence[ActionRow]


@dataclass(frozen=True, slots=True)
class Step:
    """A delivery in the timeline of an issue: what came in, what the rules decided, what was done.

    `action` and `sender` are those of the payload, empty if it has expired or is very large.
    """

    row: DeliveryRow
    action: str
    sender: str
    actions: Sequence[ActionRow]


@dataclass(frozen=True, slots=True)
class Mention:
    """An action that concerns a person, and the number of the delivery behind it."""

    action: ActionRow
    delivery: int


@dataclass(frozen=True, slots=True)
class Activity:
    """An activity, in words for the public."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Hour:
    """The deliveries and actions of one hour, from `since` on."""

    since: float
    deliveries: int
    actions: int


def delivery_of(
    job: JobRow, descendants: Sequence[JobRow], body: bytes | None, actions: Sequence[ActionRow]
) -> DeliveryDetail:
    """A delivery in full, from its job, its descendants and its raw payload."""
    payload = decoded(body)
    return DeliveryDetail(
        row=delivery_row(job, descendants),
        action=one_line(str(payload.get("action") or "")),
        sender=one_line(_sender(payload)),
        private=not is_public(payload),
        payload=None if body is None else pretty(body),
        actions=actions,
    )


def step_of(
    job: JobRow, descendants: Sequence[JobRow], body: bytes | None, actions: Sequence[ActionRow]
) -> Step:
    """A delivery of a timeline, from its job, its descendants and its raw payload."""
    payload = decoded(body)
    return Step(
        row=delivery_row(job, descendants),
        action=one_line(str(payload.get("action") or "")),
        sender=one_line(_sender(payload)),
        actions=actions,
    )


def action_row(job: JobRow, body: bytes | None) -> ActionRow:
    """An action, from its job and its stored body."""
    planned = planned_of(body)
    only = _only(job)
    return ActionRow(
        id=job.id,
        key=one_line(job.key),
        kind=job.kind,
        words=one_line(_words(job, planned)),
        subject="" if planned is None else one_line(planned.action.subject),
        rule=only if planned is None else planned.rule,
        text="" if planned is None else str(getattr(planned.action, "text", "")),
        settings={} if planned is None else planned.settings,
        digest="" if planned is None else planned.digest,
        state=job.state,
        attempt=job.attempt,
        reason=one_line(_reason(job)),
        answer=one_line(job.result),
        address=one_line(Result.decode(job.result).url),
        run_at=job.run_at,
        changed_at=job.changed_at,
    )


def _words(job: JobRow, planned: Planned | None) -> str:
    if planned is not None:
        return planned.action.describe()
    return delivery_words(job) if job.queue == DELIVERIES else job.key


def delivery_words(job: JobRow) -> str:
    """A delivery in words; a rule that has not decided at first has a delivery job of its own."""
    only = _only(job)
    return f"evaluate the rule {only} again, alone" if only else f"evaluate {job.kind}"


def _only(job: JobRow) -> str:
    return DeliveryNote.decode(job.note).only if job.queue == DELIVERIES else ""


def _reason(job: JobRow) -> str:
    """Why a job is in its state; why a rule has not decided, before it is evaluated again."""
    is_waiting = job.queue == DELIVERIES and job.state in {State.READY, State.LEASED}
    return job.reason or (DeliveryNote.decode(job.note).why if is_waiting else "")


def delivery_row(job: JobRow, descendants: Sequence[JobRow]) -> DeliveryRow:
    """A delivery in a list, from its job and its descendants."""
    states = Counter(each.state for each in descendants)
    whole = job.state
    if whole is State.DONE:
        whole = next((state for state in _WORST_FIRST if states[state]), whole)
    reasons = (_reason(each) for each in [job, *descendants] if each.state is whole)
    return DeliveryRow(
        id=job.id,
        guid=job.key,
        event=job.kind,
        subject=one_line(job.subject),
        state=whole,
        decided=job.state,
        attempt=job.attempt,
        reason=one_line(next(filter(None, reasons), "")),
        received_at=job.created_at,
        changed_at=max(each.changed_at for each in [job, *descendants]),
        recovered=DeliveryNote.decode(job.note).source is Source.RECOVERED,
        source=_source(job),
        actions=dict(states),
        installation=job.tenant,
    )


def _source(job: JobRow) -> str:
    """The source of a delivery in words."""
    if job.kind == SCHEDULE:
        return "due by a schedule"
    return _SOURCES[DeliveryNote.decode(job.note).source]


def decoded(body: bytes | None) -> Mapping[str, Any]:
    """The payload; empty if it has expired or is not an object."""
    try:
        payload = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def is_public(payload: Mapping[str, Any]) -> bool:
    """Whether the payload says that its repository is public; unknown means private."""
    repository = payload.get("repository")
    return isinstance(repository, dict) and repository.get("private") is False


def _sender(payload: Mapping[str, Any]) -> str:
    sender = payload.get("sender")
    return str(sender.get("login") or "") if isinstance(sender, dict) else ""
