"""Work that takes much more memory than its result: done by a child process, which ends with it.

What a process has imported stays with it for its life; of a child that has ended nothing stays. The
child is forked: a new interpreter would first have to find its way back into a pex.
"""

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
    """The child had ended before it gave an answer, because somebody killed it."""


@contextmanager
def run_in_child(work: Callable[[], _T]) -> Iterator[Callable[[], _T]]:
    """Begin `work` in a child, and give a function that waits for its result.

    The function returns or raises what `work` does, and ChildError where the child was killed;
    call it once. Results and what errors hold must be fit for pickle. When the block is left, the
    child is told to end, and waited for. Not for a process with threads: a fork has none of them,
    but all the locks that they held.
    """
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=_answer, args=(work, sender, os.getpid()))
    child.start()
    sender.close()
    try:
        yield lambda: _outcome(receiver)
    finally:
        receiver.close()
        child.terminate()
        child.join()


def _answer(work: Callable[[], Any], sender: "Connection[Any, Any]", parent: int) -> None:
    """What the child does: send the result, or what an error is made of."""
    end_with_parent(parent)
    with suppress(KeyboardInterrupt):  # the parent has got it too, and says what it means
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  it is raised again by the parent
            error.add_note(traceback.format_exc())
            # An OSError keeps the name of its file apart from its arguments.
            known = OSError.__reduce__(error)[1] if isinstance(error, OSError) else error.args
            sender.send(((type(error), known, vars(error)), None))
        else:
            sender.send((None, result))


def _outcome(receiver: "Connection[Any, Any]") -> Any:
    try:
        failure, result = receiver.recv()
    except EOFError:
        raise ChildError(
            "a child process was killed before it was done; is there memory enough? Try again"
        ) from None
    if failure is None:
        return result
    # Not called: many errors take something else than the message that they make of it.
    kind, arguments, state = failure
    error = kind.__new__(kind, *arguments)
    vars(error).update(state)
    raise error
