"""Commands `/bot pause` and `/bot resume`, for owners, in issues of the repository `.github`.

These commands have their own subject in the queue (bot.events.subject), so the loop handles them
while the organisation is paused. docs/decisions/0100 says more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.actions import Action, Comment, Rest
from bot.events import Event, Message
from bot.options.authority import only_off, organization
from bot.options.kinds import FLAG, option
from bot.rule import Reader, Rule

COMMAND = "/bot"
_PAUSED = """\
I am now paused: I will not do anything in **{organization}** until an owner writes `/bot resume` \
here. Nothing that happens in the meantime is lost. I will then work through it in order.
"""
_RESUMED = """\
I am back, and I am now working through everything that happened in **{organization}** while I was \
paused, in order.
"""
_REFUSED = """\
Only owners of **{organization}** can pause or resume me. Please ask one of them.
"""
_HELP = """\
Sorry, I did not understand that. Owners can write `/bot pause` or `/bot resume` here.
"""
_REPLIES = {"pause": _PAUSED, "resume": _RESUMED}


@dataclass(frozen=True, slots=True)
class PauseSettings:
    """Whether owners can pause the bot with a comment."""

    enabled: bool = option(
        FLAG,
        default=True,
        words="Whether the bot obeys `/bot pause`.",
        authority=organization(only_off),
    )


def decide(event: Event, reader: Reader, _settings: PauseSettings) -> Sequence[Action]:
    """The pause or resumption, and a reply; non-owners only get a reply. The last command wins."""
    message, organization = event.message, event.organization
    if message is None or message.author is None or organization is None or not _at_home(event):
        return []
    commands = [words[1:] for words in message.commands() if words[0] == COMMAND]
    if not commands:
        return []
    command = " ".join(commands[-1]).lower().rstrip(".!")
    if command not in _REPLIES:
        return [_reply(organization, message, _HELP)]
    if not reader.is_owner(organization, message.author.login):
        return [_reply(organization, message, _REFUSED)]
    change = Rest(
        about=f"{organization}/.github/{message.identity}",
        organization=organization,
        paused=command == "pause",
        ordered_at=message.written_at,
    )
    return [change, _reply(organization, message, _REPLIES[command])]


def _at_home(event: Event) -> bool:
    home = f"{event.organization}/.github"
    is_issue = event.issue is not None and not event.issue.is_pull_request
    return is_issue and event.repository is not None and event.repository.full_name == home


def _reply(organization: str, message: Message, text: str) -> Comment:
    home = f"{organization}/.github"
    return Comment(
        about=f"order {home}/{message.identity}",
        repository=home,
        number=message.number,
        text=text.format(organization=organization),
    )


RULE = Rule(
    name="pause",
    events=frozenset({("issues", "opened"), ("issue_comment", "created")}),
    permissions={"members": "read", "issues": "write"},
    settings=PauseSettings,
    decide=decide,
    while_paused=True,
)
