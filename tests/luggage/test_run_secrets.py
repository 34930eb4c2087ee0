"""Secrets of a process: removed from its environment, received over a pipe, hidden from others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from luggage import run
from luggage.run.secrets import packed


def python(script: str, **environ: str) -> str:
    """What a script prints in a process with this environment."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


TAKE = """
import os
from pathlib import Path
from luggage import run
before = run.take_out(os.environ, ["KEY", "UNSET"], hidden=["PGPASSWORD"])
there = Path("/proc/self/environ").read_bytes()
print(before["KEY"], os.environ.get("KEY"), os.environ["PGPASSWORD"], b"s3cret" in there)
print(os.environ["OTHER"], b"OTHER=kept" in there)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_secrets_leave_the_environment_that_others_read() -> None:
    """A secret is returned once, and /proc shows neither it nor a library's password."""
    printed = python(TAKE, KEY="s3cret", PGPASSWORD="s3cret-too", OTHER="kept")
    assert printed.splitlines() == ["s3cret None s3cret-too False", "kept True"]


def test_taking_out_may_be_repeated() -> None:
    """The second time there is nothing to take out."""
    environ = {"KEY": "s3cret", "PATH": "/bin"}
    assert run.take_out(environ, ["KEY"]) == {"KEY": "s3cret", "PATH": "/bin"}
    assert run.take_out(environ, ["KEY"]) == environ == {"PATH": "/bin"}


def handed(content: bytes) -> dict[str, str]:
    """The environment of a child whose pipe has this content."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as pipe:
        pipe.write(content)
    return {run.HANDED_OVER: str(reader)}


def test_a_child_receives_what_is_handed_over_once() -> None:
    """The first call returns it and closes the pipe; the second one returns None."""
    environ = handed(packed(b"s3cret"))
    reader = int(environ[run.HANDED_OVER])
    assert run.receive(environ) == b"s3cret"
    assert run.receive(environ) is None
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reader)


def test_a_process_without_a_supervisor_receives_nothing() -> None:
    """None is no error: the process was started by itself."""
    assert run.receive({}) is None


@pytest.mark.parametrize("content", [b"", b"cut"])
def test_what_was_cut_is_refused(content: bytes) -> None:
    """A supervisor that ended in the middle is an error, with the remedy."""
    with pytest.raises(run.HandoverError, match="start it again"):
        run.receive(handed(content))


@pytest.mark.parametrize("number", ["12345", "x"])
def test_a_pipe_that_is_not_there_is_refused(number: str) -> None:
    """A variable without its pipe is an error, with the remedy."""
    with pytest.raises(run.HandoverError, match="start it again"):
        run.receive({run.HANDED_OVER: number})


# Two processes of one user, who is not root; the second looks into the first.
LOOK = """
import ctypes, os, sys, time
from luggage import run

def as_nobody():
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # a change of the user hides it

reader, writer = os.pipe()
first = os.fork()
if not first:
    as_nobody()
    {hide}
    os.write(writer, b"x")
    time.sleep(60)
os.read(reader, 1)
if not os.fork():
    as_nobody()
    for name in ("environ", "maps"):
        try:
            open(f"/proc/{{first}}/{{name}}", "rb").read()
            print(name, flush=True)
        except PermissionError:
            print("hidden", flush=True)
    os._exit(0)
os.wait()
os.kill(first, 9)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize(
    ("hide", "seen"),
    [("pass", ["environ", "maps"]), ("run.hide_memory()", ["hidden", "hidden"])],
)
def test_memory_is_hidden_from_processes_of_the_same_user(hide: str, seen: list[str]) -> None:
    """Another process of the user reads neither environment nor memory, after `hide_memory`."""
    assert python(LOOK.format(hide=hide)).splitlines() == seen
