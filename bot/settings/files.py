"""Settings files: `.github/bot.toml` of organisations and repositories, cached in the database.

A repository's file lies over the one in the organisation's `.github` repository, which lies over
the operator's settings (bot.settings.merge). The bot only reads the default branch, so a branch or
fork cannot change settings. It reads a file again after a push that touches it, and RECHECK_SECONDS
later in case it missed that push. If a file is invalid, the bot keeps using the last valid settings
and opens an issue, one for each repository. It closes that when the file is valid again.

A file is only absent if GitHub says 404 for the file and shows its repository. Whatever else GitHub
answers (a missing permission, a hidden repository, a suspension, an IP allow list, an outage)
leaves the last valid settings. A file that was never read is waited for.
"""

import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import Engine, bindparam, case, or_, select, update

from bot.actions import KeepIssue, limits
from bot.events import SCHEDULE, Event
from bot.options.kinds import Problem, messages
from bot.rule import Rule
from bot.settings.layers import (
    MOST_BYTES,
    Layer,
    Settings,
    SettingsError,
    decode,
    placed,
    read_stored,
    read_text,
)
from bot.store.tables import settings_file as table
from luggage.database import asking, writing
from luggage.database.upsert import insert_once, inserting
from luggage.github.errors import Forbidden, Invalid, NotFound, RequestFailed, Transient

FILE = ".github/bot.toml"
# The bot rechecks a file after this time, in case GitHub never delivered the push.
RECHECK_SECONDS = 900.0
# The same for scheduled rules, which also visit repositories without any activity.
SCHEDULED_SECONDS = 24 * 3600.0
# GitHub's API may still return the old file just after a push, so the bot rechecks it once.
LAG_SECONDS = 30.0
# The rule name in the records of complaints.
SETTINGS = "settings"

_BROKEN = """\
There are problems in `{file}`:

```text
{problems}
```

The numbers are the line and the column. Where a setting is ignored, I use the rest of the file. \
For any other problem I do not use the file: until it is fixed, I {fallback}.

**To fix it**, change the file on the default branch. A pull request is best, because I check the \
file there before you merge it, and show what it would change. I will close this issue when the \
file is valid again.
"""
_FIXED = """\
`{file}` is valid again, and I am using it from now on. Thank you!
"""
_CACHED_LAYERS = 128
# The `sha` of a file that was pushed but never read, or whose stored text cannot be read.
_UNREAD = "unread"
_TOO_LARGE = Problem((), f"is too large; the limit is {MOST_BYTES // 1024} KiB")
_NO_FILE = Problem((), "must be a file, not a directory, link or submodule")
_ABSENT = 404
# GitHub's message if the installation lacks the permission `contents`; other 403s, such as those of
# an IP allow list, do not say so.
_NO_PERMISSION = "Resource not accessible"

# Runs for each delivery. Building it takes longer than executing it.
_KNOWN = select(table).where(
    or_(table.c.repository == bindparam("lower"), table.c.repository == bindparam("upper"))
)

log = logging.getLogger(__name__)


class ContentsClient(Protocol):
    """A client that can `GET`, with names filled into the path."""

    def get(
        self, path: str, /, *, params: Mapping[str, object] | None = None, **names: str | int
    ) -> Any:
        """The decoded JSON of GitHub's answer; raises luggage.github's RequestFailed."""


@dataclass(frozen=True, slots=True)
class File:
    """A settings file at GitHub; `sha` is "" if there is none.

    `faults` say why its text cannot be read; none if it can.
    """

    sha: str = ""
    text: str = ""
    faults: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """The cached settings file of a repository.

    `text` is the last valid text. `problems` are the messages about the current text, one per line:
    why it is invalid, or which of its values are ignored. `serial` counts how often they changed.
    `checked_at` is the time of the last check in epoch seconds, or 0 if a check is due.
    """

    repository: str
    text: str = ""
    sha: str = ""
    problems: str = ""
    serial: int = 0
    checked_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Effective:
    """The settings for an event, and the files that they come from."""

    settings: Settings
    files: tuple[Known, ...] = ()


