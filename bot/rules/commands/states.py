"""`/close` and `/reopen` of one's own issues and pull requests."""

from bot.actions import SetState
from bot.rules.commands.asking import CommandAnswer, CommandCall

_REASONS = {"": "", "completed": "completed", "not planned": "not_planned"}
_GONE = (
    "GitHub does not let me reopen this pull request: that happens when its branch was deleted or "
    "rewritten after it was closed. A new pull request from your branch will do."
)


def close(ask: CommandCall) -> CommandAnswer:
    """Close it for its author, or for who may write."""
    reason = " ".join(ask.rest.lower().split())
    if reason not in _REASONS:
        return CommandAnswer(
            say="After `/close` I understand `completed` and `not planned`, or nothing."
        )
    if not ask.issue.is_open:
        return CommandAnswer(say=f"This {ask.thing} is closed already.")
    if not ask.is_own and not ask.may_write():
        return CommandAnswer(say=_not_yours(ask))
    told = "" if ask.issue.is_pull_request else _REASONS[reason]
    return CommandAnswer((_state(ask, "closed", reason=told),))


def reopen(ask: CommandCall) -> CommandAnswer:
    """Open it again for its author, or for who may write."""
    if ask.issue.is_open:
        return CommandAnswer(say=f"This {ask.thing} is open.")
    if ask.issue.is_merged:
        return CommandAnswer(say="This pull request is merged: it is done, and cannot be reopened.")
    if not ask.is_own and not ask.may_write():
        return CommandAnswer(say=_not_yours(ask))
    return CommandAnswer((_state(ask, "open", refused=_GONE if ask.issue.is_pull_request else ""),))


def _state(ask: CommandCall, state: str, *, reason: str = "", refused: str = "") -> SetState:
    return SetState(
        about=ask.about,
        repository=ask.repository,
        number=ask.issue.number,
        state=state,
        reason=reason,
        refused=refused,
    )


def _not_yours(ask: CommandCall) -> str:
    return (
        f"`/{ask.name}` is for the author of this {ask.thing} and for the maintainers. If you "
        "think that they should, please say why in a comment: somebody will read it."
    )
