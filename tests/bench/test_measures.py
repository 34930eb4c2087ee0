"""The other measures in a small form: that they measure, not how much."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from bench.bot import SQLITE
from bench.delivery import Delivery
from bench.footprint import Footprint, family, footprint
from bench.measure import Size, UnavailableError
from bench.measures import latency, memory, requests, slow_disk
from bench.slices import Plan
from bench.slow_sync import slow_sync
from bench.wrk import Load

needs_wrk = pytest.mark.skipif(
    shutil.which("wrk") is None, reason="wrk is not installed: apt install wrk"
)
needs_cc = pytest.mark.skipif(
    shutil.which("cc") is None, reason="there is no C compiler: apt install gcc libc6-dev"
)


def test_requests_are_counted_for_each_kind_of_delivery():
    """Nothing is asked about a member who is known, nor because of the loudest events."""
    table = requests.run(Size(short=True))
    assert len(table.rows) == len(table.figures) == len(requests.KINDS)
    free = ("known_member_warm", "second_merge", "comment", "closed", "star")
    assert [table.figures[f"requests.{kind}"] for kind in free] == [0] * len(free)
    assert min(table.figures[f"requests.{kind}"] for kind in ("cold", "first_merge", "ping")) > 0


def test_latency_is_measured_with_the_whole_bot():
    """A delivery for the real processes leads to the call that is waited for."""
    table = latency.measured((SQLITE,), rounds=2, early=1)
    ((name, *times, against),) = table.rows
    assert name == "**the bot, SQLite**"
    assert all(float(time) > 0 for time in times)
    assert against == "1"


@needs_wrk
@needs_cc
def test_a_slow_disk_is_measured():
    """The web process runs as it is, and with the library that delays its syncs."""
    plan = Plan(load=Load(2), rounds=1, seconds=1)
    table = slow_disk.measured((SQLITE,), plan, Delivery(b"{}", event="ping"))
    assert [row[0] for row in table.rows] == [SQLITE]
    assert table.figures["slow_disk.sqlite_against_fast"] > 0


def test_without_a_compiler_there_is_no_slow_disk(tmp_path, monkeypatch):
    """What is missing is named, and how to get it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="cc is not installed: install a C compiler"):
        slow_sync(tmp_path, 1)


def test_a_process_has_a_footprint():
    """Of a living process the memory is known, and what it was started with."""
    ours = footprint(os.getpid())
    assert 0 < ours.pss <= ours.rss


def test_a_family_is_found():
    """The children of children too, and nobody else."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as parent:
        while len(found := family([parent.pid])) < 2:
            assert parent.poll() is None
        assert found[0] == parent.pid
        assert os.getpid() not in found
        parent.communicate(b"\n")


def test_memory_is_told_by_process_and_in_sum():
    """The figures are of the sums, before the burst and after it."""
    start = Footprint(1, "-m bot_deploy start", pss=30, rss=50)
    web = Footprint(2, "-m bot_deploy gunicorn", pss=10, rss=40)
    probot = Footprint(3, "probot.mjs 4", pss=80, rss=90)
    later = [replace(start, pss=60), web]
    table = memory.table(([start, web], later), ([probot], [probot]), 400)
    assert table.rows[0] == ("ncolony (`start`)", "30.0", "50.0", "60.0", "50.0")
    assert table.rows[2] == ("**the bot, all together**", "40.0", "90.0", "70.0", "90.0")
    assert table.figures["memory.against_probot"] == 0.5
    assert table.figures["memory.after_burst_against_probot"] == 0.875
