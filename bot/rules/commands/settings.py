"""Settings of the rule `commands`."""

from dataclasses import dataclass
from string import Template

from bot.options.authority import (
    FREE,
    only_fewer,
    only_off,
    only_subset,
    only_to,
    tightening,
)
from bot.options.globs import GLOBS
from bot.options.kinds import FLAG, choice, many, option, template, whole

NAMES = ("label", "unlabel", "claim", "release", "assign", "close", "reopen", "help", "why")

REMINDER = """\
Hello @$person! You claimed this issue a while ago, and it has been quiet since. Are you still \
working on it?

* If you are, just say so in a comment, and it stays yours. A half-finished pull request is welcome.
* If not, that is perfectly fine: write `/release`, and someone else can have a go.

If I hear nothing for $days days, I will release it myself, so that no one waits for it. No hard \
feelings: you can `/claim` it again whenever you like.
"""
RELEASED = """\
I have released this issue so that others can take it, because it has been quiet for a long while. \
Thank you for looking into it, @$person! If you would like to carry on, `/claim` makes it yours \
again.
"""


@dataclass(frozen=True, slots=True)
class CommandsSettings:
    """Which commands the bot obeys, and for whom."""

    enabled: bool = option(
        FLAG,
        default=False,
        words="Whether the bot obeys commands.",
        authority=tightening(only_off),
    )
    allow: tuple[str, ...] = option(
        many(choice(*NAMES)),
        NAMES,
        "The commands that the bot obeys. It ignores all others.",
        authority=tightening(only_subset),
    )
    labels: tuple[str, ...] = option(
        GLOBS,
        (),
        "The labels that everyone may add and remove; `*` matches any text. "
        "People with write access may use every label.",
        authority=tightening(only_subset),
    )
    assign: str = option(
        choice("write", "author"),
        "write",
        "Who may `/assign` others: people with write access, or also the issue's author.",
        authority=tightening(only_to({"author": ("write",)})),
    )
    most_claims: int = option(
        whole(1, 100),
        3,
        "How many open issues one person may hold in the repository.",
        authority=tightening(only_fewer),
    )
    remind_days: int = option(
        whole(0, 365),
        30,
        "The number of quiet days after which the bot reminds the assignee; 0 for never.",
        authority=FREE,
    )
    release_days: int = option(
        whole(1, 365),
        7,
        "The number of days after the reminder until the bot releases the claim.",
        authority=FREE,
    )
    reminder: str = option(
        template("person", "days"), REMINDER, "The reminder, in Markdown.", authority=FREE
    )
    released: str = option(
        template("person"),
        RELEASED,
        "The comment that announces a release, in Markdown.",
        authority=FREE,
    )
    most_commands: int = option(
        whole(1, 20),
        5,
        "How many commands the bot obeys in one comment. It skips the rest.",
        authority=tightening(only_fewer),
    )

    def question(self, person: str) -> str:
        """The reminder for a person."""
        return Template(self.reminder).substitute(person=person, days=self.release_days)

    def farewell(self, person: str) -> str:
        """The comment that announces a release, for a person."""
        return Template(self.released).substitute(person=person)
