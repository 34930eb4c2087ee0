"""Rows of the campaign: a fault, its promise, and the measured figures."""

import contextlib
import importlib
import os
import platform
import random
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from luggage.fake_github import FakeGithub
from tests.faults.load import Sender, Town, Verdict, judge
from tests.faults.site import BOTH, PATIENCE_SECONDS, POSTGRESQL, SCALED, SCALED_PACE, Site
from tests.support.needs import AbsentError
from tests.support.postgresql import Server, running_server
from tests.support.running import ROOT

ROWS = Path(__file__).parent / "rows"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A fault; `full` and `short` are sizes, in the unit that `size` names."""

    name: str
    fault: str
    target: str
    size: str
    full: float
    short: float
    run: Callable[["Run"], None]
    databases: tuple[str, ...] = BOTH
    short_databases: tuple[str, ...] | None = None


def rows() -> dict[str, Row]:
    """All rows in order: their files begin with a number."""
    found = [
        importlib.import_module(f"tests.faults.rows.{path.stem}").ROW
        for path in sorted(ROWS.glob("r[0-9]*.py"))
    ]
    return {row.name: row for row in found}


@dataclass
class Run:
    """A run of a row on one database: its dependencies and results."""

    row: Row
    database: str
    seed: int
    size: float
    short: bool
    server: Server | None
    home: Path
    say: Callable[[str], None]
    figures: dict[str, Any] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    left_out: list[AbsentError] = field(default_factory=list)
    senders: list[Sender] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(f"{self.row.name} {self.database} {self.seed}")
        self._fakes = 0

    @property
    def count(self) -> int:
        """The size as a whole number."""
        return int(self.size)

    def github(self, **settings: Any) -> FakeGithub:
        """A simulated GitHub without tight limits, unless the row is about them."""
        settings = {"requests_per_hour": 10_000_000, **settings}
        return FakeGithub(private_key=_private_key(), **settings)

    @contextlib.contextmanager
    def site(
        self,
        fake: FakeGithub,
        *,
        scaled: bool | None = None,
        settings: Mapping[str, str] | None = None,
        on: Callable[[Path], contextlib.AbstractContextManager[None]] | None = None,
        over_a_line: bool = False,
        **orders: Any,
    ) -> Iterator[Site]:
        """A site on the row's database; `scaled` shortens times, by default in the short form."""
        self._fakes += 1
        home = self.home / f"site{self._fakes}"
        home.mkdir()
        with on(home) if on else contextlib.nullcontext():
            yield from self._site(fake, home, scaled, settings, over_a_line, orders)

    def _site(
        self,
        fake: FakeGithub,
        home: Path,
        scaled: bool | None,
        settings: Mapping[str, str] | None,
        over_a_line: bool,
        orders: dict[str, Any],
    ) -> Iterator[Site]:
        shortened = self.short if scaled is None else scaled
        times = {**(SCALED if shortened else {}), **orders.pop("times", {})}
        given = {"BOT_WRITE_LIMITS": SCALED_PACE} if self.short or shortened else {}
        orders = {"times": times, **orders}
        settings = {**given, **(settings or {})}
        patience = 180.0 if self.short else PATIENCE_SECONDS
        how = (fake, orders, settings, self.say)
        with Site(
            self.database, home, self.server, *how, over_a_line=over_a_line, patience=patience
        ) as site:
            yield site

    def town(self, fake: FakeGithub, organizations: int) -> Town:
        """The people at that GitHub."""
        return Town(fake, organizations=organizations, seed=self.seed)

    def sender(self, site: Site, **how: Any) -> Sender:
        """A poster of deliveries to a site."""
        self.senders.append(Sender(site.port, **how))
        return self.senders[-1]

    def progress(self, what: str, total: float) -> Callable[[int], None]:
        """A progress callback that prints ten times."""
        step = max(1, int(total / 10))

        def said(count: int) -> None:
            if count % step == 0:
                self.say(f"{count} of {int(total)} {what}")

        return said

    def note(self, **figures: Any) -> None:
        """Keep figures; underscores in their names become spaces."""
        self.figures.update({name.replace("_", " "): value for name, value in figures.items()})

    def leave_out(self, what: str, error: AbsentError) -> None:
        """Leave out a part whose dependency is absent."""
        self.left_out.append(error)
        self.note(**{what: f"not run ({error})"})
        self.say(f"{what}: not run ({error})")

    def judge(self, fake: FakeGithub, deliveries: Any, *, under: str = "") -> Verdict:
        """Judge the result: 0 lost, 0 repeated, in order. Keeps the figures, returns the verdict.

        A run with several verdicts sums their figures; `under` names the one that fails.
        """
        verdict = judge(fake, deliveries)
        for name in ("deliveries", "accepted", "lost", "repeated", "out_of_order"):
            words = name.replace("_", " ")
            self.figures[words] = self.figures.get(words, 0) + getattr(verdict, name)
        self.expect(verdict.clean, f"{under} {'; '.join(verdict.examples)}".strip())
        return verdict

    def expect(self, holds: object, what: str) -> None:
        """Record a promise that was not kept; it is reported at the end, with all figures."""
        if not holds:
            self.missed.append(what)
            self.say(f"MISSED: {what}")

    def expect_in_time(self, holds: object, what: str) -> None:
        """Check a time limit, in full size only: CI's machine is shared."""
        self.expect(holds or self.short, what)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run."""

    row: Row
    database: str
    seed: int
    size: float
    short: bool
    seconds: float
    figures: Mapping[str, Any]
    missed: tuple[str, ...]
    left_out: tuple[AbsentError, ...]


def perform(
    row: Row,
    database: str,
    *,
    seed: int,
    short: bool,
    server: Server | None,
    size: float | None = None,
    say: Callable[[str], None] = lambda _line: None,
) -> Outcome:
    """Run a row on a database; broken promises do not raise, see `missed`."""
    size = size if size is not None else row.short if short else row.full
    began = time.monotonic()
    keep = os.environ.get("KEEP")
    with contextlib.ExitStack() as stack:
        if keep:
            home = Path(tempfile.mkdtemp(prefix=f"faults-{row.name}-"))
            say(f"files: {home}")
        else:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        run = Run(row, database, seed, size, short, server, home, say)
        try:
            row.run(run)
        except AssertionError as error:
            run.expect(False, str(error)[-2000:] or repr(error))  # noqa: FBT003
        for sender in run.senders:
            sender.close()
    return Outcome(
        row,
        database,
        seed,
        size,
        short,
        time.monotonic() - began,
        run.figures,
        tuple(run.missed),
        tuple(run.left_out),
    )


@contextlib.contextmanager
def postgresql(wanted: bool) -> Iterator[Server | None]:
    """The tests' PostgreSQL, if needed."""
    if not wanted:
        yield None
        return
    with tempfile.TemporaryDirectory() as home, running_server(Path(home) / "lock") as server:
        yield server


def versions(server: Server | None) -> str:
    """The versions of the run."""
    found = [f"CPython {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    if server is not None:
        with psycopg.connect(server.new_database()) as connection:
            found.append(f"PostgreSQL {connection.info.parameter_status('server_version')}")
    return ", ".join(
        [*found, f"{platform.system()} {platform.release()}", f"{os.cpu_count()} cores"]
    )


def commit() -> str:
    """The measured commit, with a plus if the tree, without the page, differs from it."""
    try:
        named = _git("rev-parse", "--short=7", "HEAD").strip()
        changed = _git("status", "--porcelain", "-uno", "--", ".", ":(exclude)docs/reliability.md")
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("COMMIT", "unknown")
    return named + "+" * bool(changed)


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def today() -> str:
    """The date, in UTC."""
    return datetime.now(UTC).date().isoformat()


def _private_key() -> str:
    """A private key, created once because that takes half a second."""
    if not _KEY:
        _KEY.append(FakeGithub().private_key)
    return _KEY[0]


_KEY: list[str] = []
__all__ = ["POSTGRESQL", "Outcome", "Row", "Run", "commit", "perform", "postgresql", "rows"]
