"""Commands for people without write access, within what maintainers allow.

A comment with commands costs at most one reaction (eyes: the bot has seen it), the effects, and one
reply. The rule asks GitHub who may write; the payload may be stale. Only new texts count. Commands
that are unknown or not allowed get no reply, because they may be meant for another bot.
"""

from collections.abc import Callable, Mapping, Sequence

from bot.actions import Action, Comment, React
from bot.actions.comment import REFUSED, github_says
from bot.events import MESSAGES, SCHEDULE, Event, Message
from bot.rule import Reader, Rule
from bot.rules.commands import answers, claims, labels, states
from bot.rules.commands.calls import CommandAnswer, CommandCall, quoted
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
    "help": answers.help_,
    "why": answers.why,
}


def decide(event: Event, reader: Reader, settings: CommandsSettings) -> Sequence[Action]:
    """The eyes, the effects of all commands in a text, and one comment with all replies."""
    if event.name == SCHEDULE:
        return idle(event, reader, settings)
    if event.message is None or event.repository is None or event.issue is None:
        return []
    calls = _calls(event, event.message, reader, settings)
    if not calls:
        return []
    results = [_result(call) for call in calls[: settings.most_commands]]
    replies = [result.say for result in results if result.say]
    if len(calls) > settings.most_commands:
        replies.append(
            f"I only take {settings.most_commands} commands per comment, so I skipped the rest."
        )
    effects = [action for result in results for action in result.actions]
    return [
        *_eyes(event.repository.full_name, event.message),
        *effects,
        *_reply(event.repository.full_name, event.message, replies),
    ]


def _result(call: CommandCall) -> CommandAnswer:
    """The actions and the reply of one command; GitHub's reason where it refuses a question."""
    try:
        return _ANSWERS[call.name](call)
    except REFUSED as error:
        command = quoted(f"/{call.name} {call.rest}")
        return CommandAnswer(say=f"I could not do {command}. {github_says(error)}")


def _calls(
    event: Event, message: Message, reader: Reader, settings: CommandsSettings
) -> list[CommandCall]:
    """The allowed commands of a text, without duplicates."""
    if message.author is None or event.repository is None or event.issue is None:
        return []
    repository = event.repository.full_name
    calls: dict[str, CommandCall] = {}
    for first, *rest in message.commands():
        name, words = first.removeprefix("/").lower(), " ".join(rest)
        about = f"{repository}/{message.identity} /{name} {words}".rstrip()
        if name in _ANSWERS and name in settings.allow:
            calls[about.lower()] = CommandCall(
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
    return list(calls.values())


def _eyes(repository: str, message: Message) -> Sequence[Action]:
    if message.target is None:
        return []
    return [React(repository=repository, target=message.target, content="eyes")]


def _reply(repository: str, message: Message, replies: Sequence[str]) -> Sequence[Action]:
    if not replies or message.author is None:
        return []
    comment = Comment(
        about=f"answer {repository}/{message.identity}",
        repository=repository,
        number=message.number,
        text=f"@{message.author.login}: " + "\n\n".join(replies),
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
