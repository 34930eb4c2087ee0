"""Commands `/close` and `/reopen`, for authors and maintainers."""

from bot.actions import SetState
from bot.rules.commands.calls import CommandAnswer, CommandCall

_REASONS = {"": "", "completed": "completed", "not planned": "not_planned"}
_GONE = (
    "GitHub does not let me reopen this pull request. That happens when its branch was deleted or "
    "rewritten after it was closed. Please open a new pull request from your branch."
)


def close(call: CommandCall) -> CommandAnswer:
    """Close the issue or pull request for its author or a person with write access."""
    reason = " ".join(call.rest.lower().split()).rstrip(".!")
    if reason not in _REASONS:
        return CommandAnswer(
            say="I understand `/close`, `/close completed` and `/close not planned`."
        )
    if not call.issue.is_open:
        return CommandAnswer(say=f"This {call.thing} is already closed.")
    if not call.is_own and not call.may_write():
        return CommandAnswer(say=_not_yours(call))
    github_reason = "" if call.issue.is_pull_request else _REASONS[reason]
    return CommandAnswer((_state(call, "closed", reason=github_reason),))


def reopen(call: CommandCall) -> CommandAnswer:
    """Reopen the issue or pull request for its author or a person with write access."""
    if call.issue.is_open:
        return CommandAnswer(say=f"This {call.thing} is already open.")
    if call.issue.is_merged:
        return CommandAnswer(say="This pull request has been merged, so it cannot be reopened.")
    if not call.is_own and not call.may_write():
        return CommandAnswer(say=_not_yours(call))
    return CommandAnswer(
        (_state(call, "open", refused=_GONE if call.issue.is_pull_request else ""),)
    )


def _state(call: CommandCall, state: str, *, reason: str = "", refused: str = "") -> SetState:
    return SetState(
        about=call.about,
        repository=call.repository,
        number=call.issue.number,
        by=call.person,
        state=state,
        reason=reason,
        refused=refused,
    )


def _not_yours(call: CommandCall) -> str:
    return (
        f"Only the author of this {call.thing} and the maintainers can use `/{call.name}`. If you "
        "think they should, please say why in a comment."
    )
