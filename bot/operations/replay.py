"""Decide a delivery again, or one from a file; and say beforehand what would be done.

Whether a thing was done is known by the keys of its actions: what is known is not queued again, so
that a repetition does no harm. A file is taken at its word: it is whoever has this terminal that
puts it in, and no signature is asked for.
"""

import hashlib
import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.actions import ACTIONS, Action
from bot.events import Event, subject, view
from bot.loop.evaluate import Wanted
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
    """What was given cannot be replayed; the message is one line, with the remedy."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A delivery as it is to be replayed: what it says, and the body that says it."""

    delivery: Delivery
    body: bytes

    @property
    def event(self) -> Event:
        """What rules may know of it."""
        return view(self.delivery.event, self.delivery.payload)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """An action that a rule would want, and the job that its key is known by, if there is one."""

    wanted: Wanted
    action: Action
    known: JobRow | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What would follow from a delivery; `undecided` are the rules that cannot say yet, and why."""

    replayed: Replayed
    actions: Sequence[Foreseen]
    undecided: Mapping[str, str]


def from_file(content: bytes, *, event: str | None) -> Replayed:
    """The delivery in a file, in one of three forms; pure.

    The payload alone, as JSON, with the name of its `event`; headers and payload with an empty line
    between them, as they were sent; or the JSON that GitHub's API gives for a delivery of its log.
    `event` stands before what the file says. Raises ReplayError.
    """
    headers, body = _parts(content)
    name = event or headers.get("x-github-event", "")
    guid = headers.get("x-github-delivery") or _made_up(name, body)
    try:
        delivery = decode(guid, name or "unknown", body)
    except Malformed as error:
        raise ReplayError(f"this is no delivery: {error}") from None
    if not name:
        raise ReplayError(
            "the file does not say which event it is: give it with --event, such as "
            "--event issue_comment"
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
    """The headers in some lines; others, such as `POST /webhook/github HTTP/1.1`, are none."""
    named = (line.partition(":") for line in head.splitlines())
    return {name.strip().lower(): value.strip() for name, colon, value in named if colon}


def _logged(content: bytes) -> tuple[Mapping[str, str], bytes]:
    """A payload alone, or what `GET /app/hook/deliveries/{id}` answers, which holds one."""
    try:
        told = json.loads(content)
        body = json.dumps(told["request"]["payload"]).encode()
        headers = {"x-github-event": str(told["event"]), "x-github-delivery": str(told["guid"])}
    except (ValueError, RecursionError, KeyError, TypeError):
        return {}, content
    return headers, body


def _made_up(event: str, body: bytes) -> str:
    """A GUID for what has none: the same for the same file, so that it is one delivery."""
    return f"replay-{hashlib.blake2b(event.encode() + b' ' + body, digest_size=12).hexdigest()}"


def stored(history: DeliveryHistory, queue: Queue, guid: str) -> Replayed:
    """A stored delivery. Raises UnknownDelivery, and ReplayError when its payload has expired."""
    row = history.find(guid)
    body = queue.body(row.id)
    if body is None:
        raise ReplayError(
            f"the payload of {row.guid} has expired; GitHub shows it for three days, save it to a "
            "file from there"
        )
    return Replayed(Delivery(row.guid, row.event, json.loads(body)), body)


def foresee(replayed: Replayed, queue: Queue, ask: Callable[[Event], Sequence[Wanted]]) -> Outlook:
    """What would be wanted, as `Updater.foresee` tells it, beside what is known of it already.

    Raises luggage.github's RequestFailed where GitHub cannot be asked. Changes nothing.
    """
    wants = ask(replayed.event)
    return Outlook(
        replayed=replayed,
        actions=[
            Foreseen(wanted, action, queue.find(ACTIONS, action.key))
            for wanted in wants
            for action in wanted.actions
        ],
        undecided={wanted.rule: wanted.not_yet for wanted in wants if wanted.not_yet},
    )


def put(replayed: Replayed, queue: Queue, *, now: float) -> bool:
    """Have the delivery of a file decided by the loop; False when it is known, and decided again.

    Comments because of it are looked for before they are written: another database may have done
    so. Safe to repeat. Raises ReplayError when it is known with another payload; WrongState when
    that has expired, or it is being decided just now.
    """
    made = queue.put(job_of(replayed.delivery, replayed.body, run_at=now, source=Source.REPLAYED))
    if not made.created:
        _check_same(queue.body(made.id), replayed)
        queue.revive(made.id, done_too=True)
    return made.created


def _check_same(body: bytes | None, replayed: Replayed) -> None:
    if body is not None and json.loads(body) != replayed.delivery.payload:
        raise ReplayError(
            f"{replayed.delivery.id} is known with another payload; take the X-GitHub-Delivery out "
            "of the file, and it is a new delivery"
        )


# In words


def prophecy(outlook: Outlook, before: Sequence[ActionRow]) -> Iterator[str]:
    """What a dry run says, in lines; `before` are the actions that the delivery once led to."""
    yield from _title(outlook.replayed)
    for number, each in enumerate(outlook.actions, start=1):
        yield ""
        yield f"{number}. {one_line(each.action.describe())}{_known(each.known)}"
        yield from report.facts(_facts(each), report.INDENT)
        yield from report.text_lines(str(getattr(each.action, "text", "")))
    yield ""
    for rule, why in outlook.undecided.items():
        yield one_line(f"The rule {rule} would be asked again a little later: {why}.")
    yield from _verdict(outlook, before)
    yield "A dry run: nothing was queued, and nothing was written at GitHub."


def _title(replayed: Replayed) -> Iterator[str]:
    delivery = replayed.delivery
    what = ", ".join(filter(None, [delivery.event, delivery.action]))
    about = subject(delivery.payload) or "nothing"
    yield one_line(f"{delivery.id}: {what}, about {about}")


def _facts(foreseen: Foreseen) -> Mapping[str, str]:
    wanted = foreseen.wanted
    return {
        "rule": wanted.rule,
        "settings": report.settings_words(wanted.settings, wanted.digest),
        "key": one_line(foreseen.action.key),
    }


def _known(job: JobRow | None) -> str:
    if job is None:
        return ""
    return f" -- not again: its key is known, and it is {job.state}"


def _verdict(outlook: Outlook, before: Sequence[ActionRow]) -> Iterator[str]:
    actions = outlook.actions
    new = sum(each.known is None for each in actions)
    if new:
        yield f"{new} of {len(actions)} would be done."
    elif actions:
        yield "Nothing new would be done: each of these actions is known by its key."
    else:
        why = _why_nothing(outlook.replayed.event)
        yield f"Nothing {'new ' if before else ''}would be done: {why}."
        yield from known_before(before)


def _why_nothing(event: Event) -> str:
    if not rules_for(event.name, event.action):
        return "no rule is about this event"
    if event.installation is None:
        return "it belongs to no installation"
    return "no rule wants anything done"


def known_before(actions: Sequence[ActionRow]) -> Iterator[str]:
    """The actions that a delivery once led to, in lines."""
    if actions:
        yield "What it led to before is known by its keys, and is not done again:"
        yield from (f"{report.INDENT}{action.words}: {action.state}" for action in actions)
    if any(action.state is State.DEAD for action in actions):
        yield f"{report.INDENT}(`deliveries retry` has what is dead tried again)"
