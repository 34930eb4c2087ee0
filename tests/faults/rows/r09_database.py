"""Database outages: full, read-only, locked, restarted, or dead connections (some as root)."""

import contextlib
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import text

from luggage.fake_github import FakeGithub
from tests.faults.campaign import Row, Run
from tests.faults.lines import dead_line
from tests.faults.load import ACCEPTED, Delivery, Sender, Town, meanwhile
from tests.faults.site import SQLITE, Site
from tests.support import needs

_PER_SECOND = 10.0
_PROMISED_SECONDS = 30.0
# Space for deliveries while a busy machine catches up.
_DISK = "64m"

Fault = Callable[[Run, Site, threading.Event], contextlib.AbstractContextManager[None]]


def run(run: Run) -> None:
    """Run a bot for each fault: deliveries before, during and after it."""
    faults = _OF_SQLITE if run.database == SQLITE else _OF_POSTGRESQL
    for name, fault in faults.items():
        try:
            _try(run, name, fault)
        except needs.AbsentError as error:
            run.leave_out(name, error)


def _try(run: Run, name: str, fault: Fault) -> None:
    fake = run.github()
    town = run.town(fake, 60)
    deliveries: list[Delivery] = []
    on = _own_disk if name == "disk full" else None
    with run.site(fake, on=on, over_a_line=name == "half-open") as site:
        bot = site.run("start")
        site.until(site.answers, "the bot answers")
        with meanwhile(lambda stop: _load(run, site, town, deliveries, stop)):
            time.sleep(1.0)
            begin, struck = len(deliveries), threading.Event()
            with fault(run, site, struck):
                struck.wait(run.size)
            during, ended = len(deliveries), time.monotonic()
            back = _back(site, deliveries, during)
            time.sleep(1.0)
        site.drained()
        drained = time.monotonic() - ended
        answers = Counter(d.statuses[0] for d in deliveries[begin:during] if d.statuses)
        told = " ".join(f"{status or 'none'}:{n}" for status, n in sorted(answers.items()))
        run.note(**{f"{name}: answers": told, f"{name}: back after s": back})
        run.note(**{f"{name}: drained after s": drained})
        run.say(f"{name}: answers {told}; back after {back:.1f} s, drained after {drained:.1f} s")
        _conclude(run, name, site, fake, deliveries)
        run.expect(bot.lives, f"{name}: the supervisor has ended")
        run.expect_in_time(back <= _PROMISED_SECONDS, f"{name}: back after {back:.0f} s")
        run.expect(set(answers) <= {0, ACCEPTED, 503}, f"{name}: answers {told}")


def _conclude(
    run: Run, name: str, site: Site, fake: FakeGithub, deliveries: list[Delivery]
) -> None:
    stored = {row[0] for row in site.ask("SELECT key FROM job WHERE queue = 'delivery'")}
    false = [d.guid for d in deliveries if d.accepted and d.guid not in stored]
    run.note(**{f"{name}: false 202": len(false)})
    run.expect(not false, f"{name}: answered 202 and not stored: {false[:3]}")
    run.judge(fake, deliveries, under=name)


def _load(
    run: Run, site: Site, town: Town, deliveries: list[Delivery], stop: threading.Event
) -> None:
    """Posts at a steady pace without waiting for answers, as GitHub does."""
    threads = []
    for delivery in town.mixed(1_000_000, pings=1):
        if stop.wait(1.0 / _PER_SECOND):
            break
        deliveries.append(delivery)
        thread = threading.Thread(target=_post, args=(run, site, delivery), daemon=True)
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()


def _post(run: Run, site: Site, delivery: Delivery) -> None:
    sender = Sender(site.port)
    sender.post(delivery)
    sender.hang_up()


def _back(site: Site, deliveries: list[Delivery], since: int) -> float:
    """The seconds until a delivery posted after the fault is answered 202."""
    return site.until(lambda: any(d.accepted for d in deliveries[since:]), "it is back")


def _order(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.stderr.strip()}"


@contextlib.contextmanager
def _own_disk(home: Path) -> Iterator[None]:
    needs.need("mounts")
    _order("mount", "-t", "tmpfs", "-o", f"size={_DISK},mode=700", "tmpfs", str(home))
    try:
        yield
    finally:
        _order("umount", "-l", str(home))


@contextlib.contextmanager
def _disk_full(_run: Run, site: Site, _struck: threading.Event) -> Iterator[None]:
    """Another file fills the disk."""
    ballast = site.home / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    yield
    ballast.unlink()


@contextlib.contextmanager
def _read_only(_run: Run, site: Site, _struck: threading.Event) -> Iterator[None]:
    """The database's files cannot be written, as on a read-only file system."""
    # Shared memory and a FIFO remain writable on such a file system.
    needs.need("frozen files")
    found = (path for path in site.home.glob("bot.sqlite*") if path.is_file())
    files = [str(path) for path in found if not path.name.endswith("-shm")]
    try:
        _order("chattr", "+i", *files)
        yield
    finally:
        _order("chattr", "-i", *files)


@contextlib.contextmanager
def _locked(_run: Run, site: Site, _struck: threading.Event) -> Iterator[None]:
    """Another program holds the lock: a stuck backup, or an operator's open transaction."""
    with site.engine.connect() as connection:
        if site.kind == SQLITE:
            raw = connection.connection.dbapi_connection
            raw.execute("BEGIN IMMEDIATE")
            yield
            raw.rollback()
        else:
            connection.execute(text("LOCK TABLE job IN ACCESS EXCLUSIVE MODE"))
            yield
            connection.rollback()


@contextlib.contextmanager
def _restarted(run: Run, site: Site, struck: threading.Event) -> Iterator[None]:
    """PostgreSQL is killed, and restarted after the fault."""
    site.engine.dispose()
    with run.server.away():
        yield


@contextlib.contextmanager
def _half_open(_run: Run, site: Site, _struck: threading.Event) -> Iterator[None]:
    """Current connections go dead silently; new ones work."""
    needs.need("a packet filter")
    with dead_line(site.line, _order):
        yield


_OF_SQLITE: dict[str, Fault] = {
    "disk full": _disk_full,
    "read-only": _read_only,
    "locked": _locked,
}
_OF_POSTGRESQL: dict[str, Fault] = {
    "restarted": _restarted,
    "locked": _locked,
    "half-open": _half_open,
}

ROW = Row(
    name="database-away",
    fault="disk full, read-only disk, database locked for 30 s, PostgreSQL restarted, half-open",
    target="`503`, never a false `202`; back by itself within 30 s",
    size="seconds away",
    full=30,
    short=2,
    run=run,
)
