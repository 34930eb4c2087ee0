"""Replay: evaluates a delivery again, or one from a file; a dry run shows the result.

The keys of actions identify them, so a replay does not queue a known action again. A file needs no
signature: the operator at this terminal vouches for it.
"""

import hashlib
import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.actions import ACTIONS, Action
from bot.events import Event, subject, view
from bot.loop.decision import Decision
from bot.operations.history import report
from bot.operations.history.deliveries import DeliveryHistory
from bot.operations.history.records import ActionRow
from bot.rules import rules_for
from bot.store.enqueue import Source, job_of
from luggage.github import Delivery, Malformed
from luggage.github.webhooks import decode
from luggage.jobs import JobRow, Queue, State
from luggage.telemetry.redact import one_line

_HEADERS_END = re.compile(rb"\r?\n\r?\n")


class ReplayError(Exception):
    """The delivery cannot be replayed; the message is one line, with the remedy."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A delivery to replay, and its raw body."""

    delivery: Delivery
    body: bytes

    @property
    def event(self) -> Event:
        """The event, as rules see it."""
        return view(self.delivery.event, self.delivery.payload)


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """An action that a rule decides on, and the job that has its key, if any."""

    decision: Decision
    action: Action
    known: JobRow | None


@dataclass(frozen=True, slots=True)
class DryRun:
    """A delivery's actions; `undecided` maps rules that cannot decide yet to the reason."""

    replayed: Replayed
    actions: Sequence[PlannedAction]
    undecided: Mapping[str, str]


def from_file(content: bytes, *, event: str | None) -> Replayed:
    """The delivery in a file, in one of three forms; pure.

    The payload alone, as JSON, with the name of its `event`; headers, an empty line and the
    payload, as sent; or the JSON of a delivery in GitHub's API. `event` overrides the file's.
    Raises ReplayError.
    """
    headers, body = _parts(content)
    name = event or headers.get("x-github-event", "")
    guid = headers.get("x-github-delivery") or _generated_guid(name, body)
    try:
        delivery = decode(guid, name or "unknown", body)
    except Malformed as error:
        raise ReplayError(f"this is not a delivery: {error}") from None
    if not name:
        raise ReplayError(
            "the file does not name its event: add --event, such as --event issue_comment"
        )
    return Replayed(delivery, body)


def _parts(content: bytes) -> tuple[Mapping[str, str], bytes]:
    """The headers, by their names in lower case, and the body."""
    if content.removeprefix(BOM_UTF8).lstrip().startswith(b"{"):
        return _logged(content.removeprefix(BOM_UTF8))
    end = _HEADERS_END.search(content)
    if end is None:
        return {}, content
    return _headers(content[: end.start()].decode(errors="replace")), content[end.end() :]


def _headers(head: str) -> Mapping[str, str]:
    """The headers in some lines; a request line such as `POST / HTTP/1.1` is skipped."""
    named = (line.partition(":") for line in head.splitlines())
    return {name.strip().lower(): value.strip() for name, colon, value in named if colon}


def _logged(content: bytes) -> tuple[Mapping[str, str], bytes]:
    """Parse a payload alone, or the answer of `GET /app/hook/deliveries/{id}`."""
    try:
        logged = json.loads(content)
        body = json.dumps(logged["request"]["payload"]).encode()
        headers = {
            "x-github-event": str(logged["event"]),
            "x-github-delivery": str(logged["guid"]),
        }
    except (ValueError, RecursionError, KeyError, TypeError):
        return {}, content
    return headers, body


def _generated_guid(event: str, body: bytes) -> str:
    """A GUID for a file without one: derived from its content, so the same for the same file."""
    return f"replay-{hashlib.blake2b(event.encode() + b' ' + body, digest_size=12).hexdigest()}"


def stored(history: DeliveryHistory, queue: Queue, guid: str) -> Replayed:
    """A stored delivery. Raises UnknownDelivery, and ReplayError when its payload has expired."""
    row = history.find(guid)
    body = queue.body(row.id)
    if body is None:
        raise ReplayError(
            f"the payload of {row.guid} has expired; GitHub shows it for three days: save it to a "
            "file and replay that"
        )
    return Replayed(Delivery(row.guid, row.event, json.loads(body)), body)


