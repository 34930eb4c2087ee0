"""Let owners of an organisation pause the bot: `/bot pause` and `/bot resume` in its home.

The home is the repository `.github` of the organisation, and the order stands in one of its issues.
Orders have a line of their own in the queue (bot.events.subject), so that they get through while
everything else about the organisation rests; so does what this rule wants done.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.actions import Action, Comment, Rest
from bot.events import Event, Message
from bot.options.kinds import FLAG, option
from bot.rule import Reader, Rule

COMMAND = "/bot"
_PAUSED = """\
I am pausing: from now on I do nothing in **{organization}**. What happens meanwhile I keep, and \
none of it is lost. When an owner writes `/bot resume` here, I go on with it, in its order.
"""
_RESUMED = """\
I am back. What has happened in **{organization}** while I was paused, I am looking at now, in its \
order.
"""
_REFUSED = """\
Only owners of **{organization}** can tell me to pause or to resume. Please ask one of them.
"""
_HELP = """\
I did not understand that. Here, owners can write `/bot pause` and `/bot resume`.
"""
_ANSWERS = {"pause": _PAUSED, "resume": _RESUMED}


@dataclass(frozen=True, slots=True)
class PauseSettings:
    """Whether owners can pause the bot by a comment."""

    enabled: bool = option(FLAG, default=True, words="Whether `/bot pause` is obeyed.")


def decide(event: Event, reader: Reader, _settings: PauseSettings) -> Sequence[Action]:
    """The last order of a text, and an answer; only an answer for who is no owner."""
    message, organization = event.message, event.organization
    if message is None or message.author is None or organization is None or not _at_home(event):
        return []
    orders = [words[1:] for words in message.commands() if words[0] == COMMAND]
    if not orders:
        return []
    order = " ".join(orders[-1])
    if order not in _ANSWERS:
        return [_answer(organization, message, _HELP)]
    if not reader.is_owner(organization, message.author.login):
        return [_answer(organization, message, _REFUSED)]
    rest = Rest(
        about=f"{organization}/.github/{message.identity}",
        organization=organization,
        paused=order == "pause",
        ordered_at=message.written_at,
    )
    return [rest, _answer(organization, message, _ANSWERS[order])]


def _at_home(event: Event) -> bool:
    home = f"{event.organization}/.github"
    is_issue = event.issue is not None and not event.issue.is_pull_request
    return is_issue and event.repository is not None and event.repository.full_name == home


def _answer(organization: str, message: Message, text: str) -> Comment:
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
