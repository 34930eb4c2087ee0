"""Invitations to the organisation, after a person's first merged pull requests or on `/invite`.

The behaviour comes from snekomatic. Here the comment follows the invitation, so the bot never
announces an invitation that GitHub refused. The team comes last: a wrong team name does not prevent
the welcome.

The bot never invites members, bots, or people who were invited before, declined or left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice, takewhile
from string import Template

from bot.actions import Action, Ask, CloseIssue, Comment, Invite, JoinTeam, OpenIssue
from bot.actions.comment import REFUSED, github_says
from bot.events import REPLIES, Event, Message, Person, login_in
from bot.facts import Question
from bot.options.authority import (
    FREE,
    only_fewer_or_unlimited,
    only_more,
    only_off,
    only_superset,
    only_to,
    organization,
    tightening,
)
from bot.options.globs import GLOBS, fits
from bot.options.kinds import FLAG, Kind, choice, matching, option, template, whole
from bot.rule import Reader, Rule
from bot.rules.invite import texts as texts

AUTOMATIC, APPROVAL, BY_HAND = "automatic", "approval", "by hand"
_NAMES = ("person", "organization")
# How many people who wait for an approval a comment names.
_MOST_SHOWN = 20
# Words between several people who are named with one command.
_AND = frozenset({"and", "&"})
_LONGEST_SHOWN = 60
_MAY_INVITE = frozenset({"admin", "write"})
_SLUG: Kind[str] = matching("[a-z0-9_-]*", "a team's name as in its URL, or empty")
_NAME: Kind[str] = matching("[A-Za-z0-9._-]*", "a repository's name without its owner, or empty")


@dataclass(frozen=True, slots=True)
class InviteSettings:
    """When the bot invites people, which team they join, and what it tells them."""

    enabled: bool = option(
        FLAG,
        default=True,
        words="Whether the bot invites people.",
        authority=tightening(only_off),
    )
    mode: str = option(
        choice(AUTOMATIC, APPROVAL, BY_HAND),
        AUTOMATIC,
        "What leads to an invitation: enough merged pull requests, or `/invite` by someone with "
        "write access; either of them and an `/approve`; or only `/invite`.",
        # Not from approval to by hand: there, `/invite` needs no approval.
        authority=tightening(only_to({AUTOMATIC: (APPROVAL, BY_HAND)})),
    )
    merged_pull_requests: int = option(
        whole(1, 100),
        1,
        "How many merged pull requests in the whole organisation lead to an invitation.",
        authority=tightening(only_more),
    )
    # Texts that the bot may post in another repository than the one whose file sets them.
    message: str = option(
        template(*_NAMES), texts.WELCOME, "The welcome, in Markdown.", authority=organization()
    )
    hand_message: str = option(
        template(*_NAMES),
        texts.BY_HAND,
        "The welcome after `/invite`, in Markdown.",
        authority=organization(),
    )
    countdown: bool = option(
        FLAG,
        default=False,
        words="Whether the bot comments on each earlier merged pull request with the number left.",
        authority=tightening(only_off),
    )
    countdown_message: str = option(
        template(*_NAMES, "merged", "wanted", "missing"),
        texts.COUNTDOWN,
        "That comment; `$merged` of `$wanted` are merged, `$missing` are left.",
        authority=FREE,
    )
    team: str = option(
        _SLUG,
        "",
        "The team that people also join; empty for none.",
        authority=organization(),
    )
    team_role: str = option(
        choice("member", "maintainer"),
        "member",
        "Their role in it. The bot never changes an existing role.",
        authority=organization(only_to({"maintainer": ("member",)})),
    )
    most_a_day: int = option(
        whole(0, 500),
        50,
        "The most invitations per day (UTC); the rest wait for the next day. 0: no limit.",
        authority=organization(only_fewer_or_unlimited),
    )
    exclude: tuple[str, ...] = option(
        GLOBS,
        (),
        "Logins that the bot never invites; `*` matches any characters.",
        authority=organization(only_superset),
    )
    approval_in: str = option(
        _NAME,
        "",
        "The repository where an issue asks for approval; people with write access to it may "
        "approve. Empty: the bot asks where it happened, and people who maintain that repository "
        "may approve.",
        authority=organization(),
    )
    approval_message: str = option(
        template(*_NAMES, "pull_request"),
        texts.QUESTION,
        "The request for approval after a merge, in Markdown.",
        authority=organization(),
    )
    introduction: str = option(
        choice("none", "issue", "comment"),
        "none",
        "How the bot introduces people who accepted its invitation: with an issue that it closes "
        "at once, with a comment on an issue, or not at all. Anyone who can read it sees who "
        "joined.",
        authority=organization(only_to({"issue": ("none",), "comment": ("none",)})),
    )
    introduction_in: str = option(
        _NAME, ".github", "The repository for introductions.", authority=organization()
    )
    introduction_number: int = option(
        whole(1, 10**9),
        1,
        "The number of the issue there to comment on.",
        authority=organization(),
    )
    introduction_title: str = option(
        template(*_NAMES),
        texts.INTRODUCTION_TITLE,
        "The title of an introduction issue.",
        authority=organization(),
    )
    introduction_message: str = option(
        template(*_NAMES),
        texts.INTRODUCTION,
        "The introduction, in Markdown.",
        authority=organization(),
    )

    def excludes(self, login: str) -> bool:
        """Whether `exclude` matches a login, ignoring case."""
        return fits(login, (each.removeprefix("@") for each in self.exclude))


@dataclass(frozen=True, slots=True)
class _Case:
    """A person, an organisation, and the issue or pull request for comments to the person."""

    organization: str
    person: str
    repository: str
    number: int
    # Who ordered it by hand, "" for nobody, and the issue or pull request with the order.
    by: str = ""
    place: str = ""

    @property
    def at(self) -> str:
        """The issue or pull request: `owner/repo#number`."""
        return f"{self.repository}#{self.number}"

    @property
    def name(self) -> str:
        """The name in the keys of actions: `organization/person`."""
        return f"{self.organization}/{self.person}"

    def say(self, about: str, text: str, **more: object) -> Comment:
        """A comment from a template."""
        names = {"person": self.person, "organization": self.organization, **more}
        filled = Template(text).substitute(names)
        return Comment(about=about, repository=self.repository, number=self.number, text=filled)


def decide(event: Event, reader: Reader, settings: InviteSettings) -> Sequence[Action]:
    """The actions after a merge, a maintainer's command, or a new member."""
    organization = event.organization
    if organization is None:
        return []
    if event.member is not None:
        joined = event.action == "member_added" and not event.member.is_bot
        return _introduction(organization, event.member, reader, settings) if joined else []
    if event.message is not None:
        return _commands(event, event.message, organization, reader, settings)
    return _merge(event, organization, reader, settings)


