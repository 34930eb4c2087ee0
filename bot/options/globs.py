"""Patterns that people write into settings: `*` and `?` for texts, and `**` for folders of paths.

Matched by the standard library's fnmatch, which since Python 3.9 does not backtrack, one part of a
path at a time: no pattern, however unhappy, can hold a rule up. Pure.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase


def fits(text: str, patterns: Iterable[str]) -> bool:
    """Whether the whole text is like one of the patterns; upper and lower case are the same."""
    lowered = text.lower()
    return any(fnmatchcase(lowered, pattern.lower()) for pattern in patterns)


def covers(patterns: Iterable[str], path: str) -> bool:
    """Whether one of the patterns is about a path, such as `docs/index.md`; case counts.

    As in a .gitignore: `*` stays within a folder, `**` is any number of folders, `docs/` all that
    is below; a pattern without a slash may be anywhere, one with a slash begins at the top.
    """
    parts = path.split("/")
    return any(_leads(_steps(pattern), parts) for pattern in patterns)


def _steps(pattern: str) -> list[str]:
    anywhere = "/" not in pattern.rstrip("/")
    steps = pattern.strip("/").split("/")
    return ["**"] * anywhere + steps + ["**"] * pattern.endswith("/")


def _leads(steps: list[str], parts: list[str]) -> bool:
    """Whether the steps lead through all parts, and not beyond."""
    reached = {0}
    for step in steps:
        if step == "**":
            reached = set(range(min(reached), len(parts) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(parts) and fnmatchcase(parts[at], step)}
        if not reached:
            return False
    return len(parts) in reached
