"""Why: the action, rule and delivery behind a comment or issue of the bot.

The operator gives a web address or a hidden marker. The address is only taken apart, never called.
Its id is searched for in the stored results; then GitHub is asked, at the configured address
(docs/decisions/0081).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.actions import ACTIONS, Result, marked_keys, marker
from bot.actions.write_once import marker_line
from bot.operations.history import report
from bot.operations.history.deliveries import DeliveryHistory
from bot.operations.history.records import ActionRow, DeliveryDetail
from luggage.github import GithubApp, NotFound
from luggage.jobs import JobRow, Queue
from luggage.telemetry.redact import one_line

_MARKER = re.compile(r"(?:<!-- *)?(?:portmanteau:)?([0-9a-f]{24})(?: *-->)?")
_IN_TEXT = re.compile(marker_line("([0-9a-f]{24})"))
_NAME = r"(?!\.{1,2}/)([A-Za-z0-9._-]+/(?!\.{1,2}/)[A-Za-z0-9._-]+)"
# The name of each kind of comment at the end of its web address, and in GitHub's API.
_PAGE = re.compile(
    rf"https?://[^/\s]+/{_NAME}/(?:issues|pull)/\d+#(issuecomment-|discussion_r)(\d+)"
)
_API = re.compile(rf"https?://[^/\s]+/(?:api/v3/)?repos/{_NAME}/(issues|pulls)/comments/(\d+)")
_ISSUE = re.compile(rf"https?://[^/\s]+/(?:(?:api/v3/)?repos/)?{_NAME}/issues/(\d+)/?")
_ANCHORS = {"issues": "issuecomment-", "pulls": "discussion_r"}
_KINDS = {anchor: kind for kind, anchor in _ANCHORS.items()}
_KEYS_PAGE = 5000


class NotOurs(Exception):  # noqa: N818
    """The bot knows no action that wrote this; the message says what it searched for."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment at GitHub: the repository, `issues` or `pulls` as its API has it, and its id."""

    repository: str
    kind: str
    id: int

    @property
    def path(self) -> str:
        """The path in GitHub's API."""
        return f"/repos/{self.repository}/{self.kind}/comments/{self.id}"


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue that the bot may have opened itself."""

    repository: str
    number: int

    @property
    def path(self) -> str:
        """The path in GitHub's API."""
        return f"/repos/{self.repository}/issues/{self.number}"


@dataclass(frozen=True, slots=True)
class Marker:
    """The hidden line of a comment; `name` is the part that differs."""

    name: str


Said = Comment | Issue | Marker


@dataclass(frozen=True)
class AtGithub:
    """The texts at GitHub, read through clients that refuse every write.

    Both methods raise luggage.github's RequestFailed.
    """

    app: GithubApp

    def read(self, wanted: Comment | Issue) -> Mapping[str, Any]:
        """The comment or issue. GitHub: "Get a repository installation", "Get an issue comment"."""
        owner, _, name = wanted.repository.partition("/")
        installation = self.app.app_client.read_only().get(
            "/repos/{owner}/{name}/installation", owner=owner, name=name
        )
        found: Mapping[str, Any] = (
            self.app.client_for(installation["id"]).read_only().get(wanted.path)
        )
        return found

    def login(self) -> str:
        """The login under which the bot writes."""
        return f"{self.app.app_client.read_only().get('/app')['slug']}[bot]"


@dataclass(frozen=True, slots=True)
class Answer:
    """The action that wrote a text, and the delivery that led to it."""

    action: ActionRow
    delivery: DeliveryDetail


def said(text: str) -> Said | None:
    """What an address or a marker names; None for any other text. Pure."""
    text = text.strip()
    if found := _MARKER.fullmatch(text):
        return Marker(found[1])
    if found := _PAGE.fullmatch(text):
        return Comment(found[1], _KINDS[found[2]], int(found[3]))
    if found := _API.fullmatch(text):
        return Comment(found[1], found[2], int(found[3]))
    if found := _ISSUE.fullmatch(text):
        return Issue(found[1], int(found[2]))
    return None


class Why:
    """Searches for what the bot wrote, first in the queue. `ask` is None without GitHub."""

    def __init__(self, history: DeliveryHistory, queue: Queue, ask: AtGithub | None) -> None:
        self._history = history
        self._queue = queue
        self._ask = ask

    def __call__(self, wanted: Said) -> Answer:
        """The action and the delivery. Changes nothing.

        Raises NotOurs where there is none; luggage.github's RequestFailed where GitHub could not be
        asked.
        """
        match wanted:
            case Marker(name):
                job = self._by_marker(name)
            case _:
                job = self._by_answer(wanted) or self._by_text(wanted)
        if job is None:
            raise NotOurs(f"no action of this bot is known that wrote {one_line(_words(wanted))}")
        return self._answer(job)

    def _answer(self, job: JobRow) -> Answer:
        action = self._history.action(job)
        return Answer(action, self._history.because_of(job))

    def _by_answer(self, wanted: Comment | Issue) -> JobRow | None:
        """The action whose stored result is this comment or issue."""
        for words in _recorded(wanted):
            for job in self._queue.answered(ACTIONS, words):
                return job
        return None

    def _by_marker(self, name: str) -> JobRow | None:
        """The newest action whose key makes this marker. Reads all keys: some 5 s for a million."""
        before: int | None = None
        while page := self._queue.keys(ACTIONS, before=before, limit=_KEYS_PAGE):
            for job_id, key in page.items():
                if any(name in marker(each) for each in marked_keys(key)):
                    return self._queue.get(job_id)
            before = min(page)
        return None

    def _by_text(self, wanted: Comment | Issue) -> JobRow | None:
        """The action whose marker is in the text at GitHub, if the bot wrote that text.

        None where GitHub has no such text, or does not show it to the bot.
        """
        if self._ask is None:
            return None
        try:
            found = self._ask.read(wanted)
        except NotFound:
            return None
        author = (found.get("user") or {}).get("login")
        if author != self._ask.login():
            raise NotOurs(f"it was written by {one_line(str(author))}, not by this bot")
        marked = _IN_TEXT.search(found.get("body") or "")
        return None if marked is None else self._by_marker(marked[1])


def _recorded(wanted: Comment | Issue) -> Iterator[str]:
    """The words that the stored result of such an action contains."""
    if isinstance(wanted, Issue):
        yield Result.words_of_url(f"/{wanted.repository}/issues/{wanted.number}")
        return
    yield Result.words_of_url(f"#{_ANCHORS[wanted.kind]}{wanted.id}")
    # GitHub may leave the address out.
    yield Result.of_comment({"id": wanted.id}).words()


def _words(wanted: Said) -> str:
    return marker_line(wanted.name) if isinstance(wanted, Marker) else wanted.path


def story(answer: Answer) -> Iterator[str]:
    """The answer in lines for people."""
    action, delivery = answer.action, answer.delivery
    yield f"{action.words}: {report.state_words(action)}"
    yield from report.action_facts(action)
    if not action.rule:
        yield f"{report.INDENT}its rule and settings have expired with its text"
    yield ""
    yield "because of"
    yield from report.delivery_facts(delivery)
    yield ""
    yield f"`deliveries show {delivery.row.guid}` tells what else came of it"
