"""Events: frozen views of webhook payloads, for rules.

A rule never sees the payload itself. The views have no URLs: actions build them from names and
numbers.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from luggage.github.conversations import get_comment_body, may_command, parse_commands

__all__ = [
    "ACCOUNT",
    "REPOSITORY",
    "SCHEDULE",
    "Event",
    "Identity",
    "Issue",
    "Message",
    "Person",
    "PullRequest",
    "Push",
    "Repository",
    "login_in",
    "view",
]

# The queue of deliveries.
DELIVERIES = "delivery"
#: The name of the event for a scheduled rule; the event's action is the name of the rule.
SCHEDULE = "schedule"

# The events with a new text, and the part of the payload that holds it. Edits do not count.
_TEXT_PARTS = {
    ("issues", "opened"): "issue",
    ("pull_request", "opened"): "pull_request",
    ("issue_comment", "created"): "comment",
    ("pull_request_review_comment", "created"): "comment",
    ("pull_request_review", "submitted"): "review",
}
# Events with a text that may hold commands.
MESSAGES = frozenset(_TEXT_PARTS)
# The events whose texts show the App that wrote them (`performed_via_github_app`), if one did.
_SHOW_APP = frozenset({"issues", "issue_comment"})
# Messages on an issue or pull request that exists already.
REPLIES = MESSAGES - {("issues", "opened"), ("pull_request", "opened")}

# GitHub: "The array includes a maximum of 2048 commits" (webhook payload of a push).
MOST_COMMITS = 2048
# Events that say a former name. An App has to subscribe to `repository`.
RENAMES = frozenset(
    {("organization", "renamed"), ("installation_target", "renamed")}
    | {("repository", "renamed"), ("repository", "transferred")}
)
_CHANGES = ("added", "removed", "modified")
# Where a transferred issue came from, in `changes` of the event issues.opened.
_TRANSFERS = ("old_issue", "old_repository")
# The commands that are handled while the organisation is paused.
_BOT_COMMAND = "/bot"

#: The kind of an identity: a person, an organisation or an App.
ACCOUNT = "account"
#: The kind of an identity: a repository.
REPOSITORY = "repository"


@dataclass(frozen=True, slots=True)
class Identity:
    """An account or a repository of a payload: its numeric id, and its name at the time.

    `name` is a login, or `owner/name`. `former` is its name before the event, if it was renamed.
    """

    kind: str
    id: int
    name: str
    former: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """A GitHub account; `login` is spelled as GitHub spells it.

    `is_bot` is True for each account through which no person speaks: an App, an organisation, a
    mannequin, `ghost`, and a person's account where an App wrote in their name.
    """

    login: str
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository: `full_name` is `owner/name`."""

    full_name: str
    private: bool = False


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request at the time of the event.

    `author` is None for a deleted account. `head_sha` is the newest commit.
    """

    number: int
    author: Person | None
    merged: bool = False
    head_sha: str = ""


@dataclass(frozen=True, slots=True)
class Issue:
    """The issue or pull request that an event is about, at the time of the event.

    `author` is None for a deleted account. `association` is the author's role in the repository:
    OWNER, MEMBER, COLLABORATOR, CONTRIBUTOR, FIRST_TIME_CONTRIBUTOR, FIRST_TIMER or NONE.
    `assignees` and `labels` are names. In a locked conversation Apps can neither comment nor react.
    `is_transferred` is True if it was not opened here, but moved from another repository.
    """

    number: int
    author: Person | None
    association: str = "NONE"
    is_pull_request: bool = False
    title: str = ""
    is_open: bool = True
    is_merged: bool = False
    assignees: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    is_locked: bool = False
    is_transferred: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A new text: the body of an issue, pull request, comment or review.

    `number` is the issue or pull request. `target` is the API path of the text within its
    repository (`issues/7`, `issues/comments/55`, `pulls/comments/56`), or None for a review, which
    cannot have reactions. `thread` is the review comment to reply under. `written_at` is GitHub's
    time, ISO 8601 in UTC.

    `shows_app` is True if GitHub would show an App that wrote it in the author's name, as it does
    for issues and their comments. Elsewhere the author may not have written it: rules must not obey
    commands there that do more than the App could (docs/decisions/0157).
    """

    number: int
    author: Person | None
    text: str
    identity: str
    target: str | None = None
    thread: int | None = None
    written_at: str = ""
    shows_app: bool = False

    def commands(self) -> list[list[str]]:
        """The commands in the text, each a list of words: `[["/ping"]]`. Empty for bots.

        The first word is in lower case.
        """
        if self.author is None or self.author.is_bot:
            return []
        return parse_commands(self.text)


