"""Invite people into the organisation after their first merged pull request, and tell them so.

GitHub has no event "merged": a pull request is closed, and says that it was merged.
Taken from snekomatic; unlike there the invitation comes before the comment that announces it, in
one chain, so that nobody is told of an invitation that was refused.
"""

from collections.abc import Sequence

from bot.actions import Action, Comment, Invite
from bot.events import Event
from bot.policy import Settings
from bot.rule import Reader, Rule


def decide(event: Event, reader: Reader, settings: Settings) -> Sequence[Action]:
    """An invitation and a welcome, or nothing for bots, members, invited people and newer ones."""
    repository, pull_request = event.repository, event.pull_request
    if repository is None or pull_request is None or event.organization is None:
        return []
    author = pull_request.author
    if not pull_request.merged or author is None or author.is_bot:
        return []
    if reader.membership(event.organization, author.login) is not None:
        return []
    wanted = settings.invite.merged_pull_requests
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
            text=settings.invite.welcome(author.login, event.organization),
        ),
    ]


RULE = Rule("invite", frozenset({("pull_request", "closed")}), decide)
