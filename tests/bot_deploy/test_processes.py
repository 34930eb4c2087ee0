"""The processes that a supervisor keeps alive."""

import io
import os
import signal

import pytest

from bot_deploy.config.handover import FOR_LIBRARIES, SECRET
from bot_deploy.wiring import processes


@pytest.fixture(autouse=True)
def own_signals():
    """Signal handlers are as they were after each test."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def test_a_child_inherits_what_is_set_and_no_more():
    """Children inherit only set variables, and none about this process."""
    environ = {
        "HOME": "/home",
        "PEX_ROOT": "",
        "NCOLONY_NAME": "x",
        "SUPERVISOR_PID": "7",
        "_PEX_CACHE_ACCESS_LOCK": "0|3|/pex_root",
    }
    for entry in processes.entries(environ):
        assert entry.inherit == ["HOME"]
        assert entry.settings == {"SUPERVISOR_PID": str(os.getpid())}


def test_the_web_process_takes_arguments():
    """`entries` adds arguments to the web process."""
    gunicorn, loop = processes.entries({}, gunicorn=["--host", "127.0.0.1"])
    assert gunicorn.command[-3:] == ["gunicorn", "--host", "127.0.0.1"]
    assert loop.command[-1] == "loop"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_early_signal_is_an_orderly_end(number):
    """A signal before the supervisor runs ends with exit code 0."""
    processes.end_with_0(number)
    with pytest.raises(SystemExit) as ended:
        signal.raise_signal(number)
    assert ended.value.code == 0


def test_a_closed_stream_drops_lines():
    """A closed stream drops lines without an error."""
    stream = io.StringIO()
    passing = processes.Relay(stream, "text")
    passing("loop", "one")
    assert stream.getvalue() == "loop: one\n"
    stream.close()
    passing("loop", "two")


@pytest.mark.parametrize("name", [*SECRET, *FOR_LIBRARIES])
def test_no_process_inherits_a_secret(name):
    """No setting that can be sealed, key or password is inherited; the pipe brings them."""
    for entry in processes.entries({name: "s3cret", "PORT": "80"}):
        assert list(entry.inherit) == ["PORT"]
