"""Commands `/label bug, good first issue` and `/unlabel bug`, for the labels that settings allow.

The rule never creates a label: GitHub would silently create one that does not exist.
"""

from bot.actions import Label, Unlabel
from bot.options.globs import fits
from bot.rules.commands.calls import CommandAnswer, CommandCall, listed, quoted

_MOST_LABELS = 10
# Telephones turn straight quotes into these.
_QUOTES = "\"'\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"


def label(call: CommandCall) -> CommandAnswer:
    """Add labels, and say why for each label that cannot be added."""
    names, reasons = _allowed(call)
    there = call.reader.labels(call.repository, named=names) if names else ()
    known = {name.lower(): name for name in there}
    existing = [known[name.lower()] for name in names if name.lower() in known]
    missing = [name for name in names if name.lower() not in known]
    if missing:
        reasons.append(f"This repository has no label {listed(missing)}.")
    if not existing:
        return CommandAnswer(say=" ".join(reasons))
    put = Label(
        about=call.about,
        repository=call.repository,
        number=call.issue.number,
        by=call.person,
        names=tuple(existing),
    )
    return CommandAnswer((put,), " ".join(reasons))


def unlabel(call: CommandCall) -> CommandAnswer:
    """Remove labels, and say why for each label that cannot be removed."""
    names, reasons = _allowed(call)
    there = {name.lower(): name for name in call.issue.labels}
    absent = [name for name in names if name.lower() not in there]
    if absent:
        reasons.append(f"This {call.thing} does not have the label {listed(absent)}.")
    off = tuple(
        Unlabel(
            about=f"{call.about} {there[name.lower()]}",
            repository=call.repository,
            number=call.issue.number,
            by=call.person,
            name=there[name.lower()],
        )
        for name in names
        if name.lower() in there
    )
    return CommandAnswer(off, " ".join(reasons))


def _allowed(call: CommandCall) -> tuple[list[str], list[str]]:
    """The labels that the person may use, and why the others are refused."""
    said = (name.strip().strip(_QUOTES).strip() for name in call.rest.split(","))
    names = list(dict.fromkeys(name for name in said if name))
    if not names:
        return [], [
            f"Which label? Try `/{call.name} bug`, and separate several labels with commas."
        ]
    reasons: list[str] = []
    if len(names) > _MOST_LABELS:
        reasons.append(f"I only take {_MOST_LABELS} labels at a time, so I skipped the rest.")
    names = names[:_MOST_LABELS]
    reserved = [name for name in names if not fits(name, call.settings.labels)]
    if reserved and not call.may_write():
        names = [name for name in names if name not in reserved]
        reasons.append(f"Only maintainers can use {listed(reserved)}. {_choice(call)}")
    return names, reasons


def _choice(call: CommandCall) -> str:
    if not call.settings.labels:
        return "They have not made any labels available to everyone."
    shown = ", ".join(quoted(pattern) for pattern in call.settings.labels)
    return f"Everyone can use {shown}."