# After a merge


def _merge(
    event: Event, organization: str, reader: Reader, settings: InviteSettings
) -> Sequence[Action]:
    repository, pull_request = event.repository, event.pull_request
    if repository is None or pull_request is None or not pull_request.merged:
        return []
    author = pull_request.author
    if author is None or not _is_candidate(organization, author, reader, settings):
        return []
    required = settings.merged_pull_requests
    merged = reader.merged_pull_requests(
        organization, author.login, latest=(repository, pull_request), enough=required
    )
    case = _Case(organization, author.login, repository.full_name, pull_request.number)
    if merged < required:
        return [_countdown(case, merged, settings)] if settings.countdown else []
    if settings.mode == APPROVAL:
        place = f"{case.repository}#{case.number}"
        text = case.say("", settings.approval_message, pull_request=place).text
        return [_ask(case, text, settings)]
    return [*_invitation(case, settings.message, settings), *_team(case, settings)]


def _is_candidate(
    organization: str, author: Person, reader: Reader, settings: InviteSettings
) -> bool:
    if author.is_bot or settings.mode == BY_HAND or settings.excludes(author.login):
        return False
    return reader.membership(organization, author.login) is None


def _countdown(case: _Case, merged: int, settings: InviteSettings) -> Comment:
    required = settings.merged_pull_requests
    about = f"countdown {case.repository}#{case.number}"
    counts = {"merged": merged, "wanted": required, "missing": required - merged}
    return case.say(about, settings.countdown_message, **counts)