class SettingsFiles:
    """The cache of settings files; threads and processes share it through the database.

    `rules` are all rules, `base` the operator's settings. `clock` returns epoch seconds.
    """

    def __init__(
        self,
        engine: Engine,
        rules: Sequence[Rule[Any]],
        base: Settings,
        *,
        clock: Callable[[], float],
    ) -> None:
        self.rules = rules
        self._engine = engine
        self._base = base
        self._clock = clock
        self._read_layer = lru_cache(_CACHED_LAYERS)(self._read_layer_uncached)

    def heard(self, event: Event) -> bool:
        """Expire the file that an event changed; returns whether it changed one. Safe to repeat."""
        push, repository = event.push, event.repository
        if push is None or repository is None or not push.default or not push.touches(FILE):
            return False
        unread = asdict(Known(repository.full_name.lower(), sha=_UNREAD))
        with writing(self._engine) as connection:
            insert = inserting(connection, table).values(unread)
            # Where there was no file, there may be one now, and its settings are not known.
            sha = case((table.c.sha == "", _UNREAD), else_=table.c.sha)
            expired = {"checked_at": 0.0, "sha": sha}
            connection.execute(
                insert.on_conflict_do_update(index_elements=["repository"], set_=expired)
            )
        return True

    def remembered(self, event: Event) -> Settings | None:
        """The settings for an event from the cache, or None if a file was never read."""
        names = _sources(event)
        known = self._known(names)
        if any(name not in known or known[name].sha == _UNREAD for name in names):
            return None
        return self._settings([known[name] for name in names])

    def tried(self, event: Event, repository: str, tried: Layer) -> tuple[Settings, Settings]:
        """The settings for an event, and those with `tried` instead of the file of `repository`.

        Uses only the cache. `tried` applies to events of its repository or organisation.
        """
        names = _sources(event)
        known = self._known(names)
        before = {name: self._layer(known[name]) for name in names if name in known}
        after = {**before, repository.lower(): tried}
        return self._over({name: before[name] for name in names if name in before}), self._over(
            {name: after[name] for name in names if name in after}
        )

    def effective(self, client: ContentsClient, event: Event) -> Effective:
        """The settings for an event; makes one request per stale file. Safe to repeat.

        Raises RequestFailed if GitHub does not answer and the file was never read. If it was, the
        last valid settings apply. Without the permission to read files, a file that was never read
        counts as empty: the bot must work until an owner grants the permission.
        """
        names = _sources(event)
        known = self._known(names)
        max_age = SCHEDULED_SECONDS if event.name == SCHEDULE else RECHECK_SECONDS
        settings, files = self._base, []
        for name in names:
            file = self._current(client, name, known.get(name), max_age, settings)
            settings = settings.under(self._layer(file), name)
            files.append(file)
        return Effective(settings, tuple(files))

    def problems(self, file: File) -> Sequence[Problem]:
        """The problems of a settings file, with their lines; empty for a valid one. Pure."""
        if file.faults:
            return file.faults
        try:
            read_text(self.rules, file.text, source=FILE)
        except SettingsError as error:
            return error.problems
        return []

    def ignored(self, text: str, repository: str) -> Sequence[Problem]:
        """The values in a valid text that have no effect as a repository's file, and why.

        Uses the cache alone.
        """
        names = _sources_of(repository)[:-1]
        known = self._known(names)
        wider = {name: self._layer(known[name]) for name in names if name in known}
        return self._ignored(text, repository, self._over(wider))

    def _ignored(self, text: str, repository: str, wider: Settings) -> Sequence[Problem]:
        settings = wider.under(self._read_layer(text) or {}, repository)
        return placed(settings.ignored(self.rules, repository), text)

    def _known(self, names: Sequence[str]) -> Mapping[str, Known]:
        if not names:
            return {}
        with asking(self._engine) as connection:
            rows = connection.execute(_KNOWN, {"lower": names[0], "upper": names[-1]}).mappings()
            return {row["repository"]: self._readable(Known(**row)) for row in rows}

    def _readable(self, known: Known) -> Known:
        """The entry, or an unread one if another version of the bot stored what none can read."""
        if self._read_layer(known.text) is not None:
            return known
        log.warning("the stored settings of %s cannot be read; reading again", known.repository)
        return replace(known, text="", sha=_UNREAD)

    def _current(
        self,
        client: ContentsClient,
        name: str,
        known: Known | None,
        max_age: float,
        wider: Settings,
    ) -> Known:
        now = self._clock()
        is_unread = known is None or known.sha == _UNREAD
        if known is not None and not is_unread and now - known.checked_at < max_age:
            return known
        before = known or Known(name, checked_at=now)
        try:
            file = _fetch_again(client, before)
        except RequestFailed as error:
            may_not = _may_not_read(error)
            if is_unread and not may_not:
                raise _awaited(error) from error
            log.warning("cannot check %s of %s: %s", FILE, name, error)
            if not may_not:
                return before
            checked = _unchanged(before, now)
        else:
            checked = self._checked(before, file, now, wider) if file else _unchanged(before, now)
        return checked if self._save(known, checked) else self._known([name])[name]

    def _checked(self, known: Known, file: File, now: float, wider: Settings) -> Known:
        """The new cache entry after GitHub returned `file`."""
        invalid = self.problems(file)
        found = invalid or self._ignored(file.text, known.repository, wider)
        problems = "\n".join(messages(found, FILE))
        lags = known.checked_at == 0.0 and (file.sha or _UNREAD) == known.sha
        return Known(
            repository=known.repository,
            text=known.text if invalid else file.text,
            sha=file.sha,
            problems=problems,
            serial=known.serial + (problems != known.problems),
            checked_at=now - RECHECK_SECONDS + LAG_SECONDS if lags else now,
        )

    def _save(self, known: Known | None, checked: Known) -> bool:
        """Store a cache entry, unless another process has stored one since `known` was read."""
        row = asdict(checked)
        with writing(self._engine) as connection:
            if known is None:
                return insert_once(connection, table, row)
            same = table.c.repository == known.repository
            unchanged = table.c.checked_at == known.checked_at
            change = update(table).where(same, unchanged).values(row)
            return connection.execute(change).rowcount == 1

    def _settings(self, files: Sequence[Known]) -> Settings:
        return self._over({file.repository: self._layer(file) for file in files})

    def _over(self, layers: Mapping[str, Layer]) -> Settings:
        """The operator's settings under the layers of files, by repository."""
        settings = self._base
        for repository, layer in layers.items():
            settings = settings.under(layer, repository)
        return settings

    def _layer(self, file: Known) -> Layer:
        return self._read_layer(file.text) or {}

    def _read_layer_uncached(self, text: str) -> Layer | None:
        return read_stored(self.rules, text)


