"""Frozen views of the payloads that rules read.

A payload is kept as GitHub sent it; a rule never sees it. It sees one of these values, which name
what the bot uses in the field's own terms and leave the rest out. Nothing here is a URL: whoever
performs an action builds its address from names and numbers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from luggage.github.commands import parse_commands
from luggage.github.conversations import get_comment_body

__all__ = [
    "SCHEDULE",
    "Event",
    "Issue",
    "Message",
    "Person",
    "PullRequest",
    "Push",
    "Repository",
    "view",
]

# The queue that holds deliveries.
DELIVERIES = "delivery"
#: The name of the event that a scheduled rule is given; its action is the name of the rule.
SCHEDULE = "schedule"

# Where a person can write to the bot: the event, the action that says the text is new, and the
# part of the payload that holds it. Edited texts do nothing: what was answered stays answered.
_WRITTEN = {
    ("issues", "opened"): "issue",
    ("pull_request", "opened"): "pull_request",
    ("issue_comment", "created"): "comment",
    ("pull_request_review_comment", "created"): "comment",
    ("pull_request_review", "submitted"): "review",
}
# Events of rules that obey commands.
MESSAGES = frozenset(_WRITTEN)
# Messages in a conversation that is open already.
REPLIES = MESSAGES - {("issues", "opened"), ("pull_request", "opened")}

# GitHub: "The array includes a maximum of 2048 commits" (webhook payload of a push).
MOST_COMMITS = 2048
_CHANGES = ("added", "removed", "modified")


_ORDER = re.compile(r"^\s*/bot\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Person:
    """An account at GitHub: its login as GitHub writes it, and whether a program owns it."""

    login: str
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository: `full_name` is `owner/name`."""

    full_name: str
    private: bool = False


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request as it stood at the event. `author` is None for a deleted account.

    `head_sha` is its newest commit.
    """

    number: int
    author: Person | None
    merged: bool = False
    head_sha: str = ""


@dataclass(frozen=True, slots=True)
class Issue:
    """The issue or pull request that an event is about; GitHub numbers both in one row.

    `author` is None for a deleted account. `association` is what GitHub says of the author in this
    repository: OWNER, MEMBER, COLLABORATOR, CONTRIBUTOR, FIRST_TIME_CONTRIBUTOR, FIRST_TIMER, NONE.
    `assignees` and `labels` are names. All is as it stood at the event.
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


@dataclass(frozen=True, slots=True)
class Message:
    """A text that somebody has just written where the bot can answer.

    `number` is that of the issue or pull request. `target` is the part of the API path that names
    the text inside its repository (`issues/7`, `issues/comments/55`, `pulls/comments/56`), or None
    for a review, which has no reactions. `thread` is the review comment that an answer goes under.
    `written_at` is GitHub's time, ISO 8601 in UTC.
    """

    number: int
    author: Person | None
    text: str
    identity: str
    target: str | None = None
    thread: int | None = None
    written_at: str = ""

    def commands(self) -> list[list[str]]:
        """The commands in the text, each a list of words: `[["/ping"]]`. Empty for a program's."""
        if self.author is None or self.author.is_bot:
            return []
        return parse_commands(self.text)


@dataclass(frozen=True, slots=True)
class Push:
    """Commits that came onto a branch: `branch` is its name, None for a tag.

    `default` says whether it is the repository's default branch. `commit` is what the branch shows
    now. `paths` are the files that changed, None where GitHub does not tell all of them.
    """

    branch: str | None
    default: bool
    commit: str
    paths: frozenset[str] | None

    def touches(self, path: str) -> bool:
        """Whether a file may have changed."""
        return self.paths is None or path in self.paths


@dataclass(frozen=True, slots=True)
class Event:
    """One delivery, as rules see it. What the payload does not have is None.

    `member` is the person whom an event of the organisation is about.
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

    @property
    def place(self) -> str:
        """What it is about: `owner/repo#number`, `owner/repo`, the organisation, or ""."""
        if self.repository is None:
            return self.organization or ""
        number = f"#{self.issue.number}" if self.issue else ""
        return f"{self.repository.full_name}{number}"


def view(name: str, payload: Mapping[str, Any]) -> Event:
    """What rules may know of a delivery: `name` is its X-GitHub-Event, `payload` its JSON object.

    Never raises for a payload whose shape the webhook has checked; pure, so safe to repeat.
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
    )