def _ask(case: _Case, text: str, settings: InviteSettings, *, by_hand: bool = False) -> Ask:
    elsewhere = settings.approval_in
    return Ask(
        organization=case.organization,
        person=case.person,
        pull_request=f"{case.repository}#{case.number}",
        repository=f"{case.organization}/{elsewhere}" if elsewhere else case.repository,
        number=None if elsewhere else case.number,
        title=f"Invite {case.person} to {case.organization}?",
        text=text,
        by_hand=by_hand,
        by=case.by,
    )


def _invitation(case: _Case, message: str, settings: InviteSettings) -> list[Action]:
    invite = Invite(
        organization=case.organization,
        person=case.person,
        most_a_day=settings.most_a_day,
        by=case.by,
        place=case.place,
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
            by=case.by,
            place=case.place,
        )
    ]


# By command


def _commands(
    event: Event, message: Message, organization: str, reader: Reader, settings: InviteSettings
) -> Sequence[Action]:
    commands = [words for words in message.commands() if words[0] in {"/invite", "/approve"}]
    if not commands or event.repository is None or message.author is None:
        return []
    questions = reader.asked_about(event.place)
    # Other bots use `/approve` too, so it only counts where this bot asked for approval.
    commands = [words for words in commands if questions or words[0] == "/invite"]
    if not commands:
        return []
    here = _Case(organization, "", event.repository.full_name, message.number)
    try:
        return _obeyed(commands, here, questions, event, message, reader, settings)
    except REFUSED as error:
        return [_reply(here, message, texts.REFUSED, reason=github_says(error))]


def _obeyed(  # noqa: PLR0913, PLR0917  the facts of one message
    commands: Sequence[Sequence[str]],
    here: _Case,
    questions: Sequence[Question],
    event: Event,
    message: Message,
    reader: Reader,
    settings: InviteSettings,
) -> Sequence[Action]:
    """What the commands of a message lead to; raises what the reader raises."""
    if message.author is None:
        return []
    deaf = _deaf(here, message, message.author, reader)
    if deaf:
        return [_reply(here, message, deaf)]
    by_hand = _by_hand
    if settings.mode == APPROVAL and not _may_approve(here, message.author, reader, settings):
        if all(words[0] == "/approve" for words in commands):
            return [_reply(here, message, _not_an_approver(settings))]
        by_hand = _request
    named = [words for words in commands if words != ["/approve"] or len(questions) == 1]
    people = dict.fromkeys(each for words in named for each in _targets(words, event, questions))
    actions = [
        action
        for person in people
        for action in by_hand(
            replace(here, person=person, by=message.author.login, place=here.at),
            event,
            message,
            reader,
            settings,
        )
    ]
    if named == commands:
        return actions
    text = texts.NAME_ONE.replace(
        "{waiting}", _waiting(here.organization, questions, reader, settings)
    )
    return [*actions, _reply(here, message, text)]


def _waiting(
    organization: str, questions: Sequence[Question], reader: Reader, settings: InviteSettings
) -> str:
    """A sentence that names the people who wait for an approval; "" if nobody does."""
    people = (each.person for each in questions if not settings.excludes(each.person))
    waiting = (each for each in people if reader.membership(organization, each) is None)
    shown = ", ".join(f"`{each}`" for each in islice(waiting, _MOST_SHOWN))
    return texts.WAITING.format(people=shown) if shown else ""