def fetch(client: ContentsClient, repository: str, *, ref: str | None = None) -> File:
    """The settings file of a repository, on its default branch or at a commit; one request.

    A file that GitHub does not show has no `sha`: it is absent, or the repository is hidden.

    Raises RequestFailed if GitHub does not answer, or refuses; Transient for an answer that is no
    file. GitHub: "Get repository content", which returns files of up to 1 MB.
    """
    owner, _, name = repository.partition("/")
    try:
        answer = client.get(
            f"/repos/{{owner}}/{{name}}/contents/{FILE}",
            params=None if ref is None else {"ref": ref},
            owner=owner,
            name=name,
        )
    except NotFound as error:
        if error.status != _ABSENT:
            raise
        return File()
    except Forbidden as error:
        if not any(each.code == "too_large" for each in error.fields):
            raise
        return File(sha="none", faults=(_TOO_LARGE,))
    try:
        return _file(answer)
    except (KeyError, TypeError, ValueError):
        path = f"/repos/{repository}/contents/{FILE}"
        raise Transient("the response is not a file", method="GET", path=path) from None


def _fetch_again(client: ContentsClient, known: Known) -> File | None:
    """The file now, or None if a file that was there cannot be seen; one more request for a 404.

    GitHub answers 404 both for a file that was deleted and for a repository that was deleted,
    renamed or taken from the App. Only the first takes the settings away.
    """
    file = fetch(client, known.repository)
    if file.sha or known.sha in {"", _UNREAD}:
        return file
    owner, _, name = known.repository.partition("/")
    try:
        client.get("/repos/{owner}/{name}", owner=owner, name=name)
    except NotFound as error:
        log.warning("keeping the settings of %s, which is hidden: %s", known.repository, error)
        return None
    return file


def _may_not_read(error: RequestFailed) -> bool:
    """Whether GitHub would refuse again: the App lacks the permission `contents`."""
    return isinstance(error, Forbidden) and error.message.startswith(_NO_PERMISSION)


def _awaited(error: RequestFailed) -> RequestFailed:
    """The error for a file that was never read: no refusal is final, so the delivery waits."""
    return error.as_a(Transient) if isinstance(error, Forbidden | NotFound | Invalid) else error


def _unchanged(known: Known, now: float) -> Known:
    """The cache entry after a check that showed nothing new; an unread file counts as empty."""
    return replace(known, sha="" if known.sha == _UNREAD else known.sha, checked_at=now)


def _file(answer: Any) -> File:
    """The file in GitHub's answer; raises KeyError, TypeError, ValueError if it is malformed."""
    if isinstance(answer, list) or answer["type"] != "file" or answer.get("submodule_git_url"):
        return File(sha="none", faults=(_NO_FILE,))
    sha = str(answer["sha"])
    if answer["encoding"] != "base64":
        return File(sha=sha, faults=(_TOO_LARGE,))
    data = base64.b64decode(answer["content"])
    if not data and answer.get("size"):
        raise ValueError("GitHub left the content out")
    try:
        return File(sha=sha, text=decode(data, source=FILE))
    except SettingsError as error:
        return File(sha=sha, faults=error.problems)


def _sources(event: Event) -> list[str]:
    """The repositories whose files apply to an event, lowest layer first, in lower case."""
    repository = event.repository.full_name.lower() if event.repository else ""
    return _sources_of(repository or f"{event.organization or ''}/.github".lower())


def _sources_of(repository: str) -> list[str]:
    repository = repository.lower()
    owner, _, name = repository.partition("/")
    return list(dict.fromkeys((f"{owner}/.github", repository))) if owner and name else []


def complaint(file: Known) -> KeepIssue | None:
    """The issue about a file, open or closed; None for a file that has always been valid. Pure.

    Safe to repeat: the same state of the file gives the same action.
    """
    if file.serial == 0:
        return None
    fallback = "keep using the last valid settings" if file.text else "use the default settings"
    text = _BROKEN.format(file=FILE, problems=_fenced(file.problems), fallback=fallback)
    return KeepIssue(
        about=f"settings {file.repository}",
        version=str(file.serial),
        repository=file.repository,
        title=f"Problems in {FILE}",
        text=text if file.problems else _FIXED.format(file=FILE),
        open=bool(file.problems),
    )


def _fenced(problems: str) -> str:
    """The problems without code fences, which a quoted line of the file may contain."""
    return limits.lines(problems.replace("```", "'''").split("\n"))
