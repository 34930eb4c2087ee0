"""Welcome people who open their first issue or pull request in a repository: once, by one message.

Off unless it is switched on. Whoever GitHub calls a member, an owner, a collaborator or a
contributor needs no welcome; of all others GitHub's list of what they have opened here tells
whether this is the first. Members who hide their membership are strangers in payloads, so they are
asked about too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from string import Template

from bot.actions import Action, Comment
from bot.events import Event, Issue, Person, Repository
from bot.options.kinds import FLAG, option, template
from bot.rule import Reader, Rule

ISSUE = """\
Hello @$person, and welcome to **$repository**! This is the first time that you open an issue \
here: thank you for taking the time.

Somebody will read it as soon as they can. Most people here do this beside other work, so it may \
take a few days. If you find out more meanwhile, just add a comment.
"""
PULL_REQUEST = """\
Hello @$person, and welcome to **$repository**! This is your first pull request here: thank you.

Somebody will look at it as soon as they can; most people here do this beside other work. Nearly \
every pull request is changed a little before it is merged, so please do not be put off by \
questions. If one of them is unclear, ask right here.
"""
_NAMES = ("person", "repository")
_KNOWN = frozenset({"OWNER", "MEMBER", "COLLABORATOR", "CONTRIBUTOR"})


@dataclass(frozen=True, slots=True)
class WelcomeSettings:
    """Who is welcomed, and by which words."""

    enabled: bool = option(
        FLAG, default=False, words="Whether people are welcomed at their first step."
    )
    issues: bool = option(FLAG, default=True, words="Whether that step may be an issue.")
    pull_requests: bool = option(FLAG, default=True, words="Whether it may be a pull request.")
    issue_message: str = option(template(*_NAMES), ISSUE, "The welcome on an issue, in Markdown.")
    pull_request_message: str = option(
        template(*_NAMES), PULL_REQUEST, "The welcome on a pull request, in Markdown."
    )


def decide(event: Event, reader: Reader, settings: WelcomeSettings) -> Sequence[Action]:
    """One comment at somebody's first step in a repository; nothing for bots and members."""
    issue, repository = event.issue, event.repository
    if issue is None or repository is None or issue.author is None:
        return []
    wanted = settings.pull_requests if issue.is_pull_request else settings.issues
    if not wanted or issue.author.is_bot or issue.association in _KNOWN:
        return []
    if not reader.is_first_step(repository.full_name, issue.author.login, issue.number):
        return []
    if event.organization and _belongs(event.organization, issue.author, reader):
        return []
    return [_welcome(issue, repository, issue.author, settings)]


def _belongs(organization: str, person: Person, reader: Reader) -> bool:
    return reader.membership(organization, person.login) in {"active", "pending"}


def _welcome(
    issue: Issue, repository: Repository, person: Person, settings: WelcomeSettings
) -> Comment:
    text = settings.pull_request_message if issue.is_pull_request else settings.issue_message
    return Comment(
        about=f"first step {repository.full_name}/{person.login}",
        repository=repository.full_name,
        number=issue.number,
        text=Template(text).substitute(person=person.login, repository=repository.full_name),
    )


RULE = Rule(
    name="welcome",
    events=frozenset({("issues", "opened"), ("pull_request", "opened")}),
    permissions={"members": "read", "issues": "write", "pull_requests": "write"},
    settings=WelcomeSettings,
    decide=decide,
)
