"""Comment: says something on an issue or a pull request, once; also why GitHub refused an order."""

import logging
from dataclasses import dataclass, replace
from typing import ClassVar

from bot.actions.base import Action, IssueAction
from bot.actions.work import Result, Work, may_appear
from bot.actions.write_once import Text, write_once
from luggage.github.errors import Forbidden, Invalid, NotFound, RequestFailed

# What GitHub would refuse again. Other failures are retried.
_FINAL = (Forbidden, NotFound, Invalid)
# The same for questions, where a 404 may be about something new.
REFUSED = (Forbidden, Invalid)
_LONGEST_REASON = 500

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment(IssueAction):
    """Comment on an issue or a pull request, once for each `about`, whatever the text says.

    `thread` is the review comment to answer, where the conversation is about a line of code.

    Safe to repeat: GitHub would keep two, so it is written once (`bot.actions.write_once`).
    """

    kind: ClassVar[str] = "comment"
    noun: ClassVar[tuple[str, str]] = ("comment", "comments")
    public: ClassVar[str] = "wrote a comment on {place}"
    courtesy: ClassVar[bool] = True

    text: str
    thread: int | None = None

    def describe(self) -> str:
        """The action in words, for people."""
        return f"comment on {self.subject}"

    def perform(self, work: Work) -> Result:
        """Comment; returns the id and the address of the comment."""
        return Result.of_comment(write_once(self.content, work))

    @property
    def content(self) -> Text:
        """The text as it is sent and searched for."""
        return Text.comment(self.key, self.repository, self.number, self.text, thread=self.thread)


def instead(action: IssueAction, text: str) -> Comment:
    """The comment of another action: in its place where it `declines`, or the one it withdraws."""
    return Comment(
        about=action.about, repository=action.repository, number=action.number, text=text
    )


def obey(action: Action, work: Work) -> Result:
    """Perform an action; if it was ordered by hand and GitHub refuses it, answer with the reason.

    Returns what came of it, or the answer. Raises as `Action.perform` does: also the refusal, if
    the action is `needed`, or if GitHub refuses the answer, too. Safe to repeat: the refusal is
    noted before the answer, which is written once.
    """
    if not action.ordered_in:
        return action.perform(work)
    why, refusal = work.note().why, None
    if not why:
        try:
            return action.perform(work)
        except _FINAL as error:
            if may_appear(error, work.job, work.clock()):
                raise
            why, refusal = reason(error), error
        log.warning("GitHub refused an order: %s: %s", action.describe(), why)
        # The next try answers at once, and takes no second write slot.
        work = work.save(replace(work.note().look_first(), why=why))
    try:
        said = answer(action, why).perform(work)
    except _FINAL as error:
        raise refusal or _as_before(action, why) from error
    if action.needed:
        # Whoever retries it means the order, not the answer.
        work.save(replace(work.note(), why="").look_first())
        raise refusal or _as_before(action, why)
    return Result({**said.facts, "refused": why})


def _as_before(action: Action, why: str) -> RequestFailed:
    """The refusal that an earlier try has noted."""
    words = f"GitHub did not allow it: {why}"
    return Invalid(words, method=action.kind, path=action.ordered_in)


def reason(error: RequestFailed) -> str:
    """GitHub's reason for a refusal, in one line, with the remedy if there is one."""
    details = [str(each) for each in error.fields]
    said = " ".join(": ".join([error.message, *details]).split())[:_LONGEST_REASON]
    return f"{said} -- {error.remedy}" if error.remedy else said


def answer(action: Action, why: str) -> Comment:
    """The comment that says why GitHub refused an order, where somebody gave it."""
    repository, _, number = action.ordered_in.partition("#")
    by: str = getattr(action, "by", "")
    again: str = getattr(action, "again", "")
    order = " ".join(filter(None, [action.key, "in", action.ordered_in, again]))
    about = action.identity if action.declines else f"refused {order}"
    return Comment(
        about=about,
        repository=repository,
        number=int(number),
        text=f"@{by}: I could not do this: {_code(action.describe())}. {_says(why)}",
    )


def github_says(error: RequestFailed) -> str:
    """A sentence with GitHub's reason, for a comment."""
    return _says(reason(error))


def _says(why: str) -> str:
    return f"GitHub says: {_code(why)}"


def _code(text: str) -> str:
    """Text as inline code, which renders nothing and notifies no one."""
    return f"`{' '.join(text.replace('`', chr(39)).split())}`"
