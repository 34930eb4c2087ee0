"""The settings that hold for a delivery: the operator's, and over them `.github/bot.toml`.

The file of the organisation's `.github` repository lies over the operator's settings, that of the
repository over both; each is read from its default branch alone, so that nobody can set the bot by
a branch or a fork. What was read is kept in the database, for all processes: a delivery whose files
are known costs no request. A push that touches a file has it read again; should that push be
missed, the file is read again RECHECK_SECONDS later, with its ETag.

A file that cannot be used changes nothing: the last good settings hold, and the trouble is told to
whoever can mend it (bot.settings.complaints).
"""

import base64
import binascii
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import Engine, bindparam, or_, select, update

from bot.events import SCHEDULE, Event
from bot.rule import Rule
from bot.settings.layers import Layer, PolicyError, Settings, is_single, parse, read, read_text
from bot.store.tables import settings_file as table
from luggage.database import asking, writing
from luggage.database.upsert import inserting
from luggage.github.errors import Forbidden, NotFound, RequestFailed

FILE = ".github/bot.toml"
# The longest time for which a change can go unseen whose push was never delivered.
RECHECK_SECONDS = 900.0
# The same for scheduled rules, which look through repositories where nothing may ever happen.
SCHEDULED_SECONDS = 24 * 3600.0
# GitHub's API may still show the old file when the push is told; then it is looked at again.
LAG_SECONDS = 30.0
_KEPT_LAYERS = 128
# The `sha` of a file of which no more is known than that it was pushed.
_UNREAD = "unread"

# Built once, which takes longer than asking it; it is asked for each delivery.
_KNOWN = select(table).where(
    or_(table.c.repository == bindparam("lower"), table.c.repository == bindparam("upper"))
)

log = logging.getLogger(__name__)


class ContentsClient(Protocol):
    """A client that can `GET`, with names put into the path."""

    def get(
        self, path: str, /, *, params: Mapping[str, object] | None = None, **names: str | int
    ) -> Any:
        """The decoded JSON of GitHub's answer; raises luggage.github's RequestFailed."""


