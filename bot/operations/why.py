"""Origin of a comment or issue: the action, rule and delivery behind it.

The operator gives a web address or a hidden marker. The address is only parsed, never called. Its
id is searched for in the stored results, then at GitHub's configured address (docs/decisions/0081).
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.actions import ACTIONS, Result, marked_keys, marker
from bot.actions.write_once import marker_line
from bot.operations.history import report
from bot.operations.history.deliveries import DeliveryHistory
from bot.operations.history.records import ActionRow, DeliveryDetail
from luggage.github import GithubApp, NotFound, Uninstalled
from luggage.jobs import JobRow, Queue
from luggage.telemetry.redact import one_line

_MARKER = re.compile(r"(?:<!-- *)?(?:portmanteau:)?([0-9a-f]{24})(?: *-->)?")
_IN_TEXT = re.compile(marker_line("([0-9a-f]{24})"))
_NAME = r"(?!\.{1,2}/)([A-Za-z0-9._-]+/(?!\.{1,2}/)[A-Za-z0-9._-]+)"
# Each kind of comment, as the fragment of its web address and as a path in GitHub's API.
_PAGE = re.compile(
    rf"https?://[^/\s]+/{_NAME}/(?:issues|pull)/\d+#(issuecomment-|discussion_r)(\d+)"
)
_API = re.compile(rf"https?://[^/\s]+/(?:api/v3/)?repos/{_NAME}/(issues|pulls)/comments/(\d+)")
_ISSUE = re.compile(rf"https?://[^/\s]+/(?:(?:api/v3/)?repos/)?{_NAME}/issues/(\d+)/?")
_ANCHORS = {"issues": "issuecomment-", "pulls": "discussion_r"}
_KINDS = {anchor: kind for kind, anchor in _ANCHORS.items()}
_KEYS_PAGE = 5000


class NotOurs(Exception):  # noqa: N818
    """The bot did not write this; the message says what it searched for."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment at GitHub; `kind` is `issues` or `pulls`, as in GitHub's API."""

    repository: str
    kind: str
    id: int

    @property
    def path(self) -> str:
        """The path in GitHub's API."""
        return f"/repos/{self.repository}/{self.kind}/comments/{self.id}"


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue that the bot may have opened."""

    repository: str
    number: int

    @property
    def path(self) -> str:
        """The path in GitHub's API."""
        return f"/repos/{self.repository}/issues/{self.number}"


@dataclass(frozen=True, slots=True)
class Marker:
    """A comment's hidden line; `name` is the part that varies."""

    name: str


Target = Comment | Issue | Marker


@dataclass(frozen=True)
class GithubTexts:
    """Texts at GitHub, fetched read-only; both methods raise luggage.github's RequestFailed."""

    app: GithubApp

    def read(self, target: Comment | Issue) -> Mapping[str, Any]:
        """The comment or issue. GitHub: "Get a repository installation", "Get an issue comment"."""
        owner, _, name = target.repository.partition("/")
        try:
            installation = self.app.app_client.read_only().get(
                "/repos/{owner}/{name}/installation", owner=owner, name=name
            )
        except NotFound as error:  # This says nothing about the text.
            raise error.as_a(Uninstalled) from error
        client = self.app.client_for(installation["id"]).read_only()
        text: Mapping[str, Any] = client.get(target.path)
        return text

    def login(self) -> str:
        """The login under which the bot writes."""
        return f"{self.app.app_client.read_only().get('/app')['slug']}[bot]"


@dataclass(frozen=True, slots=True)
class CommentOrigin:
    """A text's action, and the delivery that led to it."""

    action: ActionRow
    delivery: DeliveryDetail


def parse_target(text: str) -> Target | None:
    """The target of an address or a marker; None for any other text. Pure."""
    text = text.strip()
    if match := _MARKER.fullmatch(text):
        return Marker(match[1])
    if match := _PAGE.fullmatch(text):
        return Comment(match[1], _KINDS[match[2]], int(match[3]))
    if match := _API.fullmatch(text):
        return Comment(match[1], match[2], int(match[3]))
    if match := _ISSUE.fullmatch(text):
        return Issue(match[1], int(match[2]))
    return None


class Why:
    """Finds the origin of a text, first in the queue; `texts` is None without GitHub.

    A marker is searched for among the newest `most_keys` actions, or among all of them.
    """

    def __init__(
        self,
        history: DeliveryHistory,
        queue: Queue,
        texts: GithubTexts | None,
        *,
        most_keys: float = math.inf,
    ) -> None:
        self._history = history
        self._queue = queue
        self._texts = texts
        self._most_keys = most_keys

    def __call__(self, target: Target) -> CommentOrigin:
        """The origin; raises NotOurs if there is none, RequestFailed if GitHub cannot be asked."""
        return self._origin(self.job(target))

    def job(self, target: Target) -> JobRow:
        """The job of the action that wrote a text.

        Raises NotOurs if there is none, RequestFailed if GitHub cannot be asked.
        """
        match target:
            case Marker(name):
                job = self._by_marker(name)
            case _:
                job = self._by_result(target) or self._by_text(target)
        if job is None or not self._history.sees(job):
            raise NotOurs(f"the bot knows no action that wrote {one_line(_name(target))}")
        return job

    def _origin(self, job: JobRow) -> CommentOrigin:
        action = self._history.action(job)
        return CommentOrigin(action, self._history.because_of(job))

    def _by_result(self, target: Comment | Issue) -> JobRow | None:
        """The action whose stored result is this comment or issue."""
        for text in _recorded(target):
            for job in self._queue.answered(ACTIONS, text):
                return job
        return None

    def _by_marker(self, name: str) -> JobRow | None:
        """The newest action whose key yields this marker. Reads all keys: 5 s for a million."""
        before: int | None = None
        left = self._most_keys
        while left > 0 and (page := self._queue.keys(ACTIONS, before=before, limit=_KEYS_PAGE)):
            left -= len(page)
            for job_id, key in page.items():
                if any(name in marker(each) for each in marked_keys(key)):
                    return self._queue.get(job_id)
            before = min(page)
        return None

    def _by_text(self, target: Comment | Issue) -> JobRow | None:
        """The action whose marker is in the bot's text at GitHub; None without that text."""
        if self._texts is None:
            return None
        try:
            text = self._texts.read(target)
        except NotFound:
            return None
        author = (text.get("user") or {}).get("login")
        if author != self._texts.login():
            raise NotOurs(f"{one_line(str(author))} wrote it, not this bot")
        marked = _IN_TEXT.search(text.get("body") or "")
        return None if marked is None else self._by_marker(marked[1])


def _recorded(target: Comment | Issue) -> Iterator[str]:
    """The texts that the stored result of such an action contains."""
    if isinstance(target, Issue):
        yield Result.words_of_url(f"/{target.repository}/issues/{target.number}")
        return
    yield Result.words_of_url(f"#{_ANCHORS[target.kind]}{target.id}")
    # GitHub may leave the address out.
    yield Result.of_comment({"id": target.id}).words()


def _name(target: Target) -> str:
    return marker_line(target.name) if isinstance(target, Marker) else target.path


def details(origin: CommentOrigin) -> Iterator[str]:
    """The origin as text, line by line."""
    action, delivery = origin.action, origin.delivery
    yield f"{action.words}: {report.state_words(action)}"
    yield from report.action_facts(action)
    if not action.rule:
        yield f"{report.INDENT}its rule and settings have expired with its payload"
    yield ""
    yield "because of"
    yield from report.delivery_facts(delivery)
    yield ""
    yield f"`deliveries show {delivery.row.guid}` shows its other actions"
