"""`/claim`, `/release` and `/assign @somebody`: who works on an issue."""

import re
from collections.abc import Sequence

from bot.actions import Assign, Unassign
from bot.rules.commands.asking import CommandAnswer, CommandCall, quoted

# GitHub: letters, digits and single hyphens, 39 at most; some old ones end with a hyphen.
_LOGIN = re.compile(r"@[A-Za-z0-9][A-Za-z0-9-]{0,38}")
_TAKEN = (
    "@{person}, somebody is working on this already: *Assignees* shows who. You are welcome to ask "
    "them here whether they would like help."
)


def claim(ask: CommandCall) -> CommandAnswer:
    """Give the issue to the person who asks, unless somebody else has it (seen when it is done)."""
    reason = _hindrance(ask)
    if reason:
        return CommandAnswer(say=reason)
    mine = _plate(ask)
    if mine:
        shown = ", ".join(f"#{number}" for number in mine)
        return CommandAnswer(
            say=f"You have {shown} on your plate already, and {len(mine)} at a time is the most "
            "here. Finish one, or let go of it with `/release`; then this one can be yours."
        )
    if ask.is_first and not ask.reader.is_assignable(ask.repository, ask.issue.number, ask.person):
        return CommandAnswer(
            say="GitHub lets me do that only after a comment: please write `/claim` as one."
        )
    return CommandAnswer((_assign(ask, ask.person, is_claim=True),))


def _plate(ask: CommandCall) -> Sequence[int]:
    """What the person has already, where that is as much as is allowed; else nothing.

    What is remembered may be closed or given to somebody else; only where it seems to be too much,
    GitHub is asked.
    """
    most, person = ask.settings.most_claims, ask.person.lower()
    known = [number for number, who, _at in ask.reader.claims(ask.repository) if who == person]
    if len([number for number in known if number != ask.issue.number]) < most:
        return []
    held = ask.reader.assigned(ask.repository, ask.person, enough=most + 1)
    others = [number for number in held if number != ask.issue.number]
    return others[:most] if len(others) >= most else []


def _hindrance(ask: CommandCall) -> str:
    if ask.issue.is_pull_request:
        return "`/claim` is for issues; a pull request belongs to its author."
    if not ask.issue.is_open:
        return "This issue is closed, so there is nothing left to do here. Thank you for asking!"
    if _holds(ask, ask.person):
        return "This issue is yours already. Have fun!"
    return ""


def release(ask: CommandCall) -> CommandAnswer:
    """Take the issue from the person who asks."""
    if not _holds(ask, ask.person):
        return CommandAnswer(
            say=f"This {ask.thing} is not assigned to you, so there is nothing to release."
        )
    return CommandAnswer(
        (
            Unassign(
                about=ask.about,
                repository=ask.repository,
                number=ask.issue.number,
                people=(ask.person,),
            ),
        )
    )


def assign(ask: CommandCall) -> CommandAnswer:
    """Give the issue to somebody else, where the person who asks may."""
    who = ask.rest.split()
    if len(who) != 1 or not _LOGIN.fullmatch(who[0]):
        return CommandAnswer(say="Please name one person, such as `/assign @octocat`.")
    login = who[0].removeprefix("@")
    by_author = ask.settings.assign == "author" and ask.is_own
    if not by_author and not ask.may_write():
        return CommandAnswer(say=_not_yours(ask))
    if not ask.reader.is_assignable(ask.repository, ask.issue.number, login):
        return CommandAnswer(
            say=f"GitHub does not let me assign {quoted(login)}: that takes somebody who works on "
            f"this repository, or who has commented on this {ask.thing}."
        )
    return CommandAnswer((_assign(ask, login, is_claim=False),))


def _not_yours(ask: CommandCall) -> str:
    who = "maintainers and the author" if ask.settings.assign == "author" else "maintainers"
    return f"Assigning others is for {who} here. To take an issue on yourself, use `/claim`."


def _holds(ask: CommandCall, person: str) -> bool:
    return person.lower() in {name.lower() for name in ask.issue.assignees}


def _assign(ask: CommandCall, person: str, *, is_claim: bool) -> Assign:
    return Assign(
        about=ask.about,
        repository=ask.repository,
        number=ask.issue.number,
        people=(person,),
        claim=is_claim,
        taken=_TAKEN.format(person=person) if is_claim else "",
    )
