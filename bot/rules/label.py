"""Label pull requests by the paths that they change, by their size and by their title.

Only the labels that the settings name are ever touched: those that fit are put on, those that fit
no longer are taken off. A label that the repository does not have is passed over: GitHub would make
it in silence. Decided from what the pull request is now, whatever event led here, so the order of
events does not matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.actions import Action, Label, Unlabel
from bot.events import Event
from bot.facts import Pull
from bot.options.globs import covers, fits
from bot.options.kinds import FLAG, TEXT, many, option, table, whole
from bot.rule import Reader, Rule

_PATTERNS = many(TEXT, most=100)


@dataclass(frozen=True, slots=True)
class LabelSettings:
    """Which labels the bot manages, and when each is on."""

    enabled: bool = option(FLAG, default=False, words="Whether pull requests are labelled.")
    paths: Mapping[str, tuple[str, ...]] = option(
        table(_PATTERNS, most=100),
        {},
        "Label -> patterns; it is on when one of the changed paths fits one of them. As in a "
        "`.gitignore`: `*` stays in a folder, `**` is any number of folders.",
    )
    titles: Mapping[str, tuple[str, ...]] = option(
        table(_PATTERNS, most=100),
        {},
        "Label -> patterns; it is on when the title fits one of them as a whole, whatever "
        "the case. `*` stands for any text.",
    )
    sizes: Mapping[str, int] = option(
        table(whole(0, 1_000_000), most=20),
        {},
        "Label -> lines added and deleted; on is the label of the largest number reached.",
    )

    @property
    def managed(self) -> frozenset[str]:
        """Every label that these settings name."""
        return frozenset([*self.paths, *self.titles, *self.sizes])


def decide(event: Event, reader: Reader, settings: LabelSettings) -> Sequence[Action]:
    """What takes the managed labels from how they are to how they should be."""
    if event.repository is None or event.pull_request is None or not settings.managed:
        return []
    repository, number = event.repository.full_name, event.pull_request.number
    pull = reader.pull(repository, number)
    if not pull.is_open:
        return []
    paths = reader.changed_paths(repository, number) if settings.paths else ()
    wanted = {name.lower() for name in _wanted(pull, paths, settings)}
    there = {name.lower(): name for name in pull.labels}
    off = [name for low, name in there.items() if low in _lowered(settings) - wanted]
    missing = wanted - there.keys()
    on = [name for name in reader.labels(repository) if name.lower() in missing] if missing else []
    return _changes(repository, pull, sorted(on), sorted(off))


def _wanted(pull: Pull, paths: Sequence[str], settings: LabelSettings) -> set[str]:
    by_path = {
        name
        for name, patterns in settings.paths.items()
        if any(covers(patterns, path) for path in paths)
    }
    by_title = {name for name, patterns in settings.titles.items() if fits(pull.title, patterns)}
    reached = {lines: name for name, lines in settings.sizes.items() if lines <= pull.lines}
    by_size = {reached[max(reached)]} if reached else set()
    return by_path | by_title | by_size


def _lowered(settings: LabelSettings) -> set[str]:
    return {name.lower() for name in settings.managed}


def _changes(repository: str, pull: Pull, on: list[str], off: list[str]) -> list[Action]:
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
        for name in off
    ]
    if on:
        put = Label(
            about=f"{state} {', '.join(on)}",
            repository=repository,
            number=pull.number,
            names=tuple(on),
            head=pull.head,
            title=pull.title,
        )
        actions.append(put)
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
