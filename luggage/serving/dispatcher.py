"""What becomes of a request that is here, head and body: which thread calls the WSGI app for it.

Chosen: one event loop in each process reads the requests, however slowly they come, and runs the
views that never wait (`prompt`) itself; the others run in a few threads. Against: a thread for each
request, which as many slow clients as there are threads stop, and which costs a delivery two
switches between threads; and ASGI, a task and five messages for each request, as much again as it
takes to verify one (docs/performance.md).
"""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache, partial
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any

from luggage.serving.deferred import DeferredResponse

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

Scope = Mapping[str, Any]

# Names which CGI does not mark as headers (RFC 3875, section 4.1).
_UNMARKED = {"CONTENT_TYPE", "CONTENT_LENGTH"}
# Answers that have no body, and so no length (RFC 9110, section 8.6).
_WITHOUT_LENGTH = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class HttpResponse:
    """What is sent for a request."""

    status: int = 500
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def start(
        self, status: str, headers: list[tuple[str, str]], _exc_info: object = None, /
    ) -> Callable[[bytes], object]:
        """Take the status and the headers, as WSGI's start_response."""
        self.status = int(status[:3])
        self.headers = headers
        return self._write

    def _write(self, part: bytes) -> None:
        self.body += part

    def filled(self, parts: Iterable[bytes]) -> "HttpResponse":
        """Return this with its body, the parts read and closed, and with its length."""
        with ExitStack() as stack:
            if hasattr(parts, "close"):
                stack.callback(parts.close)
            self.body += b"".join(parts)
        is_told = any(name.lower() == "content-length" for name, _ in self.headers)
        if not is_told and self.status not in _WITHOUT_LENGTH:
            self.headers = [*self.headers, ("Content-Length", str(len(self.body)))]
        return self


Reply = Callable[[HttpResponse], None]

_EMPTY = ("Content-Length", "0")
BUSY = HttpResponse(HTTPStatus.SERVICE_UNAVAILABLE, [("Retry-After", "10"), _EMPTY])
_BROKEN = HttpResponse(HTTPStatus.INTERNAL_SERVER_ERROR, [_EMPTY])


class Dispatcher:
    """Has `wsgi` answer the requests of one event loop, in which all of its methods are called.

    Views at the paths of `prompt` must never wait; all others run in `threads` threads. A body of
    more than `largest_body` bytes, or without a Content-Length, is not to be read: the app gets the
    request without it, and has to refuse. Bodies of `most_bytes` in all may be in hand.
    """

    def __init__(
        self,
        wsgi: "WSGIApplication",
        *,
        prompt: Collection[str],
        threads: int,
        largest_body: int,
        most_bytes: int,
    ) -> None:
        self._wsgi = wsgi
        self._prompt = frozenset(prompt)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="page")
        self._largest_body = largest_body
        self._bytes_left = most_bytes
        self._bell = _Bell()

    def expected(self, scope: Scope) -> int:
        """Return how many bytes of a request's body are to be read, by the head alone."""
        given = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        length = int(given)  # the server has parsed it
        return length if length <= self._largest_body else 0

    def take(self, length: int) -> bool:
        """Have a body of so many bytes in hand, until `release`; False when that is too much."""
        if length > self._bytes_left:
            return False
        self._bytes_left -= length
        return True

    def release(self, length: int) -> None:
        """Let go of what was taken."""
        self._bytes_left += length

    def handle(self, scope: Scope, body: bytes, reply: Reply) -> None:
        """Have a request answered: `reply` is called once, at once or later, in the event loop."""
        answer, environ = HttpResponse(), _environ(scope, body)
        if scope["path"] not in self._prompt:
            page = self._threads.submit(self._run, answer, environ)
            self._bell.call_after(page, partial(_reply, reply, page.result))
            return
        try:
            parts = self._wsgi(environ, answer.start)
        except Exception as error:  # noqa: BLE001  it is logged, and answered
            reply(_broken(error))
            return
        decide = partial(_reply, reply, partial(answer.filled, parts))
        if isinstance(parts, DeferredResponse):
            self._bell.call_after(parts.future, decide)
        else:
            decide()

    def _run(self, answer: HttpResponse, environ: "WSGIEnvironment") -> HttpResponse:
        return answer.filled(self._wsgi(environ, answer.start))


def _reply(reply: Reply, answer: Callable[[], HttpResponse]) -> None:
    try:
        found = answer()
    except Exception as error:  # noqa: BLE001  it is logged, and answered
        found = _broken(error)
    reply(found)


def _broken(error: Exception) -> HttpResponse:
    log.error("a request could not be answered", exc_info=error)
    return _BROKEN


class _Bell:
    """Calls one event loop back for futures that other threads complete, many at a time.

    To call the loop for each would wake it up after the first of a group, and in the way of the
    thread that still completes the others.
    """

    def __init__(self) -> None:
        self._done: deque[Callable[[], None]] = deque()
        self._ringing = False

    def call_after(self, future: "Future[Any]", then: Callable[[], None]) -> None:
        """Call `then` in the loop when `future` is done, whatever became of it."""
        loop = asyncio.get_running_loop()
        # A future keeps its callbacks, and `then` may know the future: a ring, with a body in it,
        # that the collector would have to find. So it is taken out when it is called.
        waiting = [then]
        future.add_done_callback(lambda _: self._ring(loop, waiting.pop()))

    def _ring(self, loop: asyncio.AbstractEventLoop, then: Callable[[], None]) -> None:
        self._done.append(then)
        if not self._ringing:
            self._ringing = True
            loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        self._ringing = False  # before the look: who comes after it rings again
        while self._done:
            then = self._done.popleft()
            try:
                then()
            except Exception:  # the others are to be answered
                log.exception("an answer could not be sent")


def _environ(scope: Scope, body: bytes) -> "WSGIEnvironment":
    """Return the environment of WSGI (PEP 3333) for a request."""
    host, port = scope["server"] or ("localhost", 80)
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "REMOTE_ADDR": (scope["client"] or ("",))[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        if key := _key(name):
            text = value.decode("latin-1")
            environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


@lru_cache(256)
def _key(name: bytes) -> str:
    """Return under which key WSGI has a header; none for a name that could pass for another."""
    if b"_" in name:
        return ""
    marked = name.decode("latin-1").upper().replace("-", "_")
    return marked if marked in _UNMARKED else f"HTTP_{marked}"
