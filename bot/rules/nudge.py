"""Reminders for quiet pull requests: to the author, the reviewers or the person who approved.

The rule only considers pull requests that have been quiet for one to two periods, so that enabling
it does not wake old ones. It ignores activity by bots, its own included.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import Template

from bot.actions import Action, Comment
from bot.events import Event
from bot.facts import Moment, NotYet, PartialList, Waiting
from bot.options.authority import (
    FREE,
    only_fewer,
    only_more,
    only_off,
    only_superset,
    tightening,
)
from bot.options.kinds import FLAG, TEXT, many, option, template, whole
from bot.rule import Reader, Rule
from luggage.github.errors import NotFound, RequestFailed

_DAY = 86_400.0
# A reminder updates the pull request shortly after the run that sent it. The slack keeps the run
# one period later from missing it.
_SLACK = _DAY / 2

AUTHOR = """\
Hello $people! This pull request has been waiting for you for about $days days. Whenever you find \
the time, a reply, a push, or a quick note that you need help is all it takes. If you cannot carry \
on with it, please say so, and someone else may pick it up. Thank you for your work so far!
"""
REVIEWER = """\
Hello $people! This pull request has been waiting for your review for about $days days. If you \
cannot look at it soon, a short note helps too, so that someone else can. Thank you!
"""
MERGER = """\
Hello $people! You have approved this pull request, and it has been waiting to be merged for about \
$days days. Is anything still missing? Thank you!
"""


@dataclass(frozen=True, slots=True)
class NudgeSettings:
    """When the bot reminds people of quiet pull requests, and what it says."""

    enabled: bool = option(
        FLAG,
        default=False,
        words="Whether the bot reminds people.",
        authority=tightening(only_off),
    )
    days: int = option(
        whole(1, 365),
        14,
        "The number of quiet days before a reminder, and between two reminders.",
        authority=tightening(only_more),
    )
    most: int = option(
        whole(1, 10),
        2,
        "The most reminders in a row while no person does anything.",
        authority=tightening(only_fewer),
    )
    skip: tuple[str, ...] = option(
        many(TEXT),
        (),
        "The bot never reminds anyone of pull requests with these labels.",
        authority=tightening(only_superset),
    )
    reviewers: tuple[str, ...] = option(
        many(TEXT),
        (),
        "Who is reminded of a pull request without reviewers: logins, or teams as "
        "`organisation/team`. Empty: the bot reminds no one of it.",
        authority=FREE,
    )
    author: str = option(
        template("people", "days"), AUTHOR, "The text for authors, in Markdown.", authority=FREE
    )
    reviewer: str = option(
        template("people", "days"), REVIEWER, "The text for reviewers, in Markdown.", authority=FREE
    )
    merger: str = option(
        template("people", "days"),
        MERGER,
        "The text for people who approved, in Markdown.",
        authority=FREE,
    )


def decide(event: Event, reader: Reader, settings: NudgeSettings) -> Sequence[Action]:
    """The reminders that are due in a repository.

    A pull request that GitHub does not show holds up no other: raises NotYet with their reminders.
    """
    if event.repository is None:
        return []
    repository = event.repository.full_name
    now, period = reader.now(), settings.days * _DAY
    actions: list[Action] = []
    failure: RequestFailed | None = None
    for pull in reader.waiting(repository):
        if period - _SLACK <= now - pull.updated_at < 2 * period and _applies(pull, settings):
            try:
                moments = reader.timeline(repository, pull.number)
            except NotFound:  # deleted meanwhile
                continue
            except RequestFailed as error:
                failure = error
                continue
            actions += _reminder(repository, pull, moments, now, settings)
    if failure is not None:
        raise NotYet(str(failure), actions) from failure
    return actions


def _applies(pull: Waiting, settings: NudgeSettings) -> bool:
    skipped = {name.lower() for name in settings.skip}
    is_person = pull.author is not None and not pull.author.is_bot
    is_open_to_words = is_person and not pull.is_draft and not pull.is_locked
    return is_open_to_words and not skipped & {name.lower() for name in pull.labels}


def _reminder(
    repository: str,
    pull: Waiting,
    moments: Sequence[Moment],
    now: float,
    settings: NudgeSettings,
) -> Iterator[Action]:
    acts = [moment for moment in moments if moment.by is None or not moment.by.is_bot]
    text, people = _recipients(pull, acts, settings)
    if not acts or not people or isinstance(moments, PartialList):
        return  # Of a list that was cut, the latest activity may be missing.
    quiet_since = max(act.at for act in acts)
    number = int((now - quiet_since + _SLACK) // (settings.days * _DAY))
    if not 1 <= number <= settings.most:
        return
    mentions = ", ".join(f"@{name}" for name in people)
    days = int((now - quiet_since + _SLACK) // _DAY)
    yield Comment(
        about=f"nudge {repository}#{pull.number} {int(quiet_since)} {number}",
        repository=repository,
        number=pull.number,
        text=Template(text).substitute(people=mentions, days=days),
    )


def _recipients(
    pull: Waiting, acts: Sequence[Moment], settings: NudgeSettings
) -> tuple[str, Sequence[str]]:
    """The text and the people it is for; no people if it is unclear who should act.

    After a request for changes or a comment by others the author should act, after an approval the
    approver, and otherwise the reviewers.
    """
    author = pull.author.login if pull.author else ""
    others = [act for act in acts if act.by and act.by.login != author]
    reviews = [act for act in others if act.what == "reviewed"]
    own_at = max((act.at for act in acts if act not in others), default=0.0)
    verdicts = [review for review in reviews if review.state in {"approved", "changes_requested"}]
    last = verdicts[-1] if verdicts else None
    if last and last.state == "approved" and last.by:
        return settings.merger, [last.by.login]
    if last and last.at >= own_at:
        return settings.author, [author]
    if pull.people:
        return settings.reviewer, pull.people
    if others and others[-1].at >= own_at:
        return settings.author, [author]
    reviewed = dict.fromkeys(review.by.login for review in reviews if review.by)
    return settings.reviewer, list(reviewed) or settings.reviewers


RULE = Rule(
    name="nudge",
    events=frozenset(),
    permissions={"pull_requests": "write"},
    settings=NudgeSettings,
    decide=decide,
    schedule="37 6 * * *",
)
