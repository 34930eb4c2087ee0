"""Terminal reports of deliveries and actions: a table, or one delivery in full.

Pure: records in, lines out. A terminal gets a table that fits it. A pipe gets everything,
tab-separated and without a header, for cut, sort and awk.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bot.operations.history.records import ActionRow, DeliveryDetail, DeliveryRow
from luggage.jobs import State
from luggage.telemetry.redact import cut, iso, moment, one_line, scrub, visible, without_secrets

_HEADER = ("received", "state", "delivery", "event", "about", "why")
# A GUID is cut to this length if space is short; it still identifies the delivery.
_SHORT_GUID = 8
_ROOMY_COLUMNS = 130
_GAP = "  "
# Indents the details of an action.
INDENT = "   "
_LONGEST_TEXT_LINE = 200
_LONGEST_SETTING = 80


def table(rows: Sequence[DeliveryRow], columns: int | None) -> Iterator[str]:
    """The lines of a table that fits into `columns`; None means a pipe: nothing is cut."""
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


def details(delivery: DeliveryDetail, *, with_payload: bool) -> Iterator[str]:
    """A delivery in full, line by line."""
    yield from delivery_facts(delivery)
    for number, action in enumerate(delivery.actions, start=1):
        yield ""
        yield f"{number}. {action.words}: {state_words(action)}"
        yield from action_facts(action)
    if with_payload:
        yield ""
        yield "payload, redacted:" if delivery.payload else "the payload has expired"
        yield from (delivery.payload or "").splitlines()


def delivery_facts(delivery: DeliveryDetail) -> Iterator[str]:
    """The facts of a delivery, one a line."""
    yield from facts(named_delivery_facts(delivery))


def named_delivery_facts(delivery: DeliveryDetail) -> Mapping[str, str]:
    """The facts of a delivery by name, for the terminal and the console; some may be empty."""
    row = delivery.row
    return {
        "delivery": row.guid,
        "received": f"{moment(row.received_at)}, {row.source}",
        "event": _event(delivery),
        "about": row.subject,
        "state": row.state,
        "decision": decision_words(row, len(delivery.actions)),
    }


def action_facts(action: ActionRow) -> Iterator[str]:
    """The facts of an action, one a line, and its text."""
    yield from facts(named_action_facts(action), indent=INDENT)
    yield from text_lines(action.text)


def named_action_facts(action: ActionRow) -> Mapping[str, str]:
    """The facts of an action by name, for the terminal and the console; some may be empty."""
    return {
        "rule": action.rule,
        "settings": settings_words(action.settings, action.digest),
        "reason": action.reason,
        "answer": action.answer,
        "see": action.address,
        "key": action.key,
    }


def text_lines(text: str) -> Iterator[str]:
    """Outside text made safe: redacted, visible, long lines cut."""
    for line in cut(visible(scrub(text)), _LONGEST_TEXT_LINE).splitlines():
        yield f"{INDENT}| {line}".rstrip()


def settings_words(settings: Mapping[str, Any], digest: str) -> str:
    """The settings that a rule used, in one line; empty if unknown."""
    if not digest:
        return ""
    parts = (
        f"{name} = {one_line(json.dumps(value, ensure_ascii=False), _LONGEST_SETTING)}"
        for name, value in settings.items()
    )
    return ", ".join(parts) or "all defaults"


def as_json(record: DeliveryRow | DeliveryDetail | ActionRow, *, with_payload: bool = False) -> Any:
    """The record as plain JSON, times in ISO 8601."""
    plain = _dated(asdict(record))
    if isinstance(record, DeliveryDetail):
        plain = {**_dated(plain.pop("row")), **plain}
        plain["actions"] = [_dated(action) for action in plain["actions"]]
        if not with_payload:
            del plain["payload"]
    return without_secrets(plain)


def _dated(plain: Mapping[str, Any]) -> dict[str, Any]:
    """A record with its times in ISO 8601; their names end with `_at`."""
    return {name: iso(value) if name.endswith("_at") else value for name, value in plain.items()}


def facts(named: Mapping[str, str], indent: str = "") -> Iterator[str]:
    """The non-empty facts, one a line after their names."""
    width = max(map(len, named))
    for name, value in named.items():
        if value:
            yield f"{indent}{name:<{width}}  {value}"


def _event(delivery: DeliveryDetail) -> str:
    by = f"by {delivery.sender}" if delivery.sender else ""
    return ", ".join(filter(None, [delivery.row.event, delivery.action, by]))


def decision_words(row: DeliveryRow, actions: int) -> str:
    """What the rules decided about a delivery, with its number of actions."""
    if row.decided is State.DONE:
        return _count(actions, "action") if actions else "nothing new to do"
    attempts = f" after {_count(row.attempt, 'attempt')}" if row.decided is State.DEAD else ""
    why = f": {row.reason}" if row.reason else ""
    return f"{_pending_words(row.decided)}{attempts}{why}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _pending_words(state: State) -> str:
    names = {State.READY: "not evaluated yet", State.LEASED: "being evaluated"}
    return names.get(state, str(state))


def state_words(action: ActionRow) -> str:
    """The state of an action, and since when."""
    if action.state is State.DONE:
        return f"done {moment(action.changed_at)}"
    if action.state is State.READY:
        return f"scheduled for {moment(action.run_at)}, attempt {action.attempt + 1}"
    return f"{action.state} since {moment(action.changed_at)}"
