"""Answer `/ping` with `pong!` wherever people write, so that anybody can see the bot is there."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.actions import Action, Comment, React
from bot.events import MESSAGES, Event
from bot.options.kinds import FLAG, option
from bot.rule import Reader, Rule


@dataclass(frozen=True, slots=True)
class PingSettings:
    """Whether the bot answers."""

    enabled: bool = option(FLAG, default=True, words="Whether `/ping` is answered.")


def decide(event: Event, _reader: Reader, _settings: PingSettings) -> Sequence[Action]:
    """One answer for each text, however often it says /ping, and a heart where GitHub has them."""
    message, repository = event.message, event.repository
    if message is None or repository is None or ["/ping"] not in message.commands():
        return []
    answer = Comment(
        about=f"ping {repository.full_name}/{message.identity}",
        repository=repository.full_name,
        number=message.number,
        text="pong!",
        thread=message.thread,
    )
    if message.target is None:
        return [answer]
    heart = React(repository=repository.full_name, target=message.target, content="heart")
    return [answer, heart]


RULE = Rule(
    name="ping",
    events=MESSAGES,
    permissions={"issues": "write", "pull_requests": "write"},
    settings=PingSettings,
    decide=decide,
)
