"""`/label bug, good first issue` and `/unlabel bug`: within what maintainers allow to everybody.

A label that the repository does not have is never made: GitHub would do so in silence.
"""

from bot.actions import Label, Unlabel
from bot.options.globs import fits
from bot.rules.commands.asking import CommandAnswer, CommandCall, listed, quoted

_MOST_LABELS = 10


def label(ask: CommandCall) -> CommandAnswer:
    """Put labels on; with a plain reason for each that cannot be."""
    names, reasons = _allowed(ask)
    known = {name.lower(): name for name in ask.reader.labels(ask.repository)} if names else {}
    found = [known[name.lower()] for name in names if name.lower() in known]
    missing = [name for name in names if name.lower() not in known]
    if missing:
        reasons.append(f"There is no label {listed(missing)} in this repository.")
    if not found:
        return CommandAnswer(say=" ".join(reasons))
    put = Label(
        about=ask.about, repository=ask.repository, number=ask.issue.number, names=tuple(found)
    )
    return CommandAnswer((put,), " ".join(reasons))


def unlabel(ask: CommandCall) -> CommandAnswer:
    """Take labels off; with a plain reason for each that cannot be."""
    names, reasons = _allowed(ask)
    there = {name.lower(): name for name in ask.issue.labels}
    absent = [name for name in names if name.lower() not in there]
    if absent:
        reasons.append(f"This {ask.thing} does not have the label {listed(absent)}.")
    off = tuple(
        Unlabel(
            about=f"{ask.about} {there[name.lower()]}",
            repository=ask.repository,
            number=ask.issue.number,
            name=there[name.lower()],
        )
        for name in names
        if name.lower() in there
    )
    return CommandAnswer(off, " ".join(reasons))


def _allowed(ask: CommandCall) -> tuple[list[str], list[str]]:
    """The labels that the person may use, and the reasons for those that not."""
    asked = list(dict.fromkeys(name.strip() for name in ask.rest.split(",") if name.strip()))
    if not asked:
        return [], [f"Please say which label, such as `/{ask.name} bug`; several go with commas."]
    reasons: list[str] = []
    if len(asked) > _MOST_LABELS:
        reasons.append(f"I take {_MOST_LABELS} labels at once; I have left the others.")
    asked = asked[:_MOST_LABELS]
    strange = [name for name in asked if not fits(name, ask.settings.labels)]
    if strange and not ask.may_write():
        asked = [name for name in asked if name not in strange]
        reasons.append(f"The label {listed(strange)} is for the maintainers. {_choice(ask)}")
    return asked, reasons


def _choice(ask: CommandCall) -> str:
    if not ask.settings.labels:
        return "They have not named any that everybody may use."
    shown = ", ".join(quoted(pattern) for pattern in ask.settings.labels)
    return f"These are for everybody: {shown}."
