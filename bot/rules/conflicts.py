"""Say once that a pull request no longer merges, and take it back when it does.

Told is each spell of conflicts once; when it is over, the comment that told of it says so instead,
which nobody is notified of but whoever comes back reads. Chosen against deleting it: people would
look for what their mail told them; and against hiding it, which newcomers do not know.

Which spell it is, is counted by what was taken back before, so neither the order of deliveries nor
how often they come matters. Pushes to a base and a daily look ask for all pull requests at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from string import Template

from bot.actions import Action, Comment, Label, TakeBack, Unlabel
from bot.events import SCHEDULE, Event
from bot.facts import Merging, NotYet
from bot.options.kinds import FLAG, WORDS, option, template
from bot.rule import Reader, Rule

MESSAGE = """\
Hello @$person! This pull request can no longer be merged just like that: other changes have come \
into `$base`, and some of them touch the same lines. That happens, and nobody has done anything \
wrong.

What helps is to bring `$base` into your branch and to settle the conflicts there, then to push; \
GitHub's guide to [merge conflicts][guide] shows how, in the browser or on the command line. If \
you get stuck, ask here: we are glad to help. I will notice by myself when it is done.

[guide]: https://docs.github.com/pull-requests/collaborating-with-pull-requests/addressing-merge-conflicts
"""
SETTLED = """\
This pull request merges again: thank you, @$person! Nothing is left to do about it. (For a while, \
other changes in `$base` were in its way.)
"""


@dataclass(frozen=True, slots=True)
class ConflictsSettings:
    """What is said of conflicts, and where."""

    enabled: bool = option(FLAG, default=False, words="Whether conflicts are told.")
    label: str = option(
        WORDS, "", "A label that is on while there are conflicts; empty for none. It must exist."
    )
    comment: bool = option(FLAG, default=True, words="Whether a comment tells of them.")
    drafts: bool = option(FLAG, default=False, words="Whether drafts are looked at, too.")
    message: str = option(template("person", "base"), MESSAGE, "The comment, in Markdown.")
    settled: str = option(
        template("person", "base"), SETTLED, "What the comment says once it merges again."
    )


def decide(event: Event, reader: Reader, settings: ConflictsSettings) -> Sequence[Action]:
    """What is to be told of, and what to be taken back, for one pull request or for many."""
    if event.repository is None:
        return []
    repository = event.repository.full_name
    found = _looked_at(event, repository, reader)
    actions: list[Action] = []
    for pull in found:
        if pull.merges is not None and (settings.drafts or not pull.is_draft):
            actions += _about(repository, pull, reader, settings)
    if any(pull.merges is None for pull in found):
        raise NotYet(f"GitHub is working out what merges in {repository}", actions)
    return actions


def _looked_at(event: Event, repository: str, reader: Reader) -> Sequence[Merging]:
    if event.name == SCHEDULE:
        return reader.merging(repository)
    if event.push is not None:
        return (
            [] if event.push.branch is None else reader.merging(repository, base=event.push.branch)
        )
    if event.pull_request is None:
        return []
    pull = reader.pull(repository, event.pull_request.number)
    if not pull.is_open:
        return []
    return [
        Merging(
            number=pull.number,
            author=pull.author,
            base=pull.base,
            merges=pull.merges,
            is_draft=pull.is_draft,
            labels=pull.labels,
        )
    ]


def _about(
    repository: str, pull: Merging, reader: Reader, settings: ConflictsSettings
) -> Iterator[Action]:
    if pull.author is None or pull.author.is_bot:
        return
    spell = _spell(repository, pull, pull.author.login, reader, settings)
    was_told = reader.wanted_at(spell.told) is not None
    labelled = settings.label.lower() in {name.lower() for name in pull.labels}
    if pull.merges:
        yield from [spell.back] if was_told else []
        yield from [spell.unlabel] if labelled else []
        return
    if settings.comment and not was_told:
        yield spell.told
    if settings.label and not labelled:
        yield from _label(repository, pull, spell.told.about, reader, settings)


@dataclass(frozen=True, slots=True)
class _Spell:
    """What tells of one spell of conflicts, and what ends it."""

    told: Comment
    back: TakeBack
    unlabel: Unlabel

    def is_over(self, reader: Reader) -> bool:
        ends = (self.back, self.unlabel)
        return any(reader.wanted_at(action) is not None for action in ends)


def _spell(
    repository: str, pull: Merging, author: str, reader: Reader, settings: ConflictsSettings
) -> _Spell:
    """The spell that lasts, or the next one."""
    names = {"person": author, "base": pull.base}
    message = Template(settings.message).substitute(names)
    settled = Template(settings.settled).substitute(names)
    number = pull.number
    for time in count(1):
        about = f"conflicts {repository}#{number} spell {time}"
        spell = _Spell(
            Comment(about=about, repository=repository, number=number, text=message),
            TakeBack(about=about, repository=repository, number=number, text=settled),
            Unlabel(about=about, repository=repository, number=number, name=settings.label),
        )
        if not spell.is_over(reader):
            break
    return spell


def _label(
    repository: str, pull: Merging, about: str, reader: Reader, settings: ConflictsSettings
) -> Iterator[Action]:
    for name in reader.labels(repository):
        if name.lower() == settings.label.lower():
            yield Label(about=about, repository=repository, number=pull.number, names=(name,))


RULE = Rule(
    name="conflicts",
    events=frozenset(
        {("pull_request", action) for action in ("opened", "reopened", "synchronize", "edited")}
        | {("pull_request", "ready_for_review"), ("push", "")}
    ),
    permissions={"pull_requests": "write", "contents": "read"},
    settings=ConflictsSettings,
    decide=decide,
    schedule="23 5 * * *",
)
