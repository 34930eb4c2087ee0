"""Command `/ping`: replies `pong!`, so that anyone can see that the bot is running."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.actions import Action, Comment, React
from bot.events import MESSAGES, Event
from bot.options.authority import only_off, tightening
from bot.options.kinds import FLAG, option
from bot.rule import Reader, Rule


@dataclass(frozen=True, slots=True)
class PingSettings:
    """Whether the bot answers `/ping`."""

    enabled: bool = option(
        FLAG,
        default=True,
        words="Whether the bot answers `/ping`.",
        authority=tightening(only_off),
    )


def decide(event: Event, _reader: Reader, _settings: PingSettings) -> Sequence[Action]:
    """One reply per text, and a heart if GitHub supports reactions there."""
    message, repository = event.message, event.repository
    if message is None or repository is None or not any(map(_is_ping, message.commands())):
        return []
    reply = Comment(
        about=f"ping {repository.full_name}/{message.identity}",
        repository=repository.full_name,
        number=message.number,
        text="pong!",
        thread=message.thread,
    )
    if message.target is None:
        return [reply]
    heart = React(repository=repository.full_name, target=message.target, content="heart")
    return [reply, heart]


def _is_ping(words: Sequence[str]) -> bool:
    """Whether a command is `/ping` without a word behind it; emoji and punctuation are none."""
    return words[0] == "/ping" and not any(each.isalnum() for each in "".join(words[1:]))


RULE = Rule(
    name="ping",
    events=MESSAGES,
    permissions={"issues": "write", "pull_requests": "write"},
    settings=PingSettings,
    decide=decide,
)
