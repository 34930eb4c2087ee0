"""What an operator reads at a terminal of deliveries and their actions: a table, or all about one.

Pure: values of `records` in, lines out. On a terminal a table is made to fit it; into a pipe it
goes whole, a tab between the columns and no header, for cut, sort and awk.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bot.operations.history.records import ActionRow, DeliveryDetail, DeliveryRow
from luggage.jobs import State
from luggage.telemetry.redact import cut, moment, one_line, scrub, visible, without_secrets

_HEADER = ("received", "state", "delivery", "event", "about", "why")
# What is left of a delivery's id where there is no room: enough to name it by.
_SHORT_GUID = 8
_ROOMY_COLUMNS = 130
_GAP = "  "
# How what belongs to an action stands under it.
INDENT = "   "
_LONGEST_TEXT_LINE = 200
_LONGEST_SETTING = 80


def table(rows: Sequence[DeliveryRow], columns: int | None) -> Iterator[str]:
    """The lines of a table that fits into `columns`; None: for a pipe, nothing cut."""
    cells = [_cells(row) for row in rows]
    if columns is None:
        yield from ("\t".join(line) for line in cells)
        return
    if columns < _ROOMY_COLUMNS:
        cells = [_with_short_guid(line) for line in cells]
    widths = [max(map(len, column)) for column in zip(_HEADER, *cells, strict=True)]
    for line in [_HEADER, *cells]:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield one_line_of(_GAP.join(padded).rstrip(), columns)


def one_line_of(line: str, columns: int) -> str:
    """`line`, cut to `columns` with an ellipsis where it is longer."""
    return line if len(line) <= columns else f"{line[: columns - 1]}…"


def _cells(row: DeliveryRow) -> tuple[str, ...]:
    when = moment(row.received_at).removesuffix(" UTC")
    return (when, str(row.state), row.guid, row.event, row.subject or "-", row.reason or "-")


def _with_short_guid(line: tuple[str, ...]) -> tuple[str, ...]:
    when, state, guid, *rest = line
    return (when, state, guid[:_SHORT_GUID], *rest)


def story(delivery: DeliveryDetail, *, with_payload: bool) -> Iterator[str]:
    """All about one delivery, in lines for people."""
    yield from delivery_facts(delivery)
    for number, action in enumerate(delivery.actions, start=1):
        yield ""
        yield f"{number}. {action.words}: {state_words(action)}"
        yield from action_facts(action)
    if with_payload:
        yield ""
        yield "payload, secrets redacted:" if delivery.payload else "the payload has expired"
        yield from (delivery.payload or "").splitlines()


def delivery_facts(delivery: DeliveryDetail) -> Iterator[str]:
    """What there is to say of a delivery, each fact on a line."""
    row = delivery.row
    yield from facts(
        {
            "delivery": row.guid,
            "received": f"{moment(row.received_at)}, {row.source}",
            "event": _event(delivery),
            "about": row.subject,
            "state": row.state,
            "decision": _decision(row, len(delivery.actions)),
        }
    )


def action_facts(action: ActionRow) -> Iterator[str]:
    """What there is to say of an action, each fact on a line."""
    yield from facts(
        {
            "rule": action.rule,
            "settings": settings_words(action.settings, action.digest),
            "reason": action.reason,
            "answer": action.answer,
            "see": action.address,
            "key": action.key,
        },
        indent=INDENT,
    )
    yield from text_lines(action.text)


def text_lines(text: str) -> Iterator[str]:
    """A text from outside, as it may be shown: without secrets, visible, each line cut."""
    for line in cut(visible(scrub(text)), _LONGEST_TEXT_LINE).splitlines():
        yield f"{INDENT}| {line}".rstrip()


def settings_words(settings: Mapping[str, Any], digest: str) -> str:
    """The settings that a rule obeyed, in a line; empty where that is not known."""
    if not digest:
        return ""
    held = (
        f"{name} = {one_line(json.dumps(value, ensure_ascii=False), _LONGEST_SETTING)}"
        for name, value in settings.items()
    )
    return ", ".join(held) or "all as by default"


def as_json(found: DeliveryRow | DeliveryDetail | ActionRow, *, with_payload: bool = False) -> Any:
    """The same for programs: plain JSON, times in seconds since the epoch."""
    plain = asdict(found)
    if isinstance(found, DeliveryDetail):
        plain = {**plain.pop("row"), **plain}
        if not with_payload:
            del plain["payload"]
    return without_secrets(plain)


def facts(told: Mapping[str, str], indent: str = "") -> Iterator[str]:
    """The facts that there are, each on a line after its name."""
    width = max(map(len, told))
    for name, words in told.items():
        if words:
            yield f"{indent}{name:<{width}}  {words}"


def _event(delivery: DeliveryDetail) -> str:
    by = f"by {delivery.sender}" if delivery.sender else ""
    return ", ".join(filter(None, [delivery.row.event, delivery.action, by]))


def _decision(row: DeliveryRow, actions: int) -> str:
    if row.decided is State.DONE:
        return _count(actions, "action") if actions else "nothing new to do"
    attempts = f" after {_count(row.attempt, 'attempt')}" if row.decided is State.DEAD else ""
    why = f": {row.reason}" if row.reason else ""
    return f"{_not_decided(row.decided)}{attempts}{why}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _not_decided(state: State) -> str:
    words = {State.READY: "not yet decided", State.LEASED: "being decided"}
    return words.get(state, str(state))


def state_words(action: ActionRow) -> str:
    """What became of an action, and when."""
    if action.state is State.DONE:
        return f"done {moment(action.changed_at)}"
    if action.state is State.READY:
        return f"to be done {moment(action.run_at)}, attempt {action.attempt + 1}"
    return f"{action.state} since {moment(action.changed_at)}"
