"""Commands that only reply: `/help` lists the commands, `/why` lists what the bot did here."""

from datetime import UTC, datetime

from bot.facts import Effect
from bot.rules.commands.calls import CommandAnswer, CommandCall, quoted

_MOST_EFFECTS = 10
_HELP = {
    "label": ("/label bug", "I add the label `bug`; separate several labels with commas"),
    "unlabel": ("/unlabel bug", "I remove the label `bug`"),
    "claim": ("/claim", "I assign this issue to you"),
    "release": ("/release", "I unassign you, so that others can take it"),
    "assign": ("/assign @octocat", "I assign it to someone else"),
    "close": ("/close", "I close it; `/close not planned` gives the reason"),
    "reopen": ("/reopen", "I reopen it"),
    "help": ("/help", "I show this list"),
    "why": ("/why", "I list what I have done here, and why"),
}


def help_(call: CommandCall) -> CommandAnswer:
    """The commands that this person may use here."""
    may_write = call.may_write()
    rows = [
        f"| `{_HELP[name][0]}` | {_HELP[name][1]} |"
        for name in _HELP
        if name in call.settings.allow and _may(call, name, may_write=may_write)
    ]
    table = "\n".join(["| command | what I do |", "|---|---|", *rows])
    return CommandAnswer(
        say=f"Here is what you can ask me to do:\n\n{table}\n\n{_footer(call, may_write)}"
    )


def _may(call: CommandCall, name: str, *, may_write: bool) -> bool:
    if name in {"label", "unlabel"}:
        return may_write or bool(call.settings.labels)
    if name in {"close", "reopen"}:
        return may_write or call.is_own
    if name == "assign":
        return may_write or (call.settings.assign == "author" and call.is_own)
    if name == "claim":
        return not call.issue.is_pull_request
    return True


def _footer(call: CommandCall, may_write: bool) -> str:
    how = "Put each command on its own line in a new comment."
    if may_write or not call.settings.labels:
        return how
    shown = ", ".join(quoted(pattern) for pattern in call.settings.labels)
    return f"{how} Labels that everyone can use: {shown}."


def why(call: CommandCall) -> CommandAnswer:
    """What the bot did on this issue or pull request, oldest first, and for which rule."""
    done = call.reader.done(call.repository, call.issue.number, most=_MOST_EFFECTS)
    if not done:
        return CommandAnswer(say=f"I have not done anything in this {call.thing} yet.")
    lines = "\n".join(_line(effect) for effect in done)
    return CommandAnswer(
        say=f"Here is what I last did in this {call.thing}:\n\n{lines}"
        "\n\nMaintainers configure each rule in `.github/bot.toml`, in the table with its name."
    )


def _line(effect: Effect) -> str:
    at = datetime.fromtimestamp(effect.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    rule = f", for the rule `{effect.rule}`" if effect.rule else ""
    return f"* {at}: {quoted(effect.words)}{rule}{'' if effect.is_done else ' (not done yet)'}"
