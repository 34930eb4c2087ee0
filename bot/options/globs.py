"""Glob patterns in settings: `*` and `?`, and `**` for any number of folders.

fnmatch does not backtrack since Python 3.9, and matches one part of a path at a time here, so no
pattern can block a rule (docs/decisions/0103).
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase


def fits(text: str, patterns: Iterable[str]) -> bool:
    """Whether the whole text matches one of the patterns, ignoring case. Pure."""
    lowered = text.lower()
    return any(fnmatchcase(lowered, pattern.lower()) for pattern in patterns)


def covers(patterns: Iterable[str], path: str) -> bool:
    """Whether one of the patterns matches a path such as `docs/index.md`; case-sensitive. Pure.

    As in a .gitignore, `*` stays within a folder, `**` spans any number of folders, and `docs/`
    matches everything below. A pattern without a slash matches anywhere, one with a slash from the
    top.
    """
    parts = path.split("/")
    return any(_matches(_steps(pattern), parts) for pattern in patterns)


def _steps(pattern: str) -> list[str]:
    anywhere = "/" not in pattern.rstrip("/")
    steps = pattern.strip("/").split("/")
    return ["**"] * anywhere + steps + ["**"] * pattern.endswith("/")


def _matches(steps: list[str], parts: list[str]) -> bool:
    """Whether the steps match all parts; `reached` are the numbers of parts matched so far."""
    reached = {0}
    for step in steps:
        if step == "**":
            reached = set(range(min(reached), len(parts) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(parts) and fnmatchcase(parts[at], step)}
        if not reached:
            return False
    return len(parts) in reached