def dry_run(
    replayed: Replayed, queue: Queue, decide: Callable[[Event], Sequence[Decision]]
) -> DryRun:
    """Compare the decisions of `Updater.dry_run` with the queue; raises RequestFailed."""
    decisions = decide(replayed.event)
    return DryRun(
        replayed=replayed,
        actions=[
            PlannedAction(decision, action, queue.find(ACTIONS, decision.key(action)))
            for decision in decisions
            for action in decision.actions
        ],
        undecided={each.rule: each.not_yet for each in decisions if each.not_yet},
    )


def put(replayed: Replayed, queue: Queue, *, now: float) -> bool:
    """Queue the delivery of a file for the loop; False if it is known and evaluated again.

    The bot looks for existing comments first, because another database may have recorded them. Safe
    to repeat. Raises ReplayError if it is known with another payload; WrongState if its payload has
    expired, or it is being evaluated.
    """
    # Nobody knows how old the file is: the names in it replace no others.
    job = job_of(replayed.delivery, replayed.body, run_at=now, source=Source.REPLAYED, at=0.0)
    result = queue.put(job)
    if not result.created:
        _check_same(queue.body(result.id), replayed)
        queue.revive(result.id, done_too=True)
    return result.created


def _check_same(body: bytes | None, replayed: Replayed) -> None:
    if body is not None and json.loads(body) != replayed.delivery.payload:
        raise ReplayError(
            f"{replayed.delivery.id} is known with another payload; remove the X-GitHub-Delivery "
            "from the file to make it a new delivery"
        )


# Text output


def dry_run_lines(run: DryRun, before: Sequence[ActionRow]) -> Iterator[str]:
    """The output of a dry run; `before` are the delivery's earlier actions."""
    yield from _title(run.replayed)
    for number, each in enumerate(run.actions, start=1):
        yield ""
        yield f"{number}. {one_line(each.action.describe())}{_known(each.known)}"
        yield from report.facts(_facts(each), report.INDENT)
        yield from report.text_lines(str(getattr(each.action, "text", "")))
    yield ""
    for rule, why in run.undecided.items():
        yield one_line(f"The rule {rule} cannot decide yet and would run again: {why}.")
    yield from _verdict(run, before)
    yield "Dry run: nothing was queued, and nothing was written at GitHub."


def _title(replayed: Replayed) -> Iterator[str]:
    delivery = replayed.delivery
    event = ", ".join(filter(None, [delivery.event, delivery.action]))
    about = subject(delivery.payload) or "nothing"
    yield one_line(f"{delivery.id}: {event}, about {about}")


def _facts(planned: PlannedAction) -> Mapping[str, str]:
    decision = planned.decision
    return {
        "rule": decision.rule,
        "settings": report.settings_words(decision.settings, decision.digest),
        "key": one_line(planned.action.key),
    }


def _known(job: JobRow | None) -> str:
    if job is None:
        return ""
    return f" -- skipped: already in the queue, and {job.state}"


def _verdict(run: DryRun, before: Sequence[ActionRow]) -> Iterator[str]:
    actions = run.actions
    new = sum(each.known is None for each in actions)
    if new:
        yield f"{new} of {len(actions)} would be done."
    elif actions:
        yield "Nothing new would be done: all of these actions are already in the queue."
    else:
        why = _why_nothing(run.replayed.event)
        yield f"Nothing {'new ' if before else ''}would be done: {why}."
        yield from known_before(before)


def _why_nothing(event: Event) -> str:
    if not rules_for(event.name, event.action):
        return "no rule handles this event"
    if event.installation is None:
        return "the event has no installation"
    return "no rule has anything to do"


def known_before(actions: Sequence[ActionRow]) -> Iterator[str]:
    """The earlier actions of a delivery, line by line."""
    if actions:
        yield "Earlier actions, which are not repeated:"
        yield from (f"{report.INDENT}{action.words}: {action.state}" for action in actions)
    if any(action.state is State.DEAD for action in actions):
        yield f"{report.INDENT}(`deliveries retry` retries dead ones)"
