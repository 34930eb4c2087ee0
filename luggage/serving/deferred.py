"""Deferred response: completed by a future, such as a commit shared with other requests."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Future


class DeferredResponse:
    """A WSGI response that is not known before `future` is done.

    `decide` is then called once; it calls `start_response` and returns the body. This works on
    every WSGI server, because an app may start its response when its first part is read (PEP 3333).
    Other servers wait then; `Dispatcher` reads it when the future is done.
    """

    def __init__(self, future: "Future[Any]", decide: Callable[[], bytes]) -> None:
        self.future = future
        self._decide = decide

    def __iter__(self) -> Iterator[bytes]:
        self.future.exception()  # waits
        yield self._decide()