def _deaf(here: _Case, message: Message, person: Person, reader: Reader) -> str:
    """Why the bot obeys no command of this message; "" if it does."""
    if reader.permission(here.repository, person.login) not in _MAY_INVITE:
        return texts.NOT_ALLOWED
    return "" if message.shows_app else texts.NOT_IN_A_REVIEW


def _may_approve(here: _Case, person: Person, reader: Reader, settings: InviteSettings) -> bool:
    """Whether a person may approve invitations, and so invite without asking for approval.

    The organisation chose who may write to `approval_in`. Without it, write access to any
    repository would be enough to approve one's own requests.
    """
    if not settings.approval_in:
        return reader.may_maintain(here.repository, person.login)
    repository = f"{here.organization}/{settings.approval_in}"
    if repository.lower() == here.repository.lower():
        return True  # The caller has checked the permission here.
    return reader.permission(repository, person.login) in _MAY_INVITE


def _not_an_approver(settings: InviteSettings) -> str:
    return texts.NOT_AN_APPROVER if settings.approval_in else texts.NOT_A_MAINTAINER


def _targets(words: Sequence[str], event: Event, questions: Sequence[Question]) -> Sequence[str]:
    """The logins that a command is about; "" for one that it does not name.

    `/invite` on a pull request means its author, whomever the bot asked about there. Several people
    are those of `/invite @alice, @bob and @carl`; an `@` behind other words is none of them.
    """
    if len(words) > 1:
        more = takewhile(lambda word: word.startswith("@") or word in _AND, words[2:])
        named = [words[1], *(word for word in more if word not in _AND)]
        return [login_in(word) or word for word in named]
    issue = event.issue
    if words[0] == "/invite" and issue and issue.is_pull_request:
        return [issue.author.login if issue.author else ""]
    return [questions[0].person if len(questions) == 1 else ""]


def _by_hand(
    case: _Case, event: Event, message: Message, reader: Reader, settings: InviteSettings
) -> Sequence[Action]:
    refusal = _refusal(case, event, reader, settings)
    if refusal:
        return _refused(case, message, refusal, reader)
    for question in reader.asked_about(event.place):
        if question.person.lower() == case.person.lower():
            actions = _approved(case, message, question, settings)
            return _tried(case, message, actions, reader)
    actions = [*_invitation(case, settings.hand_message, settings), *_team(case, settings)]
    return _tried(case, message, actions, reader)


def _tried(
    case: _Case, message: Message, actions: Sequence[Action], reader: Reader
) -> Sequence[Action]:
    """The actions of an order, also where GitHub refused an earlier one, whatever led to that."""
    invite, *others = actions
    if not _is_old(invite, message, reader):
        return actions
    if not (isinstance(invite, Invite) and _is_again(invite, message, reader)):
        return [_reply(case, message, texts.TRIED_BEFORE)]
    welcome, told = reader.earlier(_welcome(case, "")), _reply(case, message, texts.APPROVED)
    is_elsewhere = welcome is not None and welcome.action.subject.lower() != case.at.lower()
    if is_elsewhere and told not in others:
        others.append(told)
    return [replace(invite, again=message.identity), *others]


def _is_old(action: Action, message: Message, reader: Reader) -> bool:
    """Whether something before this message led to an action already."""
    wanted_at = reader.wanted_at(action)
    return wanted_at is not None and not _is_after(wanted_at, message)


def _is_again(action: Invite | Ask, message: Message, reader: Reader) -> bool:
    """Whether a message orders again what GitHub refused; also when it is delivered twice."""
    earlier = reader.earlier(action)
    if earlier is None:
        return False
    return earlier.has_failed or getattr(earlier.action, "again", "") == message.identity


