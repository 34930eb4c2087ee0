"""Invite people into the organisation after their first merged pull requests, and tell them so.

GitHub has no event "merged": a pull request is closed, and says that it was merged.
Taken from snekomatic; unlike there the invitation comes before the comment that announces it, in
one chain, so that nobody is told of an invitation that was refused. The team comes last: a name
that is wrong there keeps nobody from being welcomed.

Nobody is invited who is a member, has an invitation, declined one or left, neither by itself nor by
hand. Bots are never invited.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from string import Template

from bot.actions import Action, Ask, CloseIssue, Comment, Invite, JoinTeam, OpenIssue
from bot.events import REPLIES, Event, Message, Person
from bot.options.kinds import FLAG, TEXT, Kind, choice, many, matching, option, template, whole
from bot.rule import Reader, Rule
from bot.rules.invite import texts as texts

AUTOMATIC, APPROVAL, BY_HAND = "automatic", "approval", "by hand"
_NAMES = ("person", "organization")
_LOGIN = re.compile(r"@?([A-Za-z0-9][A-Za-z0-9_-]*)[.,;:!?]*")
_MAY_INVITE = frozenset({"admin", "write"})
_SLUG: Kind[str] = matching("[a-z0-9_-]*", "a team's name as in its address, or nothing")
_NAME: Kind[str] = matching("[A-Za-z0-9._-]*", "a repository's name without its owner, or nothing")


@dataclass(frozen=True, slots=True)
class InviteSettings:
    """When people are invited, into what, and what they are told."""

    enabled: bool = option(FLAG, default=True, words="Whether people are invited.")
    mode: str = option(
        choice(AUTOMATIC, APPROVAL, BY_HAND),
        AUTOMATIC,
        "What brings an invitation: enough merged pull requests; those, and then the `/approve` of "
        "somebody with write access; or nothing but `/invite`, which such people can always use.",
    )
    merged_pull_requests: int = option(
        whole(1, 100),
        1,
        "How many merged pull requests in the whole organisation bring the invitation.",
    )
    message: str = option(template(*_NAMES), texts.WELCOME, "The welcome, in Markdown.")
    hand_message: str = option(
        template(*_NAMES), texts.BY_HAND, "What somebody is told whom `/invite` has invited."
    )
    countdown: bool = option(
        FLAG,
        default=False,
        words="Whether each merged pull request before that is answered with how many are missing.",
    )
    countdown_message: str = option(
        template(*_NAMES, "merged", "wanted", "missing"),
        texts.COUNTDOWN,
        "That answer; `$merged` of `$wanted` are merged, `$missing` are missing.",
    )
    team: str = option(
        _SLUG, "", "The team that people are put into, besides; none if empty.", shared=True
    )
    team_role: str = option(
        choice("member", "maintainer"),
        "member",
        "What they are in it. Nobody's role is changed.",
        shared=True,
    )
    most_a_day: int = option(
        whole(0, 500),
        50,
        "How many invitations are sent in a day (UTC); those above wait for the next. 0: no limit.",
        shared=True,
    )
    exclude: tuple[str, ...] = option(
        many(TEXT),
        (),
        "Who is never invited: logins, with `*` for any characters.",
        shared=True,
    )
    approval_in: str = option(
        _NAME,
        "",
        "The repository in which an issue asks for approval; empty: it is asked on the pull "
        "request.",
    )
    approval_message: str = option(
        template(*_NAMES, "pull_request"), texts.QUESTION, "That question."
    )
    introduction: str = option(
        choice("none", "issue", "comment"),
        "none",
        "How people whom the bot invited are introduced when they have joined: by an issue that is "
        "closed at once, by a comment on an issue, or not. Whoever can read it learns who joined.",
    )
    introduction_in: str = option(_NAME, ".github", "The repository in which they are introduced.")
    introduction_number: int = option(
        whole(1, 10**9), 1, "The number of the issue there that is commented on."
    )
    introduction_title: str = option(
        template(*_NAMES), texts.INTRODUCTION_TITLE, "The title of an issue that introduces."
    )
    introduction_message: str = option(
        template(*_NAMES), texts.INTRODUCTION, "The words that introduce."
    )

    def excludes(self, login: str) -> bool:
        """Whether somebody is never to be invited. Logins do not depend on case."""
        patterns = (each.removeprefix("@").lower() for each in self.exclude)
        return any(fnmatchcase(login.lower(), pattern) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class _Case:
    """A person, an organisation, and the conversation in which the person is told."""

    organization: str
    person: str
    repository: str
    number: int

    @property
    def name(self) -> str:
        """What actions about it are called."""
        return f"{self.organization}/{self.person}"

    def say(self, about: str, text: str, **more: object) -> Comment:
        """A comment from a template, in that conversation."""
        names = {"person": self.person, "organization": self.organization, **more}
        filled = Template(text).substitute(names)
        return Comment(about=about, repository=self.repository, number=self.number, text=filled)


def decide(event: Event, reader: Reader, settings: InviteSettings) -> Sequence[Action]:
    """What follows from a merge, from the order of a maintainer, or from somebody's joining."""
    organization = event.organization
    if organization is None:
        return []
    if event.member is not None:
        joined = event.action == "member_added"
        return _introduction(organization, event.member, reader, settings) if joined else []
    if event.message is not None:
        return _ordered(event, event.message, organization, reader, settings)
    return _merged(event, organization, reader, settings)