def subject(payload: Mapping[str, Any]) -> str:
    """What a delivery is about, `owner/repo#number`: deliveries about one thing keep their order.

    Less is known of some: `owner/repo`, the organisation, or "" where order does not matter. Orders
    to pause or resume have a subject of their own, so that they get through while all that is about
    their organisation rests.
    """
    organization = _dig(payload, "organization", "login")
    repository = _dig(payload, "repository", "full_name")
    if repository is None:
        return organization or ""
    if repository == f"{organization}/.github" and _orders(payload):
        return f"/bot {organization}"
    number = _dig(payload, "issue", "number") or _dig(payload, "pull_request", "number")
    return f"{repository}#{number}" if number else f"{repository}"


def _orders(payload: Mapping[str, Any]) -> bool:
    """Whether somebody may have given an order; whether it is one is for the rule to say."""
    text = _dig(payload, "comment", "body") or _dig(payload, "issue", "body") or ""
    return _ORDER.search(text) is not None


def _dig(payload: Mapping[str, Any], *path: str) -> Any:
    value: Any = payload
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def person(user: Any) -> Person | None:
    """The account in GitHub's words, `{"login": ..., "type": ...}`; None for a deleted one."""
    login = _text(_dig({"user": user}, "user", "login"))
    if not login:
        return None
    return Person(login, is_bot=user.get("type") == "Bot" or login.endswith("[bot]"))


def _repository(found: Any) -> Repository | None:
    full_name = _dig({"repository": found}, "repository", "full_name")
    return Repository(full_name, private=bool(found.get("private"))) if full_name else None


def _pull_request(found: Any) -> PullRequest | None:
    number = _dig({"pull_request": found}, "pull_request", "number")
    if number is None:
        return None
    return PullRequest(
        number,
        person(found.get("user")),
        merged=bool(found.get("merged")),
        head_sha=_text(_dig(found, "head", "sha")),
    )


def _issue(payload: Mapping[str, Any]) -> Issue | None:
    name = "issue" if isinstance(payload.get("issue"), Mapping) else "pull_request"
    number = _dig(payload, name, "number")
    if number is None:
        return None
    found = payload[name]
    as_pull = found if name == "pull_request" else found.get("pull_request")
    return Issue(
        number,
        person(found.get("user")),
        association=_text(found.get("author_association")) or "NONE",
        is_pull_request=bool(as_pull),
        title=_text(found.get("title")),
        is_open=found.get("state", "open") == "open",
        is_merged=bool(_dig({"pull": as_pull}, "pull", "merged_at")),
        assignees=_names(found.get("assignees"), "login"),
        labels=_names(found.get("labels"), "name"),
    )


def _names(found: Any, key: str) -> tuple[str, ...]:
    named = (_text(_dig({"one": one}, "one", key)) for one in _list(found))
    return tuple(name for name in named if name)


def _text(found: Any) -> str:
    """A text; "" for anything else, of which the webhook has not checked that it is one."""
    return found if isinstance(found, str) else ""


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _member(payload: Mapping[str, Any]) -> Person | None:
    """Whom an event of the organisation is about: a member, or somebody who was invited."""
    return person(_dig(payload, "membership", "user")) or person(payload.get("invitation"))


def _message(name: str, action: str | None, payload: Mapping[str, Any]) -> Message | None:
    part = _WRITTEN.get((name, action or ""))
    number = _dig(payload, "issue", "number") or _dig(payload, "pull_request", "number")
    if part is None or number is None or not isinstance(payload.get(part), Mapping):
        return None
    written = payload[part]
    target, thread = _place(name, number, written)
    return Message(
        number=number,
        author=person(written.get("user")),
        text=get_comment_body(name, payload),
        identity=target or f"reviews/{written.get('id')}",
        target=target,
        thread=thread,
        written_at=_text(written.get("created_at")) or _text(written.get("submitted_at")),
    )


def _place(name: str, number: int, written: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """The reaction target of a text and the review thread it stands in."""
    if name == "issue_comment":
        return f"issues/comments/{written.get('id')}", None
    if name == "pull_request_review_comment":
        thread = written.get("in_reply_to_id") or written.get("id")
        return f"pulls/comments/{written.get('id')}", thread
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
    """The files of a push's commits; None where commits are left out or history was rewritten."""
    commits = _list(payload.get("commits"))
    if not 0 < len(commits) < MOST_COMMITS or any(
        payload.get(name) for name in ("forced", "created", "deleted")
    ):
        return None
    named = (_dig({"it": commit}, "it", kind) for commit in commits for kind in _CHANGES)
    return frozenset(path for paths in named for path in _list(paths) if isinstance(path, str))
