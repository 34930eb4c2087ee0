"""Commands for people without write access, within what maintainers allow.

A command costs two writes: the eyes that say it was seen, and its effect, which GitHub shows in the
thread (a label, an assignee, closed), or a comment with the answer or a plain reason. All commands
of one text share the eyes and the comment. Whether a person may write is asked of GitHub at that
moment; what a payload says of it may be old. Only new texts count, and only lines that are meant as
commands (`bot.events.Message`); a command that is not known or not allowed is left to other bots.
"""

from collections.abc import Callable, Mapping, Sequence

from bot.actions import Action, Comment, React
from bot.events import MESSAGES, SCHEDULE, Event, Message
from bot.rule import Reader, Rule
from bot.rules.commands import claims, labels, states, telling
from bot.rules.commands.asking import CommandAnswer, CommandCall
from bot.rules.commands.idle import idle
from bot.rules.commands.settings import CommandsSettings

_ANSWERS: Mapping[str, Callable[[CommandCall], CommandAnswer]] = {
    "label": labels.label,
    "unlabel": labels.unlabel,
    "claim": claims.claim,
    "release": claims.release,
    "assign": claims.assign,
    "close": states.close,
    "reopen": states.reopen,
    "help": telling.help_,
    "why": telling.why,
}


def decide(event: Event, reader: Reader, settings: CommandsSettings) -> Sequence[Action]:
    """Eyes, what the commands of a text lead to, and one comment with all that is to be said."""
    if event.name == SCHEDULE:
        return idle(event, reader, settings)
    if event.message is None or event.repository is None or event.issue is None:
        return []
    asks = _asks(event, event.message, reader, settings)
    if not asks:
        return []
    answers = [_ANSWERS[ask.name](ask) for ask in asks[: settings.most_commands]]
    says = [answer.say for answer in answers if answer.say]
    if len(asks) > settings.most_commands:
        says.append(
            f"I take {settings.most_commands} commands in one comment, and have left the others."
        )
    effects = [action for answer in answers for action in answer.actions]
    return [
        *_eyes(event.repository.full_name, event.message),
        *effects,
        *_said(event.repository.full_name, event.message, says),
    ]


def _asks(
    event: Event, message: Message, reader: Reader, settings: CommandsSettings
) -> list[CommandCall]:
    """The commands of a text that are obeyed here, each once."""
    if message.author is None or event.repository is None or event.issue is None:
        return []
    repository = event.repository.full_name
    found: dict[str, CommandCall] = {}
    for first, *rest in message.commands():
        name, words = first.removeprefix("/").lower(), " ".join(rest)
        about = f"{repository}/{message.identity} /{name} {words}".rstrip()
        if name in _ANSWERS and name in settings.allow:
            found[about.lower()] = CommandCall(
                name=name,
                rest=words,
                about=about,
                person=message.author.login,
                repository=repository,
                issue=event.issue,
                is_first=message.target == f"issues/{event.issue.number}",
                reader=reader,
                settings=settings,
            )
    return list(found.values())


def _eyes(repository: str, message: Message) -> Sequence[Action]:
    if message.target is None:
        return []
    return [React(repository=repository, target=message.target, content="eyes")]


def _said(repository: str, message: Message, says: Sequence[str]) -> Sequence[Action]:
    if not says or message.author is None:
        return []
    comment = Comment(
        about=f"answer {repository}/{message.identity}",
        repository=repository,
        number=message.number,
        text=f"@{message.author.login}: " + "\n\n".join(says),
        thread=message.thread,
    )
    return [comment]


RULE = Rule(
    name="commands",
    events=MESSAGES,
    permissions={"issues": "write", "pull_requests": "write"},
    settings=CommandsSettings,
    decide=decide,
    schedule="17 6 * * *",
)
