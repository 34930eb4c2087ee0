"""`/help`: what one may ask for here. `/why`: what the bot did here, and because of what."""

from datetime import UTC, datetime

from bot.facts import Effect
from bot.rules.commands.asking import CommandAnswer, CommandCall, quoted

_MOST_EFFECTS = 10
_HELP = {
    "label": ("/label bug", "I put the label `bug` on; several go with commas"),
    "unlabel": ("/unlabel bug", "I take the label `bug` off"),
    "claim": ("/claim", "I assign this issue to you"),
    "release": ("/release", "I let others take it on again"),
    "assign": ("/assign @octocat", "I assign it to somebody else"),
    "close": ("/close", "I close it; `/close not planned` says why"),
    "reopen": ("/reopen", "I open it again"),
    "help": ("/help", "I show this list"),
    "why": ("/why", "I tell what I have done here, and why"),
}


def help_(ask: CommandCall) -> CommandAnswer:
    """What this person may ask for in this thread."""
    may_write = ask.may_write()
    rows = [
        f"| `{_HELP[name][0]}` | {_HELP[name][1]} |"
        for name in _HELP
        if name in ask.settings.allow and _may(ask, name, may_write=may_write)
    ]
    table = "\n".join(["| write this | and this happens |", "|---|---|", *rows])
    return CommandAnswer(
        say=f"Here is what you can ask of me:\n\n{table}\n\n{_footer(ask, may_write)}"
    )


def _may(ask: CommandCall, name: str, *, may_write: bool) -> bool:
    if name in {"label", "unlabel"}:
        return may_write or bool(ask.settings.labels)
    if name in {"close", "reopen"}:
        return may_write or ask.is_own
    if name == "assign":
        return may_write or (ask.settings.assign == "author" and ask.is_own)
    if name == "claim":
        return not ask.issue.is_pull_request
    return True


def _footer(ask: CommandCall, may_write: bool) -> str:
    how = "Write a command on a line of its own, in a new comment."
    if may_write or not ask.settings.labels:
        return how
    shown = ", ".join(quoted(pattern) for pattern in ask.settings.labels)
    return f"{how} Labels for everybody: {shown}."


def why(ask: CommandCall) -> CommandAnswer:
    """What the bot did in this thread, oldest first, and which rule wanted it."""
    done = ask.reader.done(ask.repository, ask.issue.number, most=_MOST_EFFECTS)
    if not done:
        return CommandAnswer(say=f"I have not done anything in this {ask.thing} yet.")
    lines = "\n".join(_line(effect) for effect in done)
    return CommandAnswer(
        say=f"This is what I have done here, the last {_MOST_EFFECTS} things at most:\n\n{lines}"
        "\n\nWhat a rule does is set by the maintainers in `.github/bot.toml`, in the table of its "
        "name."
    )


def _line(effect: Effect) -> str:
    at = datetime.fromtimestamp(effect.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    rule = f", because of the rule `{effect.rule}`" if effect.rule else ""
    return f"* {at}: {quoted(effect.words)}{rule}{'' if effect.is_done else ' (not done yet)'}"