@dataclass(frozen=True, slots=True)
class Push:
    """A push to a branch; `branch` is its name, or None for a tag.

    `default` is True for the repository's default branch. `commit` is the branch's new head.
    `paths` are the changed files, or None if GitHub does not list all of them.
    """

    branch: str | None
    default: bool
    commit: str
    paths: frozenset[str] | None

    def touches(self, path: str) -> bool:
        """Whether the push may have changed a file."""
        return self.paths is None or path in self.paths


@dataclass(frozen=True, slots=True)
class Event:
    """One delivery, as rules see it. Fields that the payload lacks are None.

    `member` is the person that an event of the organisation is about. `identities` are the numeric
    ids of those whom the bot remembers.
    """

    name: str
    action: str | None
    installation: int | None = None
    organization: str | None = None
    repository: Repository | None = None
    pull_request: PullRequest | None = None
    message: Message | None = None
    push: Push | None = None
    issue: Issue | None = None
    member: Person | None = None
    identities: tuple[Identity, ...] = field(default=(), compare=False, repr=False)

    @property
    def place(self) -> str:
        """The subject: `owner/repo#number`, `owner/repo`, the organisation, or ""."""
        if self.repository is None:
            return self.organization or ""
        number = f"#{self.issue.number}" if self.issue else ""
        return f"{self.repository.full_name}{number}"


def view(name: str, payload: Mapping[str, Any]) -> Event:
    """The event of a delivery; `name` is its X-GitHub-Event, `payload` its JSON object.

    Never raises for a payload that the webhook has validated. Pure.
    """
    action = payload.get("action")
    return Event(
        name=name,
        action=action,
        installation=_dig(payload, "installation", "id"),
        organization=_dig(payload, "organization", "login"),
        repository=_repository(payload.get("repository")),
        pull_request=_pull_request(payload.get("pull_request")),
        message=_message(name, action, payload),
        push=_push(payload) if name == "push" else None,
        issue=_issue(payload),
        member=_member(payload),
        identities=tuple(_identities(payload)),
    )


def subject(payload: Mapping[str, Any]) -> str:
    """The subject of a delivery: the loop handles deliveries with the same subject in order.

    It is `owner/repo#number`, else `owner/repo`, else the organisation, or "" if order does not
    matter. Comments with `/bot` have their own subject, so the loop handles them while the
    organisation is paused.
    """
    organization = _dig(payload, "organization", "login")
    repository = _dig(payload, "repository", "full_name")
    if repository is None:
        return organization or ""
    if repository == f"{organization}/.github" and _may_command(payload):
        return f"/bot {organization}"
    number = _dig(payload, "issue", "number") or _dig(payload, "pull_request", "number")
    return f"{repository}#{number}" if number else f"{repository}"


def _may_command(payload: Mapping[str, Any]) -> bool:
    """Whether a text may hold a `/bot` command; the rule `pause` parses it properly."""
    text = _dig(payload, "comment", "body") or _dig(payload, "issue", "body") or ""
    return isinstance(text, str) and may_command(text, _BOT_COMMAND)


def _dig(payload: Mapping[str, Any], *path: str) -> Any:
    value: Any = payload
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


# GitHub: letters, digits and single hyphens, 39 at most; some old ones have two, or end with one.
# Those of managed users end with an underscore and the short code of their enterprise.
_LOGIN = re.compile(r"@?([A-Za-z0-9][A-Za-z0-9_-]{0,63})[.,;:!?]*")


def login_in(word: str) -> str | None:
    """The login that somebody typed as `@octocat`, `octocat` or `@octocat,`; None for no login."""
    login = _LOGIN.fullmatch(word)
    return login[1] if login else None


# The account that GitHub shows for deleted ones, and its id on github.com.
_GHOST = "ghost"
_GHOST_ID = 10137


