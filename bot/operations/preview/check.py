"""Check run on a pull request that changes the settings: its problems and its effect.

The file is read at the pull request's head commit, also from a fork: it is data, and nothing in it
runs. One request tells whether a pull request changes the file; most do not, and cost no more.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.actions import Action, CheckRun
from bot.actions.work import ReadingClient
from bot.events import Event
from bot.loop.reader import GithubReader
from bot.operations.preview.comparison import LAST, MOST_QUESTIONS, Preview, preview
from bot.operations.preview.past import Merges, Past, Questions, past_reader, stored
from bot.operations.preview.words import NAME, refusal, removal, report, unread
from bot.settings.files import FILE, SettingsFiles, fetch
from bot.settings.layers import Settings, is_single, read_text
from bot.store.people import People
from luggage.github import Client, Forbidden, NotFound
from luggage.jobs import Queue

EVENTS = frozenset({("pull_request", action) for action in ("opened", "synchronize", "reopened")})

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Previewer:
    """Creates previews; links point to `server_url`. Threads may share it."""

    queue: Queue
    people: People
    settings: SettingsFiles
    server_url: str = "https://github.com"
    name: str = NAME
    events: Collection[tuple[str, str]] = EVENTS

    def check(self, client: Client, event: Event) -> Sequence[Action]:
        """The check run for a pull request, if it changes the settings; raises RequestFailed."""
        repository, pull = event.repository, event.pull_request
        if repository is None or pull is None:
            return []
        change = _change(client, repository.full_name, pull.number)
        if change is None:
            return []
        if change == "removed":
            return [removal(repository.full_name, pull.head_sha)]
        return [self._verdict(client, repository.full_name, pull.head_sha)]

    def _verdict(self, client: Client, repository: str, commit: str) -> CheckRun:
        file = fetch(client, repository, ref=commit)
        if not file.sha:
            return unread(repository, commit)
        problems = self.settings.problems(file, repository)
        if problems:
            return refusal(repository, commit, problems)
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

        The file of an organisation's repository `.github` is tried on all its deliveries. Raises
        SettingsError for an invalid text.
        """
        single = is_single(repository)
        tried = read_text(self.settings.rules, text, source=FILE, single=single)
        questions = Questions(client, most)
        owner, _, name = repository.partition("/")
        pasts = stored(self.queue, owner if name == ".github" else repository, most=last)
        merges = Merges(pasts, questions)

        def settings(past: Past) -> tuple[Settings, Settings]:
            return self.settings.tried(past.event, repository, tried)

        def reader(past: Past) -> GithubReader:
            return past_reader(
                questions,
                self.people,
                self.queue,
                merges,
                received_at=past.received_at,
                since=pasts[0].received_at,
            )

        result = preview(self.settings.rules, pasts, settings, reader)
        result.questions = questions.asked
        return result


def _change(client: Client, repository: str, number: int) -> str | None:
    """GitHub's `status` of the file in a pull request, or None if it is unchanged.

    GitHub: "List pull requests files", which shows 3,000 at most. A deleted pull request changes
    nothing.
    """
    owner, _, name = repository.partition("/")
    path = "/repos/{owner}/{name}/pulls/{number}/files"
    try:
        for each in client.pages(path, owner=owner, name=name, number=number):
            if each["filename"] == FILE:
                return str(each["status"])
            if each.get("previous_filename") == FILE:
                return "removed"
    except (Forbidden, NotFound) as error:
        log.warning("cannot list the files of %s#%s: %s", repository, number, error)
    return None
