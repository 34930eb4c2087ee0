"""Parsed commands and their results."""

from dataclasses import dataclass, field

from bot.actions import Action
from bot.events import Issue
from bot.rule import Reader
from bot.rules.commands.settings import CommandsSettings

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class CommandCall:
    """A command, its author and its issue or pull request.

    `name` has no slash; `rest` is the text after it. `about` identifies the command for ever, by
    its comment and its words. `is_first` is True in the opening text of an issue or pull request.
    """

    name: str
    rest: str
    about: str
    person: str
    repository: str
    issue: Issue
    is_first: bool
    reader: Reader = field(repr=False)
    settings: CommandsSettings = field(repr=False)

    @property
    def is_own(self) -> bool:
        """Whether the person opened the issue or pull request."""
        author = self.issue.author
        return author is not None and author.login.lower() == self.person.lower()

    def may_write(self) -> bool:
        """Whether the person may write to the repository; asks GitHub."""
        return self.reader.may_write(self.repository, self.person)

    @property
    def thing(self) -> str:
        """`pull request` or `issue`."""
        return "pull request" if self.issue.is_pull_request else "issue"


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """The result of a command: actions, and a reply ("" for none)."""

    actions: tuple[Action, ...] = ()
    say: str = ""


def quoted(text: str) -> str:
    """A user's text as inline code, which renders nothing and notifies no one."""
    plain = " ".join(text.replace("`", "'").split())
    return f"`{plain if len(plain) <= _SHOWN else plain[:_SHOWN] + '...'}`"


def listed(texts: list[str]) -> str:
    """Users' texts as a comma-separated list of inline code."""
    return ", ".join(quoted(text) for text in texts)
