"""Words of a preview: Markdown for a check run, lines for a terminal, values for JSON.

Everybody reads a check run on a public repository. So it counts what happened in other, private
repositories, and does not name it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.actions import CheckRun, kinds
from bot.operations.preview.comparison import Difference, How, Preview
from bot.options.kinds import Problem
from bot.settings.files import FILE

NAME = "preview"
CHECK = "bot.toml"
# GitHub: a check run's summary and text have 65,535 characters at most.
_MOST_ROWS = 100

_LOOKED = {0: "No stored delivery is about it", 1: "Looked at the only stored delivery"}
_ENDS = {How.MORE: "more", How.LESS: "less", How.OTHER: "different"}
_SIGNS = {How.MORE: "would be done", How.LESS: "would not be done", How.OTHER: "would differ"}


def headline(made: Preview) -> str:
    """What differs, in one line: `3 more invitations, 1 comment less`."""
    parts = [_counted(kind, how, count) for (kind, how), count in sorted(made.counts().items())]
    return ", ".join(parts) or "Nothing would have been done differently"


def _counted(kind: str, how: How, count: int) -> str:
    one, many = kinds()[kind].noun
    noun = one if count == 1 else many
    return f"{count} more {noun}" if how is How.MORE else f"{count} {noun} {_ENDS[how]}"


def basis(made: Preview) -> str:
    """What the preview rests on, in one line."""
    said = _LOOKED.get(made.looked_at, f"Looked at the last {made.looked_at} stored deliveries")
    if made.unjudged:
        said += f"; {made.unjudged} of them could not be judged, because facts are missing"
    asked = "one question" if made.questions == 1 else f"{made.questions} questions"
    return f"{said}; {asked} asked of GitHub."


def refusal(repository: str, commit: str, problems: Sequence[Problem]) -> CheckRun:
    """The check run for a file that cannot be used."""
    listed = "\n".join(f"{problem.of(FILE)}".replace("```", "'''") for problem in problems)
    return CheckRun(
        repository=repository,
        commit=commit,
        name=CHECK,
        conclusion="failure",
        title="The file cannot be used",
        summary=f"```text\n{listed}\n```\n\nThe numbers are line and column. If this is merged, "
        "the settings stay as they are.",
    )


def unread(repository: str, commit: str) -> CheckRun:
    """The check run for a file that GitHub does not show at the commit."""
    return CheckRun(
        repository=repository,
        commit=commit,
        name=CHECK,
        conclusion="neutral",
        title="The file could not be read",
        summary="GitHub did not show the file at this commit. The next push is looked at again.",
    )


def removal(repository: str, commit: str) -> CheckRun:
    """The check run for a pull request that takes the file away."""
    return CheckRun(
        repository=repository,
        commit=commit,
        name=CHECK,
        conclusion="success",
        title="The file is taken away",
        summary="Then what lies below it holds: the organisation's settings, the operator's, and "
        "the defaults.",
    )


def report(repository: str, commit: str, made: Preview, *, server_url: str) -> CheckRun:
    """The check run for a file that can be used: what it would have done differently."""
    rows = [_row(each, server_url) for each in made.differences if _may_name(each, repository)]
    hidden = len(made.differences) - len(rows)
    summary = f"{basis(made)} Nothing of this was done: it shows what these settings change."
    return CheckRun(
        repository=repository,
        commit=commit,
        name=CHECK,
        conclusion="success",
        title=headline(made),
        summary=summary,
        text="\n".join(_table(rows, hidden)),
    )


def _may_name(each: Difference, repository: str) -> bool:
    """Whether a check run of `repository` may name an action, its place and its cause.

    What would be done in another repository than that of its cause is not named: whether it is
    private is not known.
    """
    found = each.because_of.event.repository
    if found is None:
        return False
    known = {repository.lower()} | (set() if found.private else {found.full_name.lower()})
    places = {found.full_name, getattr(each.action, "repository", found.full_name)}
    return {place.lower() for place in places} <= known


def _table(rows: Sequence[str], hidden: int) -> Iterator[str]:
    if rows:
        yield "| | action | because of |"
        yield "|---|---|---|"
        yield from rows[:_MOST_ROWS]
        yield ""
    if len(rows) > _MOST_ROWS:
        yield f"And {len(rows) - _MOST_ROWS} more."
    if hidden:
        yield f"Not shown: {hidden} in private repositories, in others, or in none."


def _row(each: Difference, server_url: str) -> str:
    place = each.because_of.subject
    link = f"[{place}]({server_url}/{place.replace('#', '/issues/')})"
    return f"| {_SIGNS[each.how]} | {_cell(each.action.describe())} | {link} |"


def _cell(text: str) -> str:
    """Text in a cell of a Markdown table: nothing in it is markup, a mention or a new cell."""
    safe = text.replace("\\", "").replace("`", "'").replace("|", "/").replace("\n", " ")
    return f"`{safe}`"


def lines(made: Preview) -> Iterator[str]:
    """A preview at a terminal."""
    yield f"{headline(made)}."
    for each in made.differences:
        yield f"{each.how:5}  {each.action.describe()}, because of {each.because_of.subject}"
    yield basis(made)


def values(made: Preview) -> Mapping[str, Any]:
    """A preview as plain JSON."""
    return {
        "deliveries": made.looked_at,
        "unjudged": made.unjudged,
        "questions": made.questions,
        "differences": [
            {
                "how": str(each.how),
                "kind": each.action.kind,
                "key": each.action.key,
                "words": each.action.describe(),
                "delivery": each.because_of.guid,
                "about": each.because_of.subject,
            }
            for each in made.differences
        ],
    }
