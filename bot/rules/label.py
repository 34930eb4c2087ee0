"""Labels for pull requests, by changed paths, size and title.

The rule only adds and removes labels that the settings name. It never creates one: GitHub would
silently create a label that does not exist. It reads the pull request as it is now, so the order of
events does not matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from bot.actions import Action, Comment, Label, Unlabel
from bot.events import Event
from bot.facts import MOST_FILES, NotYet, PartialList, Pull
from bot.options.authority import FREE, only_off, tightening
from bot.options.globs import LARGEST_PATHS, NAMED_GLOBS, covering, fits
from bot.options.kinds import FLAG, option, table, whole
from bot.rule import Reader, Rule
from luggage.github.errors import Invalid, RequestFailed


@dataclass(frozen=True, slots=True)
class LabelSettings:
    """Which labels the bot manages, and when each one applies."""

    enabled: bool = option(
        FLAG,
        default=False,
        words="Whether the bot labels pull requests.",
        authority=tightening(only_off),
    )
    paths: Mapping[str, tuple[str, ...]] = option(
        NAMED_GLOBS,
        {},
        "Label -> patterns; it applies when a changed path matches one of them. As in a "
        "`.gitignore`, `*` stays within a folder and `**` spans any number of folders. The bot "
        "reads the first 1,000 files; of a larger pull request it removes no such label, nor while "
        "GitHub does not list the files.",
        authority=FREE,
    )
    titles: Mapping[str, tuple[str, ...]] = option(
        NAMED_GLOBS,
        {},
        "Label -> patterns; it applies when the whole title matches one of them, ignoring "
        "case. `*` matches any text.",
        authority=FREE,
    )
    sizes: Mapping[str, int] = option(
        table(whole(0, 1_000_000), most=20),
        {},
        "Label -> lines added and deleted; the label with the largest number reached applies.",
        authority=FREE,
    )

    @property
    def managed(self) -> frozenset[str]:
        """Every label that these settings name."""
        return frozenset([*self.paths, *self.titles, *self.sizes])


def decide(event: Event, reader: Reader, settings: LabelSettings) -> Sequence[Action]:
    """The actions that bring the managed labels up to date; raises NotYet without the paths."""
    if event.repository is None or event.pull_request is None or not settings.managed:
        return []
    repository, number = event.repository.full_name, event.pull_request.number
    pull = reader.pull(repository, number)
    if not pull.is_open:
        return []
    changed, failure = _changed_paths(repository, number, reader, settings)
    paths = _bounded(changed)
    is_known_cut = bool(settings.paths) and pull.files > MOST_FILES
    is_cut = len(paths) < len(changed) or isinstance(changed, PartialList) or is_known_cut
    is_cut = is_cut or failure is not None
    matching = {name.lower() for name in _matching(pull, paths, settings)}
    managed = {name.lower() for name in settings.managed}
    if is_cut:  # The other paths may call for these labels.
        managed -= {name.lower() for name in settings.paths}
    current = {name.lower(): name for name in pull.labels}
    remove = [name for low, name in current.items() if low in managed - matching]
    missing = matching - current.keys()
    there = reader.labels(repository, named=sorted(missing)) if missing else ()
    add = [name for name in there if name.lower() in missing]
    changes = _changes(repository, pull, sorted(add), sorted(remove))
    if failure is not None and not isinstance(failure, Invalid):
        raise NotYet("GitHub does not list the files now; titles and sizes count", changes) from (
            failure
        )
    return [*changes, _cut(repository, pull, some=bool(paths))] if is_cut else changes


def _changed_paths(
    repository: str, number: int, reader: Reader, settings: LabelSettings
) -> tuple[Sequence[str], RequestFailed | None]:
    """The changed paths, or why GitHub does not list them: such a large diff is refused for good.

    What depends on titles and sizes does not wait for that.
    """
    try:
        return (reader.changed_paths(repository, number) if settings.paths else ()), None
    except RequestFailed as error:
        return (), error


def _cut(repository: str, pull: Pull, *, some: bool) -> Comment:
    """One comment for each pull request: the rule read some of its paths, or none."""
    by = "a part of their paths" if some else "its title and size alone: GitHub lists no paths"
    return Comment(
        about=f"label {repository}#{pull.number} has too many files",
        repository=repository,
        number=pull.number,
        text=f"This pull request changes {pull.files:,} files. I chose labels by {by}, and I "
        "remove none that depends on paths.",
    )


def _bounded(paths: Sequence[str]) -> Sequence[str]:
    """The first paths, which have LARGEST_PATHS characters together at most."""
    ends = accumulate(len(path) + 1 for path in paths)
    return [path for path, end in zip(paths, ends, strict=True) if end <= LARGEST_PATHS]


def _matching(pull: Pull, paths: Sequence[str], settings: LabelSettings) -> set[str]:
    by_path = covering(settings.paths, paths)
    by_title = {name for name, patterns in settings.titles.items() if fits(pull.title, patterns)}
    reached = {lines: name for name, lines in settings.sizes.items() if lines <= pull.lines}
    by_size = {reached[max(reached)]} if reached else set()
    return by_path | by_title | by_size


def _changes(repository: str, pull: Pull, add: list[str], remove: list[str]) -> list[Action]:
    state = f"{repository}#{pull.number} at {pull.head} {int(pull.updated_at)}"
    actions: list[Action] = [
        Unlabel(
            about=f"{state} {name}",
            repository=repository,
            number=pull.number,
            name=name,
            head=pull.head,
            title=pull.title,
        )
        for name in remove
    ]
    if add:
        label = Label(
            about=f"{state} {', '.join(add)}",
            repository=repository,
            number=pull.number,
            names=tuple(add),
            head=pull.head,
            title=pull.title,
        )
        actions.append(label)
    return actions


RULE = Rule(
    name="label",
    events=frozenset(
        ("pull_request", action) for action in ("opened", "reopened", "synchronize", "edited")
    ),
    permissions={"pull_requests": "write"},
    settings=LabelSettings,
    decide=decide,
)
