"""Invite people into the organisation after their first merged pull request, and tell them so.

GitHub has no event "merged": a pull request is closed, and says that it was merged.
Taken from snekomatic; unlike there the invitation comes before the comment that announces it, in
one chain, so that nobody is told of an invitation that was refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from string import Template

from bot.actions import Action, Comment, Invite
from bot.events import Event
from bot.options import FLAG, option, template, whole
from bot.rule import Reader, Rule

WELCOME = """\
Thank you, @$person! This is your first pull request that we have merged. :tada:

If you would like to keep helping, we would love to have you: I have just sent you an invitation to
join **$organization**. It is yours to accept, to leave lying, or to decline; you can go on
contributing exactly as before, and I will not ask again.
"""


@dataclass(frozen=True, slots=True)
class InviteSettings:
    """When people are invited, and what they are told."""

    enabled: bool = option(FLAG, default=True, words="Whether people are invited.")
    merged_pull_requests: int = option(
        whole(1, 100),
        1,
        "How many merged pull requests in the whole organisation bring the invitation.",
    )
    message: str = option(
        template("person", "organization"),
        WELCOME,
        "The welcome, in Markdown.",
    )

    def welcome(self, person: str, organization: str) -> str:
        """The message with the names filled in; `$$` stands for a dollar sign."""
        return Template(self.message).substitute(person=person, organization=organization)


def decide(event: Event, reader: Reader, settings: InviteSettings) -> Sequence[Action]:
    """An invitation and a welcome, or nothing for bots, members, invited people and newer ones."""
    repository, pull_request = event.repository, event.pull_request
    if repository is None or pull_request is None or event.organization is None:
        return []
    author = pull_request.author
    if not pull_request.merged or author is None or author.is_bot:
        return []
    if reader.membership(event.organization, author.login) is not None:
        return []
    wanted = settings.merged_pull_requests
    merged = reader.merged_pull_requests(
        event.organization, author.login, latest=(repository, pull_request), enough=wanted
    )
    if merged < wanted:
        return []
    return [
        Invite(organization=event.organization, person=author.login),
        Comment(
            about=f"welcome {event.organization}/{author.login}",
            repository=repository.full_name,
            number=pull_request.number,
            text=settings.welcome(author.login, event.organization),
        ),
    ]


RULE = Rule(
    name="invite",
    events=frozenset({("pull_request", "closed")}),
    permissions={"members": "write", "pull_requests": "write"},
    settings=InviteSettings,
    decide=decide,
)