def person(user: Any) -> Person | None:
    """The account in GitHub's `{"login": ..., "type": ...}`; None for a deleted one.

    The one place that decides who counts as a person: an account of the type `User`.
    """
    login = _text(_dig({"user": user}, "user", "login"))
    if not login:
        return None
    is_ghost = login.lower() == _GHOST or user.get("id") == _GHOST_ID
    is_person = user.get("type") == "User" and not is_ghost
    return Person(login, is_bot=not is_person or login.endswith("[bot]"))


def _author(item: Mapping[str, Any]) -> Person | None:
    """The author of an issue, pull request or text.

    It is no person if an App wrote it in their name: whoever controls the App may have. GitHub does
    not show that for pull requests, reviews and their comments.
    """
    author = person(item.get("user"))
    by_app = bool(item.get("performed_via_github_app"))
    return replace(author, is_bot=True) if author and by_app else author


def _speaker(item: Mapping[str, Any], sender: Any) -> Person | None:
    """The author of a new text; no person if somebody else sent it, as in a transferred issue."""
    author, by = _author(item), person(sender)
    is_own = author is not None and by is not None and by.login.lower() == author.login.lower()
    return author if author is None or is_own else replace(author, is_bot=True)


def _repository(data: Any) -> Repository | None:
    full_name = _dig({"repository": data}, "repository", "full_name")
    return Repository(full_name, private=bool(data.get("private"))) if full_name else None


def _pull_request(data: Any) -> PullRequest | None:
    number = _dig({"pull_request": data}, "pull_request", "number")
    if number is None:
        return None
    return PullRequest(
        number,
        _author(data),
        merged=bool(data.get("merged")),
        head_sha=_text(_dig(data, "head", "sha")),
    )


def _issue(payload: Mapping[str, Any]) -> Issue | None:
    name = "issue" if isinstance(payload.get("issue"), Mapping) else "pull_request"
    number = _dig(payload, name, "number")
    if number is None:
        return None
    data = payload[name]
    pull = data if name == "pull_request" else data.get("pull_request")
    return Issue(
        number,
        _author(data),
        association=_text(data.get("author_association")) or "NONE",
        is_pull_request=bool(pull),
        title=_text(data.get("title")),
        is_open=data.get("state", "open") == "open",
        is_merged=bool(_dig({"pull": pull}, "pull", "merged_at")),
        assignees=_names(data.get("assignees"), "login"),
        labels=_names(data.get("labels"), "name"),
        is_locked=data.get("locked") is True,
        is_transferred=_is_transferred(payload),
    )


def _is_transferred(payload: Mapping[str, Any]) -> bool:
    """Whether an issue came from another repository: GitHub says that it was `opened` there."""
    changes = _dig(payload, "changes")
    return any(_dig({"changes": changes}, "changes", name) for name in _TRANSFERS)


def _names(items: Any, key: str) -> tuple[str, ...]:
    names = (_text(_dig({"item": item}, "item", key)) for item in _list(items))
    return tuple(name for name in names if name)


def _text(value: Any) -> str:
    """The value if it is a string, else "": the webhook does not validate every field."""
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _member(payload: Mapping[str, Any]) -> Person | None:
    """The member or invited person that an event of the organisation is about."""
    invitation = payload.get("invitation")
    # GitHub shows no type there: only people can be invited.
    invited = {**invitation, "type": "User"} if isinstance(invitation, Mapping) else None
    return person(_dig(payload, "membership", "user")) or person(invited)


# The parts of a payload whose author the bot may remember, and the accounts that it names itself.
_AUTHORED = ("issue", "pull_request", "comment", "review")
_ACCOUNTS = ("user", "account")
_NAME = re.compile(r"[A-Za-z0-9._\[\]-]{1,100}")
_FULL_NAME = re.compile(r"[A-Za-z0-9._-]{1,80}/[A-Za-z0-9._-]{1,100}")
_LARGEST_ID = 2**63 - 1


