"""One command as it was asked, and what it leads to."""

from dataclasses import dataclass, field

from bot.actions import Action
from bot.events import Issue
from bot.rule import Reader
from bot.rules.commands.settings import CommandsSettings

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class CommandCall:
    """A command, who gave it, and where.

    `name` is without its slash, `rest` all that follows it. `about` names the command for ever: the
    text that holds it, and its words. `is_first` says that it stands in the opening text.
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
        """Whether the issue or pull request is the person's own."""
        author = self.issue.author
        return author is not None and author.login.lower() == self.person.lower()

    def may_write(self) -> bool:
        """Whether the person may write to the repository, asked of GitHub now."""
        return self.reader.may_write(self.repository, self.person)

    @property
    def thing(self) -> str:
        """What it is about, in a word."""
        return "pull request" if self.issue.is_pull_request else "issue"


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """What a command leads to: actions, and words for the person ("" for none)."""

    actions: tuple[Action, ...] = ()
    say: str = ""


def quoted(text: str) -> str:
    """A text of a person's, for an answer: nobody is notified by it, and nothing is rendered."""
    plain = " ".join(text.replace("`", "'").split())
    return f"`{plain if len(plain) <= _SHOWN else plain[:_SHOWN] + '...'}`"


def listed(texts: list[str]) -> str:
    """Texts of people's, as a list in a sentence."""
    return ", ".join(quoted(text) for text in texts)
