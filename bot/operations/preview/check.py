"""Check run on a pull request that changes the settings: its problems and its effect.

The file is read at the pull request's head commit, also from a fork: it is data, and nothing in it
runs. One request tells whether a pull request changes the file; most do not, and cost no more.

Only authors with write access are shown the effect. It takes time and requests, and it names people
who are not members: strangers could have both by opening a pull request.
"""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import islice

from bot.actions import Action, CheckRun
from bot.actions.work import ReadingClient
from bot.events import Event, Person
from bot.facts import MOST_FILES
from bot.loop.reader import Accounts, GithubReader
from bot.operations.preview.comparison import (
    LAST,
    MOST_QUESTIONS,
    MOST_SECONDS,
    Preview,
    preview,
)
from bot.operations.preview.past import Merges, Past, Questions, past_reader, stored
from bot.operations.preview.words import NAME, refusal, removal, report, unread, valid
from bot.settings.files import FILE, File, SettingsFiles, fetch
from bot.settings.layers import Settings, read_text
from bot.store.people import People
from luggage.github import Ambiguous, Client, Forbidden, Invalid, RequestFailed
from luggage.jobs import Queue

_MAY_SEE = frozenset({"admin", "write"})
EVENTS = frozenset({("pull_request", action) for action in ("opened", "synchronize", "reopened")})

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Previewer:
    """Creates previews, each in `seconds`; links point to `server_url`. Threads may share it."""

    queue: Queue
    people: People
    settings: SettingsFiles
    server_url: str = "https://github.com"
    name: str = NAME
    events: Collection[tuple[str, str]] = EVENTS
    seconds: float = MOST_SECONDS
    # Seconds since any point in time.
    timer: Callable[[], float] = time.monotonic

    def check(self, client: Client, event: Event) -> Sequence[Action]:
        """The check run for a pull request, if it changes the settings; raises RequestFailed."""
        repository, pull = event.repository, event.pull_request
        if repository is None or pull is None:
            return []
        name, commit = repository.full_name, pull.head_sha
        change = _change(client, name, pull.number, commit)
        if change is None:
            return []
        if change == "removed":
            return [removal(name, commit)]
        return [self._verdict(client, name, commit, pull.author)]

    def _verdict(
        self, client: Client, repository: str, commit: str, author: Person | None
    ) -> CheckRun:
        file = _at_commit(client, repository, commit)
        if not file.sha:
            return unread(repository, commit)
        problems = self.settings.problems(file)
        if problems:
            return refusal(repository, commit, problems)
        accounts = Accounts(client, self.people)
        if author is None or accounts.permission(repository, author.login) not in _MAY_SEE:
            return valid(repository, commit)
        result = self.preview(file.text, repository, client=client, most=MOST_QUESTIONS)
        return report(repository, commit, result, server_url=self.server_url)

    def preview(
        self,
        text: str,
        repository: str,
        *,
        client: ReadingClient | None,
        most: int,
        last: int = LAST,
    ) -> Preview:
        """What `text` would do as a repository's settings file; asks `most` questions at most.

        When the previewer's `seconds` are over, the remaining deliveries are not judged.

        The file of an organisation's repository `.github` is tried on all its deliveries. Raises
        SettingsError for an invalid text.
        """
        begun = self.timer()

        def is_over() -> bool:
            return self.timer() - begun >= self.seconds

        tried = read_text(self.settings.rules, text, source=FILE)
        questions = Questions(client, most)
        owner, _, name = repository.partition("/")
        scope = owner if name == ".github" else repository
        pasts = stored(self.queue, scope, most=last, is_over=is_over)
        merges = Merges(pasts, questions)

        def settings(past: Past) -> tuple[Settings, Settings]:
            return self.settings.tried(past.event, repository, tried)

        def reader(past: Past) -> GithubReader:
            people, _renamed = self.people.read_only().seen(past.event.identities)
            return past_reader(
                questions,
                people,
                self.queue,
                merges,
                received_at=past.received_at,
                since=pasts[0].received_at,
            )

        result = preview(self.settings.rules, pasts, settings, reader, is_over)
        result.questions = questions.asked
        result.ignored = self.settings.ignored(text, repository)
        return result


def _change(client: Client, repository: str, number: int, commit: str) -> str | None:
    """GitHub's `status` of the file in a pull request, or None if it is unchanged.

    GitHub: "List pull requests files", of which the first MOST_FILES are read. Where GitHub does
    not list them, because the diff is too large, or lists more, the file at `commit` is compared
    with the one in force.
    """
    owner, _, name = repository.partition("/")
    path = "/repos/{owner}/{name}/pulls/{number}/files"
    try:
        files = client.pages(path, owner=owner, name=name, number=number)
        listed = list(islice(files, MOST_FILES))
        for each in listed:
            if each["filename"] == FILE:
                return str(each["status"])
            if each.get("previous_filename") == FILE:
                return "removed"
    except (Forbidden, Invalid, Ambiguous) as error:
        log.warning("cannot list the files of %s#%s: %s", repository, number, error)
        return _unlisted(client, repository, commit, error)
    return _unlisted(client, repository, commit) if len(listed) == MOST_FILES else None


def _unlisted(
    client: Client, repository: str, commit: str, error: RequestFailed | None = None
) -> str | None:
    """The change of a file whose pull request is not listed; None also for one that is not there.

    The branch may only be older than the file. Raises `error` then, if it may pass.
    """
    file = _at_commit(client, repository, commit)
    if file.sha:
        return "modified" if file.sha != fetch(client, repository).sha else None
    if isinstance(error, Ambiguous):
        raise error
    return None


def _at_commit(client: Client, repository: str, commit: str) -> File:
    """The file at a commit; one without `sha` if the App may not read it."""
    try:
        return fetch(client, repository, ref=commit)
    except Forbidden as error:
        log.warning("cannot read %s of %s at %s: %s", FILE, repository, commit, error)
        return File()