# After a merge


def _merged(
    event: Event, organization: str, reader: Reader, settings: InviteSettings
) -> Sequence[Action]:
    repository, pull_request = event.repository, event.pull_request
    if repository is None or pull_request is None or not pull_request.merged:
        return []
    author = pull_request.author
    if author is None or not _may_be_asked(organization, author, reader, settings):
        return []
    wanted = settings.merged_pull_requests
    merged = reader.merged_pull_requests(
        organization, author.login, latest=(repository, pull_request), enough=wanted
    )
    case = _Case(organization, author.login, repository.full_name, pull_request.number)
    if merged < wanted:
        return [_countdown(case, merged, settings)] if settings.countdown else []
    if settings.mode == APPROVAL:
        return [_question(case, settings)]
    return [*_invitation(case, settings.message, settings), *_team(case, settings)]


def _may_be_asked(
    organization: str, author: Person, reader: Reader, settings: InviteSettings
) -> bool:
    if author.is_bot or settings.mode == BY_HAND or settings.excludes(author.login):
        return False
    return reader.membership(organization, author.login) is None


def _countdown(case: _Case, merged: int, settings: InviteSettings) -> Comment:
    wanted = settings.merged_pull_requests
    about = f"countdown {case.repository}#{case.number}"
    counts = {"merged": merged, "wanted": wanted, "missing": wanted - merged}
    return case.say(about, settings.countdown_message, **counts)


def _question(case: _Case, settings: InviteSettings) -> Ask:
    elsewhere = settings.approval_in
    pull_request = f"{case.repository}#{case.number}"
    words = case.say("", settings.approval_message, pull_request=pull_request).text
    return Ask(
        organization=case.organization,
        person=case.person,
        pull_request=pull_request,
        repository=f"{case.organization}/{elsewhere}" if elsewhere else case.repository,
        number=None if elsewhere else case.number,
        title=f"Invite {case.person} to {case.organization}?",
        text=words,
    )


def _invitation(case: _Case, message: str, settings: InviteSettings) -> list[Action]:
    invite = Invite(
        organization=case.organization, person=case.person, most_a_day=settings.most_a_day
    )
    return [invite, _welcome(case, message)]


def _welcome(case: _Case, message: str) -> Comment:
    return case.say(f"welcome {case.name}", message)


def _team(case: _Case, settings: InviteSettings) -> list[Action]:
    if not settings.team:
        return []
    return [
        JoinTeam(
            organization=case.organization,
            team=settings.team,
            person=case.person,
            role=settings.team_role,
        )
    ]


# By hand


def _ordered(
    event: Event, message: Message, organization: str, reader: Reader, settings: InviteSettings
) -> Sequence[Action]:
    orders = [words for words in message.commands() if words[0] in {"/invite", "/approve"}]
    if not orders or event.repository is None or message.author is None:
        return []
    asked = reader.asked_about(event.place)
    # `/approve` means something to other bots; here it does where approval was asked for.
    people = dict.fromkeys(
        _whom(words, event, asked) for words in orders if asked or words[0] == "/invite"
    )
    if not people:
        return []
    here = _Case(organization, "", event.repository.full_name, message.number)
    if reader.permission(here.repository, message.author.login) not in _MAY_INVITE:
        return [_answer(here, message, texts.NOT_ALLOWED)]
    return [
        action
        for person in people
        for action in _by_hand(
            _Case(organization, person, here.repository, here.number),
            event,
            message,
            reader,
            settings,
        )
    ]


