"""Issue about an invalid settings file: one per repository, closed when the file is valid again."""

from bot.actions import KeepIssue
from bot.settings.files import FILE, Known

# The rule name in the records of these actions.
NAME = "settings"

_BROKEN = """\
There are problems in `{file}`, so I cannot use it:

```text
{problems}
```

The numbers are the line and the column. Nothing is lost: until the file is fixed, I {fallback}.

**To fix it**, change the file on the default branch. A pull request is best, because I check the \
file there before you merge it, and show what it would change. I will close this issue when the \
file is valid again.
"""
_FIXED = """\
`{file}` is valid again, and I am using it from now on. Thank you!
"""


def complaint(file: Known) -> KeepIssue | None:
    """The issue about a file, open or closed; None for a file that has always been valid. Pure.

    Safe to repeat: the same state of the file gives the same action.
    """
    if file.serial == 0:
        return None
    fallback = "keep using the last valid settings" if file.text else "use the default settings"
    text = _BROKEN.format(file=FILE, problems=_fenced(file.problems), fallback=fallback)
    return KeepIssue(
        about=f"settings {file.repository}",
        version=str(file.serial),
        repository=file.repository,
        title=f"Problems in {FILE}",
        text=text if file.problems else _FIXED.format(file=FILE),
        open=bool(file.problems),
    )


def _fenced(problems: str) -> str:
    """The problems without code fences, which a quoted line of the file may contain."""
    return problems.replace("```", "'''")