@dataclass(frozen=True, slots=True)
class File:
    """A settings file as GitHub has it: `sha` names the text, "" where there is no file.

    `fault` says why it could not be read as a text, "" where it could.
    """

    sha: str = ""
    text: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the file of a repository.

    `text` is the last good one. `problems` are those of the present one, a line each, "" for none;
    `serial` counts how often they changed. `checked_at` is when it was last looked at, in epoch
    seconds; 0 when it must be looked at again.
    """

    repository: str
    text: str = ""
    sha: str = ""
    problems: str = ""
    serial: int = 0
    checked_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Effective:
    """The settings that hold somewhere, and what is known of the files that they come from."""

    settings: Settings
    files: tuple[Known, ...] = ()


class SettingsFiles:
    """What is known of the settings files. Threads and processes share it through the database.

    `rules` are those that can be set; `base` are the operator's settings. `clock` gives epoch
    seconds.
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
        self._kept_layer = lru_cache(_KEPT_LAYERS)(self._read_layer)

    def heard(self, event: Event) -> bool:
        """Whether an event tells of a change of a settings file, which is then to be read again.

        Safe to repeat.
        """
        push, repository = event.push, event.repository
        if push is None or repository is None or not push.default or not push.touches(FILE):
            return False
        unread = asdict(Known(repository.full_name.lower(), sha=_UNREAD))
        with writing(self._engine) as connection:
            insert = inserting(connection, table).values(unread)
            again = {"checked_at": 0.0}
            connection.execute(
                insert.on_conflict_do_update(index_elements=["repository"], set_=again)
            )
        return True

    def remembered(self, event: Event) -> Settings | None:
        """What holds for an event as far as is known, without a request; None for unread files."""
        names = _sources(event)
        known = self._known(names)
        if any(name not in known or known[name].sha == _UNREAD for name in names):
            return None
        return self._base.under(*(self._layer(known[name].text, name) for name in names))

    def tried(self, event: Event, repository: str, tried: Layer) -> tuple[Settings, Settings]:
        """What holds for an event as far as is known, and what would with this layer for a file.

        No request is made; the file counts where it would: for events of its repository, or of its
        organisation.
        """
        names = _sources(event)
        known = self._known(names)
        present = {name: self._layer(known[name].text, name) for name in names if name in known}
        changed = {**present, repository.lower(): tried}
        layers = (
            tuple(given[name] for name in names if name in given) for given in (present, changed)
        )
        before, after = (self._base.under(*each) for each in layers)
        return before, after

    def effective(self, client: ContentsClient, event: Event) -> Effective:
        """What holds for an event. One request for each file that has to be looked at.

        Raises RequestFailed where GitHub cannot be asked for a file that was never read; for one
        that was, the last good settings hold. Safe to repeat.
        """
        names = _sources(event)
        known = self._known(names)
        patience = SCHEDULED_SECONDS if event.name == SCHEDULE else RECHECK_SECONDS
        files = tuple(self._current(client, name, known.get(name), patience) for name in names)
        layers = tuple(self._layer(file.text, file.repository) for file in files)
        return Effective(self._base.under(*layers), files)

    def _known(self, names: Sequence[str]) -> Mapping[str, Known]:
        if not names:
            return {}
        asked = {"lower": names[0], "upper": names[-1]}
        with asking(self._engine) as connection:
            rows = connection.execute(_KNOWN, asked).mappings().all()
        return {row["repository"]: Known(**row) for row in rows}

    def _current(
        self, client: ContentsClient, name: str, known: Known | None, patience: float
    ) -> Known:
        now = self._clock()
        if known is not None and now - known.checked_at < patience:
            return known
        try:
            file = fetch(client, name)
        except RequestFailed as error:
            if known is None or known.sha == _UNREAD:
                raise
            log.warning("%s of %s could not be looked at: %s", FILE, name, error)
            return known
        seen = self._seen(known or Known(name, checked_at=now), file, now)
        return seen if self._keep(known, seen) else self._known([name])[name]

    def _seen(self, known: Known, file: File, now: float) -> Known:
        """What is known once `file` was seen."""
        problems = self._problems(file, known.repository)
        pushed = known.checked_at == 0.0 and known.sha == file.sha
        return Known(
            repository=known.repository,
            text=known.text if problems else file.text,
            sha=file.sha,
            problems=problems,
            serial=known.serial + (problems != known.problems),
            checked_at=now - RECHECK_SECONDS + LAG_SECONDS if pushed else now,
        )

    def _problems(self, file: File, repository: str) -> str:
        if file.fault:
            return f"{FILE} {file.fault}"
        try:
            single = is_single(repository)
            read_text(self.rules, file.text, source=FILE, single=single)
        except PolicyError as error:
            return "\n".join(problem.of(FILE) for problem in error.problems)
        return ""

    def _keep(self, known: Known | None, seen: Known) -> bool:
        """Keep what was seen, unless somebody has kept something since `known` was read."""
        row = asdict(seen)
        with writing(self._engine) as connection:
            if known is None:
                insert = inserting(connection, table).values(row)
                return connection.execute(insert.on_conflict_do_nothing()).rowcount == 1
            same = table.c.repository == known.repository
            unchanged = table.c.checked_at == known.checked_at
            change = update(table).where(same, unchanged).values(row)
            return connection.execute(change).rowcount == 1

    def _layer(self, text: str, repository: str) -> Layer:
        return self._kept_layer(text, single=is_single(repository))

    def _read_layer(self, text: str, *, single: bool) -> Layer:
        """The layer in a text that was good once; an upgrade may have made parts of it wrong.

        Those parts are left out, and the others hold: what was switched off stays switched off.
        """
        values = parse(text, source=FILE)
        try:
            return read(self.rules, values, single=single)
        except PolicyError as error:
            sound = {name: dict(part) for name, part in values.items() if isinstance(part, dict)}
            for problem in error.problems:
                _remove(sound, problem.path)
            return read(self.rules, sound, single=single)


def fetch(client: ContentsClient, repository: str, *, ref: str | None = None) -> File:
    """The settings file of a repository, on its default branch or at a commit; one request.

    Raises RequestFailed where GitHub cannot be asked. GitHub: "Get repository content", which gives
    files of up to 1 MB.
    """
    owner, _, name = repository.partition("/")
    try:
        answer = client.get(
            f"/repos/{{owner}}/{{name}}/contents/{FILE}",
            params=None if ref is None else {"ref": ref},
            owner=owner,
            name=name,
        )
    except NotFound:
        return File()
    except Forbidden:
        # An installation whose owner has not yet granted "contents" must not stand still.
        log.warning("%s of %s may not be read: the App lacks the permission", FILE, repository)
        return File()
    return _file(answer)


def _file(answer: Any) -> File:
    if not isinstance(answer, Mapping) or answer.get("type") != "file":
        return File(sha="none", fault="must be a file, not a directory, link or submodule")
    sha = str(answer.get("sha"))
    if answer.get("encoding") != "base64":
        return File(sha=sha, fault="is too large; a settings file has at most 64 KiB")
    try:
        return File(sha=sha, text=base64.b64decode(answer["content"]).decode())
    except (UnicodeDecodeError, binascii.Error):
        return File(sha=sha, fault="is not UTF-8, as TOML must be; save it so")


def _sources(event: Event) -> list[str]:
    """The repositories whose files hold for an event, the lowest first, in lower case."""
    repository = event.repository.full_name.lower() if event.repository else ""
    owner = repository.partition("/")[0] or (event.organization or "").lower()
    return list(dict.fromkeys(name for name in (f"{owner}/.github", repository) if owner and name))


def _remove(tables: dict[str, dict[str, Any]], path: tuple[str | int, ...]) -> None:
    """Take the setting that a path leads into out of its table; or the table itself."""
    rule = str(path[0])
    if len(path) == 1:
        tables.pop(rule, None)
    else:
        tables.get(rule, {}).pop(str(path[1]), None)
