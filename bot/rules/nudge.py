"""Remind the side that a pull request waits for, after a time, and only so often; close nothing.

Whose turn it is, is read from what people did: who asked for changes waits for the author, who was
asked for a review is waited for, an approved one waits to be merged. A pull request is looked at
when it has been quiet for one period and less than two, so that switching this on wakes no
sleeping thread. Programs do not count, this one included.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import Template

from bot.actions import Action, Comment
from bot.events import Event
from bot.facts import Moment, Waiting
from bot.options.kinds import FLAG, TEXT, many, option, template, whole
from bot.rule import Reader, Rule

_DAY = 86_400.0
# A reminder changes the thread a moment after the look that led to it; the look a period later
# shall not miss it by that moment.
_SLACK = _DAY / 2

AUTHOR = """\
Hello $people! There is something above that waits for you, since $days days or so. Whenever you \
find the time: an answer, a push, or a word that you need help is all it takes. If you cannot go \
on with this, please say so, and somebody may pick it up. Thank you for what you have done so far!
"""
REVIEWER = """\
Hello $people! This pull request has been waiting for your eyes for $days days or so. If you \
cannot look soon, a short word helps too, so that somebody else can. Thank you!
"""
MERGER = """\
Hello $people! This pull request is approved, and has been waiting for $days days or so to be \
merged. Is anything still missing? Thank you!
"""


@dataclass(frozen=True, slots=True)
class NudgeSettings:
    """When people are reminded, and of what."""

    enabled: bool = option(FLAG, default=False, words="Whether people are reminded.")
    days: int = option(whole(1, 365), 14, "After how many quiet days, and how many apart.")
    most: int = option(whole(1, 10), 2, "How often at most, until somebody does something again.")
    skip: tuple[str, ...] = option(
        many(TEXT), (), "Labels of pull requests about which nobody is reminded."
    )
    reviewers: tuple[str, ...] = option(
        many(TEXT),
        (),
        "Whom to remind where nobody was asked for a review and nobody has reviewed: logins, or "
        "teams as `organisation/team`. Without any, nobody is.",
    )
    author: str = option(template("people", "days"), AUTHOR, "What authors read, in Markdown.")
    reviewer: str = option(
        template("people", "days"), REVIEWER, "What reviewers read, in Markdown."
    )
    merger: str = option(
        template("people", "days"), MERGER, "What those read who have approved, in Markdown."
    )


def decide(event: Event, reader: Reader, settings: NudgeSettings) -> Sequence[Action]:
    """A reminder for each pull request that is due."""
    if event.repository is None:
        return []
    repository = event.repository.full_name
    now, period = reader.now(), settings.days * _DAY
    actions: list[Action] = []
    for pull in reader.waiting(repository):
        if period - _SLACK <= now - pull.updated_at < 2 * period and _counts(pull, settings):
            moments = reader.timeline(repository, pull.number)
            actions += _reminder(repository, pull, moments, now, settings)
    return actions


def _counts(pull: Waiting, settings: NudgeSettings) -> bool:
    skipped = {name.lower() for name in settings.skip}
    is_person = pull.author is not None and not pull.author.is_bot
    return is_person and not pull.is_draft and not skipped & {name.lower() for name in pull.labels}


def _reminder(
    repository: str,
    pull: Waiting,
    moments: Sequence[Moment],
    now: float,
    settings: NudgeSettings,
) -> Iterator[Action]:
    acts = [one for one in moments if one.by is None or not one.by.is_bot]
    text, people = _side(pull, acts, settings)
    if not acts or not people:
        return
    quiet_since = max(one.at for one in acts)
    number = int((now - quiet_since + _SLACK) // (settings.days * _DAY))
    if not 1 <= number <= settings.most:
        return
    named = ", ".join(f"@{name}" for name in people)
    days = int((now - quiet_since + _SLACK) // _DAY)
    yield Comment(
        about=f"nudge {repository}#{pull.number} {int(quiet_since)} {number}",
        repository=repository,
        number=pull.number,
        text=Template(text).substitute(people=named, days=days),
    )


def _side(
    pull: Waiting, acts: Sequence[Moment], settings: NudgeSettings
) -> tuple[str, Sequence[str]]:
    """What to say, and to whom; nobody where it is not known whom."""
    author = pull.author.login if pull.author else ""
    others = [one for one in acts if one.by and one.by.login != author]
    reviews = [one for one in others if one.what == "reviewed"]
    own_at = max((one.at for one in acts if one not in others), default=0.0)
    verdicts = [one for one in reviews if one.state in {"approved", "changes_requested"}]
    last = verdicts[-1] if verdicts else None
    if last and last.state == "approved" and last.by:
        return settings.merger, [last.by.login]
    if last and last.at >= own_at:
        return settings.author, [author]
    if pull.people:
        return settings.reviewer, pull.people
    if others and others[-1].at >= own_at:
        return settings.author, [author]
    seen = dict.fromkeys(one.by.login for one in reviews if one.by)
    return settings.reviewer, list(seen) or settings.reviewers


RULE = Rule(
    name="nudge",
    events=frozenset(),
    permissions={"pull_requests": "write"},
    settings=NudgeSettings,
    decide=decide,
    schedule="37 6 * * *",
)
