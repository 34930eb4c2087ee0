"""Texts of a preview: Markdown for a check run, lines for a terminal, values for JSON.

Anyone can read a check run on a public repository, so it only counts what happened in other,
private repositories.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.actions import CheckRun, kinds, limits
from bot.operations.preview.comparison import Difference, How, Preview
from bot.options.kinds import Problem, messages
from bot.settings.files import FILE

NAME = "preview"
CHECK = "bot.toml"
_MOST_ROWS = 100
_LONGEST_CELL = 200

_BASIS = {0: "No stored delivery to evaluate", 1: "Evaluated the only stored delivery"}
_ENDS = {How.MORE: "more", How.LESS: "less", How.OTHER: "different"}
_SIGNS = {How.MORE: "would be done", How.LESS: "would not be done", How.OTHER: "would differ"}


_IGNORED = "Some settings are ignored"


def headline(result: Preview) -> str:
    """The differences in one line: `3 more invitations, 1 comment less; 2 could not be judged`."""
    missing, total = result.unjudged + result.too_late, result.looked_at + result.too_late
    if not total:
        return _BASIS[0]
    if missing == total:
        return f"None of the deliveries could be judged ({missing})"
    parts = [_counted(kind, how, count) for (kind, how), count in sorted(result.counts().items())]
    said = ", ".join(parts) or "Nothing would have been done differently"
    return f"{said}; {missing} could not be judged" if missing else said


def _counted(kind: str, how: How, count: int) -> str:
    one, many = kinds()[kind].noun
    noun = one if count == 1 else many
    return f"{count} more {noun}" if how is How.MORE else f"{count} {noun} {_ENDS[how]}"


def basis(result: Preview) -> str:
    """What the preview is based on, in one line."""
    text = _BASIS.get(result.looked_at, f"Evaluated the last {result.looked_at} stored deliveries")
    if result.unjudged:
        text += f"; skipped {result.unjudged} because facts are unknown"
    if result.too_late:
        text += f"; not judged: {result.too_late}, because the time for a preview was over"
    asked = "one question" if result.questions == 1 else f"{result.questions} questions"
    return f"{text}; asked GitHub {asked}."


def refusal(repository: str, commit: str, problems: Sequence[Problem]) -> CheckRun:
    """The check run for an invalid file."""
    return CheckRun(
        repository=repository,
        commit=commit,
        name=CHECK,
        conclusion="failure",
        title="The file is invalid",
        summary=f"```text\n{_listed(problems)}\n```\n\nThe numbers are line and column. "
        "If you merge this, the bot keeps using the last valid settings.",
    )


def _listed(problems: Sequence[Problem]) -> str:
    return limits.lines([each.replace("```", "'''") for each in messages(problems, FILE)])


def unread(repository: str, commit: str) -> CheckRun:
    """The check run for a file that GitHub does not show at the commit."""
    return CheckRun(
        repository=repository,
        commit=commit,
        name=CHECK,
        conclusion="neutral",
        title="The file could not be read",
        summary="GitHub did not show the file at this commit. The next push is checked again.",
    )


def valid(repository: str, commit: str) -> CheckRun:
    """The check run for a valid file from someone who may not see its effect."""
    return CheckRun(
        repository=repository,
        commit=commit,
        name=CHECK,
        conclusion="success",
        title="The file is valid",
        summary="The effect of these settings on past deliveries is shown for pull requests of "
        "people with write access to this repository.",
    )


def removal(repository: str, commit: str) -> CheckRun:
    """The check run for a pull request that removes the file."""
    return CheckRun(
        repository=repository,
        commit=commit,
        name=CHECK,
        conclusion="success",
        title="The file is removed",
        summary="Without it, the organisation's settings, the operator's and the defaults apply.",
    )


def report(repository: str, commit: str, result: Preview, *, server_url: str) -> CheckRun:
    """The check run for a valid file: what it would have done differently."""
    rows = [_row(each, server_url) for each in result.differences if _may_name(each, repository)]
    hidden = len(result.differences) - len(rows)
    summary = f"{basis(result)} None of this was done: it shows the effect of these settings."
    if result.ignored:
        summary = f"```text\n{_listed(result.ignored)}\n```\n\n{summary}"
    return CheckRun(
        repository=repository,
        commit=commit,
        name=CHECK,
        conclusion="failure" if result.ignored else "success",
        title=_IGNORED if result.ignored else headline(result),
        summary=summary,
        text="\n".join(_table(rows, hidden)),
    )


def _may_name(each: Difference, repository: str) -> bool:
    """Whether a check run of `repository` may name an action, its place and its cause.

    An action in another repository than its cause's is not named: that one may be private.
    """
    repo = each.because_of.event.repository
    if repo is None:
        return False
    known = {repository.lower()} | (set() if repo.private else {repo.full_name.lower()})
    places = {repo.full_name, getattr(each.action, "repository", repo.full_name)}
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
        yield f"Not shown: {hidden} in private or other repositories, or in none."


def _row(each: Difference, server_url: str) -> str:
    place = each.because_of.subject
    link = f"[{place}]({server_url}/{place.replace('#', '/issues/')})"
    return f"| {_SIGNS[each.how]} | {_cell(each.action.describe())} | {link} |"


def _cell(text: str) -> str:
    """Text for a cell of a Markdown table, without markup, mentions or cell breaks."""
    safe = text.replace("\\", "").replace("`", "'").replace("|", "/").replace("\n", " ")
    return f"`{safe if len(safe) <= _LONGEST_CELL else f'{safe[:_LONGEST_CELL]}...'}`"


def lines(result: Preview) -> Iterator[str]:
    """A preview for a terminal, line by line."""
    yield from (problem.of(FILE) for problem in result.ignored)
    yield f"{headline(result)}."
    for each in result.differences:
        yield f"{each.how:5}  {each.action.describe()}, because of {each.because_of.subject}"
    yield basis(result)


def values(result: Preview) -> Mapping[str, Any]:
    """A preview as plain JSON."""
    return {
        "deliveries": result.looked_at,
        "unjudged": result.unjudged,
        "too_late": result.too_late,
        "questions": result.questions,
        "ignored": messages(result.ignored, FILE),
        "differences": [
            {
                "how": str(each.how),
                "kind": each.action.kind,
                "key": each.action.key,
                "words": each.action.describe(),
                "delivery": each.because_of.guid,
                "about": each.because_of.subject,
            }
            for each in result.differences
        ],
    }
