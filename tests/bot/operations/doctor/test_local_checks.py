"""bot.operations.doctor.local_checks: the database, the disk and the loop."""

import shutil
from types import SimpleNamespace

import pytest

from bot.operations.doctor import LocalChecks, Verdict
from bot.store.board import SqlBoard
from bot.store.refusals import Refusals
from luggage.database import SchemaError, open_engine
from luggage.github.errors import AddressRefused
from luggage.jobs import Queue
from tests.bot.conftest import HISTORIES

GB = 1024**3


@pytest.fixture
def look(tmp_path, store, clock):
    """Create the checks of a database."""

    def look(url=f"sqlite:///{tmp_path / 'bot.sqlite'}", *, is_new=False, data=tmp_path):
        return LocalChecks(
            connect=lambda: open_engine(url),
            is_new=is_new,
            histories=HISTORIES,
            data=data,
            program="python -m bot_deploy",
            clock=clock,
        )

    return look


def test_a_database_of_this_release_is_well(look):
    """A database of this release passes."""
    finding = look().database()
    assert (finding.verdict, "SQLite" in finding.detail) == (Verdict.OK, True)


def test_a_database_of_another_release_is_not(look, tmp_path):
    """A database of another release fails, with the remedy."""
    with pytest.raises(SchemaError, match="migrate"):
        look(f"sqlite:///{tmp_path / 'other.sqlite'}").database()


def test_before_the_first_start_there_is_none(look, tmp_path):
    """A missing database is a warning, and the check does not create it."""
    new = tmp_path / "new.sqlite"
    home = look(f"sqlite:///{new}", is_new=True)
    assert (home.database().verdict, home.loop().verdict) == (Verdict.WARNING, Verdict.SKIPPED)
    assert not new.exists()


@pytest.mark.parametrize(
    ("free", "verdict"),
    [(5 * GB, Verdict.OK), (GB // 2, Verdict.WARNING), (GB // 20, Verdict.FAILED)],
)
def test_a_full_disk_is_reported(look, monkeypatch, free, verdict):
    """Little space is a warning; too little for deliveries is a failure."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=free))
    finding = look().disk()
    assert finding.verdict is verdict
    assert bool(finding.remedy) == (verdict is not Verdict.OK)


def test_the_disk_of_a_directory_to_be_is_that_of_its_parent(look, tmp_path):
    """The check uses an existing parent, and creates no directory."""
    data = tmp_path / "not" / "yet"
    assert str(data) in look(data=data).disk().detail
    assert not data.exists()


def test_a_loop_that_was_never_heard_from_is_reported(look):
    """Without any heartbeat the check names the command that starts a loop."""
    finding = look().loop()
    assert finding.verdict is Verdict.FAILED
    assert "start" in finding.remedy


@pytest.mark.parametrize(
    ("seconds", "verdict", "words"),
    [
        (4, Verdict.OK, "4 s ago"),
        (29, Verdict.OK, "29 s ago"),
        (60, Verdict.FAILED, "60 s"),
        (600, Verdict.FAILED, "10 min"),
        (3 * 3600, Verdict.FAILED, "3 h"),
        (4 * 86400, Verdict.FAILED, "4 d"),
    ],
)
def test_a_loop_is_alive_while_it_beats(look, store, clock, seconds, verdict, words):
    """A loop counts as stopped after half a minute of silence."""
    SqlBoard(store, clock=clock).beat("loop")
    clock.advance(seconds)
    finding = look().loop()
    assert finding.verdict is verdict
    assert words in finding.detail


def test_a_pause_is_reported(look, store, clock):
    """A paused loop is a warning."""
    SqlBoard(store, clock=clock).beat("loop")
    Queue(store, clock=clock).pause()
    finding = look().loop()
    assert (finding.verdict, "resume" in finding.remedy) == (Verdict.WARNING, True)


def test_what_github_refuses_the_loop_is_reported(look, store, clock):
    """Each installation that the loop found refused is named, each remedy once."""
    assert look().refusals().verdict is Verdict.OK
    refusals = Refusals(store, clock=clock)
    error = AddressRefused("IP allow list", method="GET", path="/x", status=403)
    refusals.heard(7, "snakes", error)
    refusals.heard(8, "birds", error)
    finding = look().refusals()
    assert finding.verdict is Verdict.FAILED
    words = "an IP allow list keeps the bot out"
    assert finding.detail == f"birds: {words}; snakes: {words}"
    assert finding.remedy == error.remedy


def test_a_new_bot_was_refused_nothing(look):
    """Without a database the check is skipped."""
    assert look(is_new=True).refusals().verdict is Verdict.SKIPPED