def _identities(payload: Mapping[str, Any]) -> Iterator[Identity]:
    """The ids of the accounts and the repository that a payload names."""
    repository, was = payload.get("repository"), _former(payload)
    accounts = [_dig(payload, part, "user") for part in (*_AUTHORED, "membership")]
    accounts += [payload.get(name) for name in _ACCOUNTS]
    accounts += [payload.get("organization"), _dig(payload, "repository", "owner")]
    found = [_identity(ACCOUNT, each, "login", _NAME, was) for each in accounts]
    found.append(_identity(REPOSITORY, repository, "full_name", _FULL_NAME, was))
    yield from dict.fromkeys(each for each in found if each is not None)


def _identity(
    kind: str, data: Any, name: str, names: re.Pattern[str], was: Mapping[str, str]
) -> Identity | None:
    number, text = _dig({"data": data}, "data", "id"), _text(_dig({"data": data}, "data", name))
    is_id = isinstance(number, int) and not isinstance(number, bool) and 0 < number <= _LARGEST_ID
    if not is_id or not names.fullmatch(text):
        return None
    former = was.get(text.lower(), "")
    return Identity(kind, number, text, former if names.fullmatch(former) else "")


def _former(payload: Mapping[str, Any]) -> Mapping[str, str]:
    """The former name of what an event `renamed` or `transferred`, by its new one."""
    changes, full_name = payload.get("changes"), _text(_dig(payload, "repository", "full_name"))
    owner, _, name = full_name.partition("/")
    said = {"changes": changes}
    if payload.get("action") == "renamed":
        login = _text(_dig(said, "changes", "login", "from"))
        old = _text(_dig(said, "changes", "repository", "name", "from"))
        renamed = _text(_dig(payload, "organization", "login") or _dig(payload, "account", "login"))
        accounts = {renamed.lower(): login} if login else {}
        return {**accounts, **({full_name.lower(): f"{owner}/{old}"} if old else {})}
    if payload.get("action") == "transferred":
        sides = (_dig(said, "changes", "owner", "from", kind) for kind in ("organization", "user"))
        logins = [_text(_dig({"side": side}, "side", "login")) for side in sides]
        return {full_name.lower(): f"{each}/{name}" for each in logins if each}
    return {}


def _message(name: str, action: str | None, payload: Mapping[str, Any]) -> Message | None:
    part = _TEXT_PARTS.get((name, action or ""))
    number = _dig(payload, "issue", "number") or _dig(payload, "pull_request", "number")
    if part is None or number is None or not isinstance(payload.get(part), Mapping):
        return None
    if _is_transferred(payload):  # It was written, and answered, in another repository.
        return None
    data = payload[part]
    target, thread = _target(name, number, data)
    return Message(
        number=number,
        author=_speaker(data, payload.get("sender")),
        text=get_comment_body(name, payload),
        identity=target or f"reviews/{data.get('id')}",
        target=target,
        thread=thread,
        written_at=_text(data.get("created_at")) or _text(data.get("submitted_at")),
        shows_app=name in _SHOW_APP,
    )


def _target(name: str, number: int, data: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """The reaction target of a text, and the review comment to reply under."""
    if name == "issue_comment":
        return f"issues/comments/{data.get('id')}", None
    if name == "pull_request_review_comment":
        thread = data.get("in_reply_to_id") or data.get("id")
        return f"pulls/comments/{data.get('id')}", thread
    if name == "pull_request_review":
        return None, None
    return f"issues/{number}", None


def _push(payload: Mapping[str, Any]) -> Push:
    _, kind, branch = f"{payload.get('ref')}//".split("/", 2)
    branch = branch.removesuffix("//")
    on_branch = kind == "heads"
    return Push(
        branch=branch if on_branch else None,
        default=on_branch and branch == _dig(payload, "repository", "default_branch"),
        commit=_text(payload.get("after")),
        paths=_changed_paths(payload),
    )


def _changed_paths(payload: Mapping[str, Any]) -> frozenset[str] | None:
    """The changed files of a push; None if GitHub omits commits or history was rewritten."""
    commits = _list(payload.get("commits"))
    if not 0 < len(commits) < MOST_COMMITS or any(
        payload.get(name) for name in ("forced", "created", "deleted")
    ):
        return None
    lists = (_dig({"commit": commit}, "commit", kind) for commit in commits for kind in _CHANGES)
    return frozenset(path for paths in lists for path in _list(paths) if isinstance(path, str))
