"""Claims that lie idle: a question first, and after it, unless something happens, the release.

Only what was claimed through the bot is touched; whom maintainers assigned stays. Quiet is a claim
when GitHub shows no change of the issue at all; then its timeline is looked at for what the person
did elsewhere about it. The question itself does not count as a change.
"""

from collections.abc import Iterator, Sequence

from bot.actions import Action, Comment, Unassign
from bot.events import Event
from bot.facts import Moment, Waiting
from bot.rule import Reader
from bot.rules.commands.settings import CommandsSettings

_DAY = 86_400.0


def idle(event: Event, reader: Reader, settings: CommandsSettings) -> Sequence[Action]:
    """Questions and releases that are due in a repository."""
    if event.repository is None or settings.remind_days == 0:
        return []
    repository = event.repository.full_name
    claims = reader.claims(repository)
    held = {one.number: one for one in reader.claimed(repository)} if claims else {}
    actions: list[Action] = []
    for number, person, claimed_at in claims:
        issue = held.get(number)
        if issue is not None and person in {name.lower() for name in issue.people}:
            actions += _due(repository, issue, person, claimed_at, reader, settings)
    return actions


def _due(  # noqa: PLR0913, PLR0917  what is known of one claim
    repository: str,
    issue: Waiting,
    person: str,
    claimed_at: float,
    reader: Reader,
    settings: CommandsSettings,
) -> Iterator[Action]:
    quiet_before = reader.now() - min(settings.release_days, settings.remind_days) * _DAY
    if max(issue.updated_at, claimed_at) > quiet_before:
        return
    active_at = _active_at(reader.timeline(repository, issue.number), claimed_at)
    login = next(name for name in issue.people if name.lower() == person)
    about = f"claim {repository}#{issue.number} {person} {int(active_at)}"
    question = Comment(
        about=f"quiet {about}",
        repository=repository,
        number=issue.number,
        text=settings.question(login),
    )
    asked_at = reader.wanted_at(question)
    if asked_at is None:
        if reader.now() - active_at >= settings.remind_days * _DAY:
            yield question
    elif reader.now() - asked_at >= settings.release_days * _DAY:
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
    """When people last did something about the issue; programs do not count."""
    seen = [one.at for one in moments if one.by is not None and not one.by.is_bot]
    return max([claimed_at, *seen])
