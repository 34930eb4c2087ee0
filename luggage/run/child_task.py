"""Short-lived children for work that needs more memory than its result (docs/decisions/0116)."""

import multiprocessing
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from luggage.run.child import end_with_parent

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_T = TypeVar("_T")


class ChildError(Exception):
    """The child was killed before it returned a result."""


@contextmanager
def run_in_child(work: Callable[[], _T]) -> Iterator[Callable[[], _T]]:
    """Start `work` in a forked child; give a function that waits for its result.

    The function returns or raises what `work` does, or raises ChildError when the child was killed;
    call it once. Results and errors must be picklable. At the end of the block the child is
    terminated and joined. Do not use it in a process with threads: a fork copies the locks that
    they hold, but not the threads.
    """
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=_send_result, args=(work, sender, os.getpid()))
    child.start()
    sender.close()
    try:
        yield lambda: _receive_result(receiver)
    finally:
        receiver.close()
        child.terminate()
        child.join()


def _send_result(work: Callable[[], Any], sender: "Connection[Any, Any]", parent: int) -> None:
    """Run `work` in the child; send the result, or the parts of an error."""
    end_with_parent(parent)
    with suppress(KeyboardInterrupt):  # the parent gets it too, and handles it
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  the parent raises it again
            error.add_note(traceback.format_exc())
            # An OSError keeps its file name apart from its arguments.
            arguments = OSError.__reduce__(error)[1] if isinstance(error, OSError) else error.args
            sender.send(((type(error), arguments, vars(error)), None))
        else:
            sender.send((None, result))


def _receive_result(receiver: "Connection[Any, Any]") -> Any:
    try:
        failure, result = receiver.recv()
    except EOFError:
        raise ChildError(
            "a child process was killed before it finished; check that there is enough memory, "
            "and try again"
        ) from None
    if failure is None:
        return result
    # Bypasses __init__: many errors take other arguments than those that they store.
    kind, arguments, state = failure
    error = kind.__new__(kind, *arguments)
    vars(error).update(state)
    raise error
