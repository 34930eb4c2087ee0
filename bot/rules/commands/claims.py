"""Commands that assign issues: `/claim`, `/release` and `/assign @login`."""

from collections.abc import Sequence

from bot.actions import Assign, Unassign
from bot.events import login_in
from bot.rules.commands.calls import CommandAnswer, CommandCall, quoted

_TAKEN = (
    "@{person}, someone is already working on this: see *Assignees*. Feel free to ask them here "
    "whether they would like some help."
)
_FULL = (
    "@{person}, you already have {most} open issues on your plate, which is the limit here. Finish "
    "one or `/release` it, and this one can be yours."
)


def claim(call: CommandCall) -> CommandAnswer:
    """Assign the issue to the author of the command.

    The action, not this function, checks that the issue is still free, and the limit once more.
    """
    refusal = _refusal(call)
    if refusal:
        return CommandAnswer(say=refusal)
    others = _claims_at_limit(call)
    if others:
        shown = ", ".join(f"#{number}" for number in others)
        return CommandAnswer(
            say=f"You already have {shown} on your plate, and the limit here is {len(others)} at a "
            "time. Finish one or `/release` it, and this one can be yours."
        )
    if call.is_first and not call.reader.is_assignable(
        call.repository, call.issue.number, call.person
    ):
        return CommandAnswer(
            say="GitHub only lets me assign you once you have commented. Please write `/claim` in "
            "a comment."
        )
    return CommandAnswer((_assign(call, call.person, is_claim=True),))


def _claims_at_limit(call: CommandCall) -> Sequence[int]:
    """The person's other open claims if they have reached the limit, else an empty list.

    The stored claims may be stale, so GitHub confirms them, but only when they reach the limit.
    """
    most = call.settings.most_claims
    stored = call.reader.claims(call.repository, person=call.person)
    if len([number for number, _who, _at in stored if number != call.issue.number]) < most:
        return []
    assigned = call.reader.assigned(call.repository, call.person, enough=most + 1)
    others = [number for number in assigned if number != call.issue.number]
    return others[:most] if len(others) >= most else []


def _refusal(call: CommandCall) -> str:
    if call.issue.is_pull_request:
        return "`/claim` is for issues; a pull request belongs to its author."
    if not call.issue.is_open:
        return "This issue is closed, so there is nothing left to do here. Thanks for offering!"
    if _is_assignee(call):
        return "This issue is already yours. Have fun!"
    return ""


def release(call: CommandCall) -> CommandAnswer:
    """Unassign the author of the command."""
    if not _is_assignee(call):
        return CommandAnswer(
            say=f"This {call.thing} is not assigned to you, so there is nothing to release."
        )
    return CommandAnswer(
        (
            Unassign(
                about=call.about,
                repository=call.repository,
                number=call.issue.number,
                by=call.person,
                people=(call.person,),
            ),
        )
    )


def assign(call: CommandCall) -> CommandAnswer:
    """Assign the issue to another person, if the author of the command may do so."""
    words = call.rest.split()
    named = [word for word in words if word.startswith("@")]
    login = login_in(named[0]) if len(named) == 1 and words[0] == named[0] else None
    if login is None:
        return CommandAnswer(say="Please name one person, such as `/assign @octocat`.")
    if not call.may_write():
        if call.settings.assign != "author" or not call.is_own:
            return CommandAnswer(say=_not_yours(call))
        if login.lower() == call.person.lower():
            return claim(call)  # within the limit for claims
    if not call.reader.is_assignable(call.repository, call.issue.number, login):
        return CommandAnswer(
            say=f"GitHub does not let me assign {quoted(login)}. It only accepts people who work "
            f"on this repository or who have commented on this {call.thing}."
        )
    account = call.reader.account(login)
    if account is None or account.is_bot:
        return CommandAnswer(say=f"I cannot assign {quoted(login)}: there is no such person.")
    return CommandAnswer((_assign(call, login, is_claim=False),))


def _not_yours(call: CommandCall) -> str:
    who = "maintainers and the author" if call.settings.assign == "author" else "maintainers"
    return f"Only {who} can assign other people here. To take an issue yourself, use `/claim`."


def _is_assignee(call: CommandCall) -> bool:
    return call.person.lower() in {name.lower() for name in call.issue.assignees}


def _assign(call: CommandCall, person: str, *, is_claim: bool) -> Assign:
    return Assign(
        about=call.about,
        repository=call.repository,
        number=call.issue.number,
        by=call.person,
        people=(person,),
        claim=is_claim,
        taken=_TAKEN.format(person=person) if is_claim else "",
        most=call.settings.most_claims if is_claim else 0,
        full=_FULL.format(person=person, most=call.settings.most_claims) if is_claim else "",
    )
