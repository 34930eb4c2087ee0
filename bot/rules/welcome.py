"""Welcome for people who open their first issue or pull request in a repository.

Payloads show members with a private membership as strangers, so the rule also checks membership.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from string import Template

from bot.actions import Action, Comment
from bot.events import Event, Issue, Person, Repository
from bot.options.authority import FREE, only_off, tightening
from bot.options.kinds import FLAG, option, template
from bot.rule import Reader, Rule

ISSUE = """\
Hello @$person, and welcome to **$repository**! This is your first issue here. Thank you for \
taking the time to write it.

Someone will read it as soon as they can. Most of us do this in our spare time, so it may take a \
few days. If you find out more in the meantime, just add a comment.
"""
PULL_REQUEST = """\
Hello @$person, and welcome to **$repository**! This is your first pull request here. Thank you!

Someone will review it as soon as they can. Most of us do this in our spare time, so it may take a \
few days. Nearly every pull request changes a little before it is merged, so please don't be put \
off by questions. If anything is unclear, just ask here.
"""
_NAMES = ("person", "repository")
_KNOWN = frozenset({"OWNER", "MEMBER", "COLLABORATOR", "CONTRIBUTOR"})


@dataclass(frozen=True, slots=True)
class WelcomeSettings:
    """Whether the bot welcomes newcomers, and what it says."""

    enabled: bool = option(
        FLAG,
        default=False,
        words="Whether the bot welcomes newcomers.",
        authority=tightening(only_off),
    )
    issues: bool = option(
        FLAG,
        default=True,
        words="Whether it welcomes them on a first issue.",
        authority=tightening(only_off),
    )
    pull_requests: bool = option(
        FLAG,
        default=True,
        words="Whether it welcomes them on a first pull request.",
        authority=tightening(only_off),
    )
    issue_message: str = option(
        template(*_NAMES), ISSUE, "The welcome on an issue, in Markdown.", authority=FREE
    )
    pull_request_message: str = option(
        template(*_NAMES),
        PULL_REQUEST,
        "The welcome on a pull request, in Markdown.",
        authority=FREE,
    )


def decide(event: Event, reader: Reader, settings: WelcomeSettings) -> Sequence[Action]:
    """A comment on a person's first issue or pull request; nothing for bots and members."""
    issue, repository = event.issue, event.repository
    if issue is None or repository is None or issue.author is None:
        return []
    applies = settings.pull_requests if issue.is_pull_request else settings.issues
    if not applies or issue.is_transferred:
        return []
    if issue.author.is_bot or issue.association in _KNOWN:
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