def _whom(words: Sequence[str], event: Event, asked: tuple[str, str] | None) -> str:
    """The person that a command is about, "" for nobody."""
    if len(words) > 1:
        named = _LOGIN.fullmatch(words[1])
        return named[1] if named else words[1]
    if asked is not None:
        return asked[0]
    issue = event.issue
    return issue.author.login if issue and issue.is_pull_request and issue.author else ""


def _by_hand(
    case: _Case, event: Event, message: Message, reader: Reader, settings: InviteSettings
) -> Sequence[Action]:
    refusal = _refusal(case, event, reader, settings)
    if refusal:
        if _is_carried_out(case, message, reader):
            return []
        return [_answer(case, message, refusal)]
    asked = reader.asked_about(event.place)
    if asked is None or asked[0].lower() != case.person.lower():
        return [*_invitation(case, settings.hand_message, settings), *_team(case, settings)]
    return _approved(case, message, asked[1], settings)


def _is_carried_out(case: _Case, message: Message, reader: Reader) -> bool:
    """Whether the person was welcomed after this was written: GitHub may tell it under two ids."""
    welcomed_at = reader.wanted_at(_welcome(case, ""))
    if welcomed_at is None or not message.written_at:
        return False
    return welcomed_at >= datetime.fromisoformat(message.written_at).timestamp()


def _approved(
    case: _Case, message: Message, pull_request: str, settings: InviteSettings
) -> Sequence[Action]:
    """Invite, tell the person at the pull request, and those who were asked where they were."""
    repository, _, number = pull_request.partition("#")
    there = _Case(case.organization, case.person, repository, int(number))
    actions = _invitation(there, settings.message, settings)
    if (there.repository, there.number) != (case.repository, case.number):
        actions += [
            _answer(case, message, texts.APPROVED),
            CloseIssue(about=f"ask {case.name}", repository=case.repository, number=case.number),
        ]
    return [*actions, *_team(case, settings)]


def _refusal(case: _Case, event: Event, reader: Reader, settings: InviteSettings) -> str:
    """Why a person is not invited, "" for no reason."""
    if not case.person:
        return texts.NOBODY_NAMED
    if settings.excludes(case.person):
        return texts.EXCLUDED
    state = reader.membership_now(case.organization, case.person)
    if state is not None:
        return texts.BY_STATE[state]
    author = event.issue.author if event.issue else None
    is_author = author is not None and author.login.lower() == case.person.lower()
    account = author if is_author else reader.account(case.person)
    if account is None:
        return texts.NOBODY
    return texts.NO_PERSON if account.is_bot else ""


def _answer(case: _Case, message: Message, text: str) -> Comment:
    return Comment(
        about=f"answer {case.repository}/{message.identity}/{case.person}",
        repository=case.repository,
        number=case.number,
        text=text.format(person=case.person, organization=case.organization),
        thread=message.thread,
    )


# After joining


def _introduction(
    organization: str, member: Person, reader: Reader, settings: InviteSettings
) -> Sequence[Action]:
    if settings.introduction == "none" or not reader.was_invited(organization, member.login):
        return []
    if reader.membership_now(organization, member.login) != "active":
        # Gone again: this delivery is an old one, or came late.
        return []
    repository = f"{organization}/{settings.introduction_in}"
    case = _Case(organization, member.login, repository, settings.introduction_number)
    about = f"introduction {case.name}"
    said = case.say(about, settings.introduction_message)
    if settings.introduction == "comment":
        return [said]
    title = case.say("", settings.introduction_title).text
    return [OpenIssue(about=about, repository=repository, title=title, text=said.text, closed=True)]


RULE = Rule(
    name="invite",
    events=REPLIES
    | {
        ("pull_request", "closed"),
        ("organization", "member_invited"),
        ("organization", "member_added"),
        ("organization", "member_removed"),
    },
    permissions={"members": "write", "pull_requests": "write", "issues": "write"},
    settings=InviteSettings,
    decide=decide,
)
