"""The other measures in a small form: they work; the figures are not checked."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from bench.bot import SQLITE
from bench.circumstances import ROOT
from bench.footprint import Footprint, family, footprint
from bench.measure import Size, UnavailableError
from bench.measures import latency, memory, requests, slow_disk, start
from bench.packed import engine
from bench.processes import scratch
from bench.simulated import simulated
from bench.slices import Plan
from bench.slow_sync import slow_sync
from bench.wrk import Load, Slice
from tests.bench.payload import merged_pull_request

PLAN = Plan(load=Load(2), rounds=3, seconds=1)


def test_requests_are_counted_for_each_kind_of_delivery():
    """A known member and the most frequent events cost no request."""
    table = requests.run(Size(short=True))
    assert len(table.rows) == len(table.figures) == len(requests.KINDS)
    free = ("known_member_warm", "second_merge", "comment", "closed", "star")
    assert [table.figures[f"requests.{kind}"] for kind in free] == [0] * len(free)
    assert min(table.figures[f"requests.{kind}"] for kind in ("cold", "first_merge", "ping")) > 0


def test_latency_is_measured_with_the_whole_bot():
    """A delivery to the real processes leads to the expected call."""
    table = latency.measured((SQLITE,), rounds=2, early=1)
    ((name, *times, against),) = table.rows
    assert name == "**the bot, SQLite**"
    assert all(float(time) > 0 for time in times)
    assert against == "1"


@pytest.mark.needs("cc")
def test_syncs_of_one_program_are_delayed(tmp_path):
    """The library delays the syncs of its program alone."""
    code = "from bench.circumstances import ON_DISK, sync_ms; print(sync_ms(ON_DISK))"
    environ = {**slow_sync(tmp_path, 20), "PYTHONPATH": str(ROOT)}
    slower = subprocess.run(
        [sys.executable, "-c", code], env=environ, cwd=tmp_path, capture_output=True, check=True
    )
    assert float(slower.stdout) >= 20


@pytest.mark.needs("cc", "wrk")
def test_a_slow_disk_is_measured():
    """The web process runs with normal and with slow syncs."""
    plan = replace(PLAN, rounds=1)
    table = slow_disk.measured((SQLITE,), plan, merged_pull_request())
    assert [row[0] for row in table.rows] == [SQLITE]
    assert table.figures["slow_disk.sqlite_against_fast"] > 0


def test_a_slow_disk_is_compared_with_the_disk_as_it_is():
    """Each database has a row and a figure."""
    fast, slow = ([Slice("", n, 0, 0, 1.0, 5.0, 9.0)] * 3 for n in (200, 150))
    table = slow_disk.table({SQLITE: fast, "SQLite, slower syncs": slow}, PLAN)
    assert table.rows == [(SQLITE, "200", "150", "0.75 (0.75 to 0.75)", "9.0 / 9.0")]
    assert table.figures == {"slow_disk.sqlite_against_fast": 0.75}


def test_without_a_compiler_there_is_no_slow_disk(tmp_path, monkeypatch):
    """The error names the missing compiler and how to install it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="cc is not installed: install a C compiler"):
        slow_sync(tmp_path, 1)


def test_start_to_ready_is_measured(monkeypatch):
    """The real bot is measured; a note says what this machine lacks."""
    monkeypatch.setitem(start._MADE, start.CONTAINER, _lacking)
    table = start.measured((start.VENV, start.CONTAINER), rounds=1)
    assert [row[0] for row in table.rows] == [start.VENV]
    assert table.figures["start.venv_seconds"] > 0
    assert table.notes[1:] == ["The container was left out: no engine."]


def _lacking(_home, _github):
    raise UnavailableError("no engine")


def test_starts_are_compared_with_the_venv():
    """Each kind has a ratio to the venv, of its later starts."""
    found = start.interleaved({start.VENV: lambda: 2.0, start.PEX: lambda: 3.0}, 2)
    table = start.table({start.VENV: 4.0, start.PEX: 9.0}, found, [])
    assert table.rows[1] == ("pex", "9.00", "3.00", "1.50 (1.50 to 1.50)")
    assert table.figures == {"start.venv_seconds": 2.0, "start.pex_against_venv": 1.5}


def test_without_docker_there_is_no_container(tmp_path, monkeypatch):
    """The error names Docker."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="docker is not installed"):
        engine()


def test_a_process_has_a_footprint():
    """A process has a footprint and a command."""
    ours = footprint(os.getpid())
    assert 0 < ours.pss <= ours.rss


def test_a_family_is_found():
    """A family includes grandchildren, and no other process."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as parent:
        while len(found := family([parent.pid])) < 2:
            assert parent.poll() is None
        assert found[0] == parent.pid
        assert os.getpid() not in found
        parent.communicate(b"\n")


@pytest.mark.needs("wrk")
def test_the_memory_of_the_whole_bot_is_measured():
    """It covers the supervisor, the web process with two workers, and the loop."""
    burst = memory.Burst(merged_pull_request(), seconds=1)
    with scratch("memory") as home, simulated() as github:
        before, after = memory.of_bot(home, github, 2, burst)
    assert len(before) == len(after) == 5
    assert all(0 < one.pss <= one.rss for one in [*before, *after])


def test_memory_is_reported_by_process_and_in_sum():
    """The figures are the sums before and after the burst."""
    start = Footprint(1, "-m bot_deploy start", pss=30, rss=50)
    web = Footprint(2, "-m bot_deploy gunicorn", pss=10, rss=40)
    probot = Footprint(3, "probot.mjs 4", pss=80, rss=90)
    later = [replace(start, pss=60), web]
    table = memory.table(([start, web], later), ([probot], [probot]), 400)
    assert table.rows[0] == ("ncolony (`start`)", "30.0", "50.0", "60.0", "50.0")
    assert table.rows[2] == ("**the bot, all together**", "40.0", "90.0", "70.0", "90.0")
    assert table.figures["memory.against_probot"] == 0.5
    assert table.figures["memory.after_burst_against_probot"] == 0.875
