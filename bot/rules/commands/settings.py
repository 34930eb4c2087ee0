"""What maintainers allow people to ask of the bot."""

from dataclasses import dataclass
from string import Template

from bot.options.kinds import FLAG, TEXT, choice, many, option, template, whole

NAMES = ("label", "unlabel", "claim", "release", "assign", "close", "reopen", "help", "why")

REMINDER = """\
Hello @$person! You took this issue on some time ago, and it has been quiet since. Are you still \
on it?

* If you are, just say so in a comment, and it stays yours. A half-finished pull request is welcome.
* If not, that is perfectly fine: write `/release`, and somebody else can have a go.

If I hear nothing for $days days, I will release it myself, so that nobody waits for it. No hard \
feelings: you can `/claim` it again whenever you like.
"""
RELEASED = """\
I have released this issue, as it has been quiet for a long while, so that others can take it. \
Thank you for having looked into it, @$person! If you would like to go on, `/claim` brings it back \
to you.
"""


@dataclass(frozen=True, slots=True)
class CommandsSettings:
    """Who may ask what."""

    enabled: bool = option(FLAG, default=False, words="Whether commands are obeyed.")
    allow: tuple[str, ...] = option(
        many(choice(*NAMES)), NAMES, "The commands that are obeyed; others are ignored in silence."
    )
    labels: tuple[str, ...] = option(
        many(TEXT, most=200),
        (),
        "The labels that everybody may put on and take off; `*` stands for any text. "
        "Who may write to the repository may use all of its labels.",
    )
    assign: str = option(
        choice("write", "author"),
        "write",
        "Who may `/assign` others: who may write to the repository, or also the issue's author.",
    )
    most_claims: int = option(
        whole(1, 100), 3, "How many open issues of the repository one person may claim."
    )
    remind_days: int = option(
        whole(0, 365),
        30,
        "After how many quiet days somebody is asked about a claim; 0 for never.",
    )
    release_days: int = option(
        whole(1, 365), 7, "How many days after that question a claim is released."
    )
    reminder: str = option(template("person", "days"), REMINDER, "The question, in Markdown.")
    released: str = option(
        template("person"), RELEASED, "What is said when a claim is released, in Markdown."
    )
    most_commands: int = option(
        whole(1, 20), 5, "How many commands of one comment are obeyed; the rest is left."
    )

    def question(self, person: str) -> str:
        """The reminder with the names filled in."""
        return Template(self.reminder).substitute(person=person, days=self.release_days)

    def farewell(self, person: str) -> str:
        """What is said at the release, with the name filled in."""
        return Template(self.released).substitute(person=person)
