"""What is said of a settings file that cannot be used, and when it can be used again.

One issue for each repository, however often the file changes; it is closed when the file is mended.
"""

from bot.actions import KeepIssue
from bot.settings.files import FILE, Known

# The rule that such an action is said to come from.
NAME = "settings"

_BROKEN = """\
I cannot use `{file}` as it is now:

```text
{problems}
```

Nothing is lost: {holds}, until this is mended. The numbers are line and column.

**To mend it**, change the file on the default branch. A pull request is best: there I check the \
file before it is merged, and show what it would change. I will close this issue when the file is \
fine again.
"""
_MENDED = """\
`{file}` is fine again, and what it says holds from now on. Thank you!
"""


def complaint(file: Known) -> KeepIssue | None:
    """What is to be said of a file now: None for one that has always been fine. Pure.

    The same for the same state of the file, so that saying it again has no effect.
    """
    if file.serial == 0:
        return None
    holds = "the last settings that worked hold" if file.text else "the defaults hold"
    text = _BROKEN.format(file=FILE, problems=_fenced(file.problems), holds=holds)
    return KeepIssue(
        about=f"settings {file.repository}",
        version=str(file.serial),
        repository=file.repository,
        title=f"I cannot use {FILE}",
        text=text if file.problems else _MENDED.format(file=FILE),
        open=bool(file.problems),
    )


def _fenced(problems: str) -> str:
    """The problems as they may stand in a block of code: they quote the file, which may end it."""
    return problems.replace("```", "'''")
