"""luggage.run.run_in_child: work in a child process."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from luggage.run import ChildError, child_task, run_in_child

# Pytest may have threads; these tests use none of their locks.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


class TeaError(Exception):
    """An error whose message differs from its arguments."""

    def __init__(self, cups: int, *, who: str) -> None:
        super().__init__(f"{who} wanted {cups} cups")
        self.cups = cups


def pour() -> NoReturn:
    raise TeaError(3, who="Alice")


def heavy() -> tuple[int, bool]:
    """Import a module that no other test imports."""
    import this  # noqa: F401, PLC0415

    return os.getpid(), "this" in sys.modules


def test_the_work_is_done_by_another_process() -> None:
    """The result comes back, the imported module does not."""
    with run_in_child(heavy) as outcome:
        pid, loaded = outcome()
    assert pid != os.getpid()
    assert loaded
    assert "this" not in sys.modules


def test_an_error_comes_back_as_it_was() -> None:
    """It has its class, message and attributes, and its traceback as a note."""
    with (
        run_in_child(pour) as outcome,
        pytest.raises(TeaError, match="Alice wanted 3 cups") as caught,
    ):
        outcome()
    assert caught.value.cups == 3
    assert "in pour" in caught.value.__notes__[0]


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """An OSError keeps its file name, which is not one of its arguments."""
    work = (tmp_path / "missing").read_bytes
    with run_in_child(work) as outcome, pytest.raises(FileNotFoundError) as caught:
        outcome()
    assert caught.value.filename == str(tmp_path / "missing")


def test_a_killed_child_raises_child_error() -> None:
    """The parent does not wait for ever for a child that ran out of memory."""
    end = partial(signal.raise_signal, signal.SIGKILL)
    with run_in_child(end) as outcome, pytest.raises(ChildError, match="killed"):
        outcome()


def test_leaving_the_block_ends_the_child() -> None:
    """An abort, by Ctrl-C for example, leaves no process running."""
    with pytest.raises(KeyboardInterrupt), run_in_child(signal.pause):
        raise KeyboardInterrupt
    assert multiprocessing.active_children() == []


def sent_by_child(work: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> object:
    """Return what the child sends, run in this process; None for nothing."""
    monkeypatch.setattr(child_task, "end_with_parent", lambda _parent: None)
    receiver, sender = multiprocessing.Pipe(duplex=False)
    with receiver, sender:
        child_task._send_result(work, sender, os.getpid())
        return receiver.recv() if receiver.poll() else None


def test_the_child_sends_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """It sends no failure, and the result."""
    assert sent_by_child(lambda: 7, monkeypatch) == (None, 7)


def test_the_child_sends_what_an_error_is_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """It sends the class, the arguments and the attributes."""
    kind, arguments, state = sent_by_child(pour, monkeypatch)[0]  # type: ignore[index]
    assert (kind, arguments, state["cups"]) == (TeaError, ("Alice wanted 3 cups",), 3)


def test_the_child_leaves_a_ctrl_c_to_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both get it, and only the parent handles it."""
    assert sent_by_child(partial(signal.raise_signal, signal.SIGINT), monkeypatch) is None
