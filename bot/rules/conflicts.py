"""Merge conflicts: comments once per conflict period, and edits the comment when it ends.

docs/decisions/0104 says why the comment is edited, not deleted or hidden. The rule counts the
periods that have ended, so neither the order nor the number of deliveries matters. A push to a base
branch and the daily run check all open pull requests at once.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from string import Template

from bot.actions import Action, Comment, Label, TakeBack, Unlabel
from bot.events import SCHEDULE, Event
from bot.facts import Merging, NotYet, Pull
from bot.options.authority import FREE, only_off, tightening
from bot.options.kinds import FLAG, WORDS, option, template
from bot.rule import Reader, Rule

MESSAGE = """\
Hello @$person! This pull request now has merge conflicts: some recent changes in `$base` touch \
the same lines. That happens, and no one has done anything wrong.

To fix it, merge `$base` into your branch, resolve the conflicts and push. GitHub's guide to \
[merge conflicts][guide] shows how, in the browser or on the command line. If you get stuck, just \
ask here: we are happy to help. I will notice when the conflicts are gone.

[guide]: https://docs.github.com/pull-requests/collaborating-with-pull-requests/addressing-merge-conflicts
"""
SETTLED = """\
The merge conflicts are resolved. Thank you, @$person! There is nothing left to do here. (For a \
while, this pull request conflicted with changes in `$base`.)
"""


@dataclass(frozen=True, slots=True)
class ConflictsSettings:
    """How the bot reports merge conflicts."""

    enabled: bool = option(
        FLAG,
        default=False,
        words="Whether the bot reports conflicts.",
        authority=tightening(only_off),
    )
    label: str = option(
        WORDS,
        "",
        "An existing label for pull requests with conflicts; empty for none.",
        authority=FREE,
    )
    comment: bool = option(
        FLAG,
        default=True,
        words="Whether the bot comments on conflicts.",
        authority=tightening(only_off),
    )
    drafts: bool = option(
        FLAG,
        default=False,
        words="Whether the bot also checks drafts.",
        authority=tightening(only_off),
    )
    message: str = option(
        template("person", "base"), MESSAGE, "The comment, in Markdown.", authority=FREE
    )
    settled: str = option(
        template("person", "base"),
        SETTLED,
        "The comment's text once the conflicts are resolved.",
        authority=FREE,
    )


def decide(event: Event, reader: Reader, settings: ConflictsSettings) -> Sequence[Action]:
    """The comments and labels to add or withdraw; raises NotYet while GitHub computes a merge."""
    if event.repository is None:
        return []
    repository = event.repository.full_name
    pulls = _pulls(event, repository, reader)
    actions: list[Action] = []
    for pull in pulls:
        if pull.merges is not None and (settings.drafts or not pull.is_draft):
            actions += _changes(repository, pull, reader, settings)
    if any(pull.merges is None for pull in pulls):
        raise NotYet(f"GitHub is still checking for conflicts in {repository}", actions)
    return actions


def _pulls(event: Event, repository: str, reader: Reader) -> Sequence[Merging | Pull]:
    if event.name == SCHEDULE:
        return reader.merging(repository)
    if event.push is not None:
        branch = event.push.branch
        return [] if branch is None else reader.merging(repository, base=branch)
    if event.pull_request is None:
        return []
    pull = reader.pull(repository, event.pull_request.number)
    return [pull] if pull.is_open else []


def _changes(
    repository: str, pull: Merging | Pull, reader: Reader, settings: ConflictsSettings
) -> Iterator[Action]:
    if pull.author is None or pull.author.is_bot:
        return
    period = _period(repository, pull, pull.author.login, reader, settings)
    has_comment = reader.wanted_at(period.comment) is not None
    has_label = settings.label.lower() in {name.lower() for name in pull.labels}
    if pull.merges:
        yield from [period.take_back] if has_comment else []
        yield from [period.unlabel] if has_label else []
        return
    if settings.comment and not has_comment and not pull.is_locked:
        yield period.comment
    if settings.label and not has_label:
        yield from _label(repository, pull, period.comment.about, reader, settings)


@dataclass(frozen=True, slots=True)
class _Period:
    """The actions that begin and end one conflict period."""

    comment: Comment
    take_back: TakeBack
    unlabel: Unlabel

    def is_over(self, reader: Reader) -> bool:
        ends = (self.take_back, self.unlabel)
        return any(reader.wanted_at(action) is not None for action in ends)


def _period(
    repository: str, pull: Merging | Pull, author: str, reader: Reader, settings: ConflictsSettings
) -> _Period:
    """The current conflict period, or the next one."""
    names = {"person": author, "base": pull.base}
    message = Template(settings.message).substitute(names)
    settled = Template(settings.settled).substitute(names)
    number = pull.number

    def period(index: int) -> _Period:
        about = f"conflicts {repository}#{number} spell {index}"
        return _Period(
            Comment(about=about, repository=repository, number=number, text=message),
            TakeBack(about=about, repository=repository, number=number, text=settled),
            Unlabel(about=about, repository=repository, number=number, name=settings.label),
        )

    return period(_first(lambda index: not period(index).is_over(reader)))


def _first(holds: Callable[[int], bool]) -> int:
    """The first number from 1 that `holds`, as do all after it; asks for few of those before it.

    A period only begins when the one before it is over, so the number of questions grows with the
    logarithm of the number of periods.
    """
    end = 1
    while not holds(end):
        end *= 2
    between = range(end // 2 + 1, end)
    return between.start + bisect_left(between, True, key=holds)  # noqa: FBT003  the value sought


def _label(
    repository: str, pull: Merging | Pull, about: str, reader: Reader, settings: ConflictsSettings
) -> Iterator[Action]:
    for name in reader.labels(repository, named=[settings.label]) if settings.label else ():
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
