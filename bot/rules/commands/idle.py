"""Idle claims: a reminder first, then the release.

The rule only releases claims made through the bot, never assignments by maintainers. A claim is
idle when its issue has not changed and its timeline shows no activity by people.
"""

from collections.abc import Iterator, Sequence

from bot.actions import Action, Comment, Unassign
from bot.events import Event
from bot.facts import Moment, NotYet, PartialList, Waiting
from bot.rule import Reader
from bot.rules.commands.settings import CommandsSettings
from luggage.github.errors import NotFound, RequestFailed

_DAY = 86_400.0


def idle(event: Event, reader: Reader, settings: CommandsSettings) -> Sequence[Action]:
    """The reminders and releases that are due in a repository.

    An issue that GitHub does not show holds up no other: raises NotYet with what is due for them.
    """
    if event.repository is None or settings.remind_days == 0:
        return []
    repository = event.repository.full_name
    claims = reader.claims(repository)
    assigned = {issue.number: issue for issue in reader.claimed(repository)} if claims else {}
    actions: list[Action] = []
    failure: RequestFailed | None = None
    for number, person, claimed_at in claims:
        issue = assigned.get(number)
        if issue is not None and person in issue.keys:
            try:
                actions += _due(repository, issue, person, claimed_at, reader, settings)
            except NotFound:  # deleted meanwhile
                continue
            except RequestFailed as error:
                failure = error
    if failure is not None:
        raise NotYet(str(failure), actions) from failure
    return actions


def _due(  # noqa: PLR0913, PLR0917  the facts of one claim
    repository: str,
    issue: Waiting,
    person: str,
    claimed_at: float,
    reader: Reader,
    settings: CommandsSettings,
) -> Iterator[Action]:
    idle_before = reader.now() - min(settings.release_days, settings.remind_days) * _DAY
    # In a locked conversation nobody could be reminded, nor answer.
    if issue.is_locked or max(issue.updated_at, claimed_at) > idle_before:
        return
    moments = reader.timeline(repository, issue.number)
    if isinstance(moments, PartialList):
        return  # The latest activity may be among the events that the bot has not read.
    active_at = _active_at(moments, claimed_at)
    login = issue.people[issue.keys.index(person)]
    about = f"claim {repository}#{issue.number} {person} {int(active_at)}"
    reminder = Comment(
        about=f"quiet {about}",
        repository=repository,
        number=issue.number,
        text=settings.question(login),
    )
    reminded_at = reader.wanted_at(reminder)
    if reminded_at is None:
        if reader.now() - active_at >= settings.remind_days * _DAY:
            yield reminder
    elif reader.now() - reminded_at >= settings.release_days * _DAY:
        yield from _release(repository, issue.number, login, about, settings)


def _release(
    repository: str, number: int, login: str, about: str, settings: CommandsSettings
) -> Iterator[Action]:
    yield Unassign(about=about, repository=repository, number=number, people=(login,))
    yield Comment(
        about=f"released {about}",
        repository=repository,
        number=number,
        text=settings.farewell(login),
    )


def _active_at(moments: Sequence[Moment], claimed_at: float) -> float:
    """The time of the last activity by a person, bots excluded."""
    acts = [moment.at for moment in moments if moment.by is not None and not moment.by.is_bot]
    return max([claimed_at, *acts])