def _request(
    case: _Case, event: Event, message: Message, reader: Reader, settings: InviteSettings
) -> Sequence[Action]:
    """Ask for approval of an invitation by hand, unless the bot has asked about the person."""
    refusal = _refusal(case, event, reader, settings)
    if refusal:
        return _refused(case, message, refusal, reader)
    by = message.author.login if message.author else ""
    names = {"by": by, "place": f"{case.repository}#{case.number}"}
    ask = _ask(case, case.say("", texts.REQUEST, **names).text, settings, by_hand=True)
    if _is_old(ask, message, reader):
        if not _is_again(ask, message, reader):
            return [_reply(case, message, texts.ASKED_BEFORE)]
        ask = replace(ask, again=message.identity)
    return [ask, _reply(case, message, texts.ASKED)] if settings.approval_in else [ask]


def _refused(case: _Case, message: Message, refusal: str, reader: Reader) -> Sequence[Action]:
    """The reply, unless the bot has obeyed this command: GitHub may deliver it under two ids."""
    welcomed_at = reader.wanted_at(_welcome(case, ""))
    if welcomed_at is not None and _is_after(welcomed_at, message):
        return []
    return [_reply(case, message, refusal)]


def _is_after(at: float, message: Message) -> bool:
    """Whether a time is later than a message; False if that is unknown."""
    written_at = message.written_at
    return bool(written_at) and at >= datetime.fromisoformat(written_at).timestamp()


def _approved(
    case: _Case, message: Message, question: Question, settings: InviteSettings
) -> Sequence[Action]:
    """Invite and welcome the person where it began, and answer where the bot asked."""
    repository, _, number = question.place.partition("#")
    there = replace(case, repository=repository, number=int(number))
    welcome = settings.hand_message if question.by_hand else settings.message
    actions = _invitation(there, welcome, settings)
    places = {(each.repository.lower(), each.number) for each in (there, case)}
    if len(places) > 1:
        actions += [
            _reply(case, message, texts.APPROVED),
            CloseIssue(about=f"ask {case.name}", repository=case.repository, number=case.number),
        ]
    return [*actions, *_team(case, settings)]


def _refusal(case: _Case, event: Event, reader: Reader, settings: InviteSettings) -> str:
    """Why the bot does not invite a person; "" if it does."""
    if not case.person:
        return texts.NO_NAME
    if login_in(case.person) is None:
        return texts.NOT_FOUND
    if settings.excludes(case.person):
        return texts.EXCLUDED
    author = event.issue.author if event.issue else None
    is_author = author is not None and author.login.lower() == case.person.lower()
    # What an App wrote in a person's name does not show whether there is a person.
    account = author if author and is_author and not author.is_bot else reader.account(case.person)
    if account is None:
        return texts.NOT_FOUND
    if account.is_bot:
        return texts.NOT_A_PERSON
    # Now their numeric id is known: they may have declined under another login.
    state = reader.membership_now(case.organization, case.person)
    return "" if state is None else texts.BY_STATE[state]


def _reply(case: _Case, message: Message, text: str, **more: str) -> Comment:
    return Comment(
        about=f"answer {case.repository}/{message.identity}/{case.person}",
        repository=case.repository,
        number=case.number,
        text=text.format(person=_shown(case.person), organization=case.organization, **more),
        thread=message.thread,
    )


def _shown(person: str) -> str:
    """What somebody typed as a name, for a comment: short, and not the end of inline code."""
    plain = person.replace("`", "'")
    return plain if len(plain) <= _LONGEST_SHOWN else f"{plain[:_LONGEST_SHOWN]}..."


# After joining


def _introduction(
    organization: str, member: Person, reader: Reader, settings: InviteSettings
) -> Sequence[Action]:
    if settings.introduction == "none" or not reader.was_invited(organization, member.login):
        return []
    if reader.membership_now(organization, member.login) != "active":
        return []  # The delivery is old, and the person has left again.
    repository = f"{organization}/{settings.introduction_in}"
    case = _Case(organization, member.login, repository, settings.introduction_number)
    about = f"introduction {case.name}"
    comment = case.say(about, settings.introduction_message)
    if settings.introduction == "comment":
        return [comment]
    title = case.say("", settings.introduction_title).text
    return [
        OpenIssue(about=about, repository=repository, title=title, text=comment.text, closed=True)
    ]


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
