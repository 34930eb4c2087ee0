"""An answer that is decided when something else is done, as a commit shared with others."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Future


class DeferredResponse:
    """The parts of a WSGI answer which are not known before `future` is done.

    `decide` is called once, then; it calls `start_response` and returns the body. Right on every
    WSGI server, since an app may start its response as late as its first part is asked for
    (PEP 3333): that is when others wait, and `Front` asks when there is nothing to wait for.
    """

    def __init__(self, future: "Future[Any]", decide: Callable[[], bytes]) -> None:
        self.future = future
        self._decide = decide

    def __iter__(self) -> Iterator[bytes]:
        self.future.exception()  # waits
        yield self._decide()
