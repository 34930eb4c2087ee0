"""Dispatcher: calls a WSGI app for complete requests, in the event loop or in a thread.

The event loop reads requests, however slowly they arrive, and calls the views that never block
(`inline_paths`) itself. Other views run in a few threads. docs/decisions/0107 and 0115 say why
neither a thread for each request nor ASGI is used.
"""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache, partial
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any

from luggage.serving.admission import BodyBudget, Connections
from luggage.serving.fair_threads import FairThreads
from luggage.serving.proxies import TrustedProxies, client_key

if TYPE_CHECKING:
    from concurrent.futures import Future

    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment


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


Scope = Mapping[str, Any]

# Headers whose CGI names have no HTTP_ prefix (RFC 3875, section 4.1).
_UNPREFIXED = {"CONTENT_TYPE", "CONTENT_LENGTH"}
# Responses that have no body, and so no length (RFC 9110, section 8.6).
_WITHOUT_LENGTH = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class HttpResponse:
    """A response, filled by WSGI calls."""

    status: int = 500
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def start(
        self, status: str, headers: list[tuple[str, str]], _exc_info: object = None, /
    ) -> Callable[[bytes], object]:
        """Set the status and the headers; this is WSGI's start_response."""
        self.status = int(status[:3])
        self.headers = headers
        return self._write

    def _write(self, part: bytes) -> None:
        self.body += part

    def filled(self, parts: Iterable[bytes]) -> "HttpResponse":
        """Read and close `parts`; return this response with its body and its length."""
        with ExitStack() as stack:
            if hasattr(parts, "close"):
                stack.callback(parts.close)
            self.body += b"".join(parts)
        has_length = any(name.lower() == "content-length" for name, _ in self.headers)
        if not has_length and self.status not in _WITHOUT_LENGTH:
            self.headers = [*self.headers, ("Content-Length", str(len(self.body)))]
        return self


Reply = Callable[[HttpResponse], None]

_EMPTY = ("Content-Length", "0")
BUSY = HttpResponse(HTTPStatus.SERVICE_UNAVAILABLE, [("Retry-After", "10"), _EMPTY])
_TOO_LARGE = HttpResponse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, [_EMPTY])
_BROKEN = HttpResponse(HTTPStatus.INTERNAL_SERVER_ERROR, [_EMPTY])


@dataclass(frozen=True, kw_only=True)
class ServingLimits:
    """ServingLimits of one event loop.

    A body for an inline path that has more than `max_body` bytes, or has no Content-Length, is not
    read: the app gets the request without it and must refuse it. Other requests have at most
    `max_page_body` bytes, or get a 413. Buffered bodies have `max_buffered` bytes in all.
    """

    threads: int
    max_body: int
    max_page_body: int
    max_buffered: int
    max_connections: int


class Dispatcher:
    """Has `wsgi` answer the requests of one event loop; call all methods in that loop.

    Views at `inline_paths` must never block; all others run in threads that clients share in turn.
    Only `proxies` may say who the client is.
    """

    def __init__(
        self,
        wsgi: "WSGIApplication",
        *,
        inline_paths: Collection[str],
        limits: ServingLimits,
        proxies: TrustedProxies,
    ) -> None:
        self.bodies = BodyBudget(limits.max_buffered)
        self.connections = Connections(limits.max_connections)
        self._wsgi = wsgi
        self._inline_paths = frozenset(inline_paths)
        self._limits = limits
        # Pages must leave connections for deliveries.
        waiting = limits.max_connections // 4
        self._threads = FairThreads(limits.threads, most_waiting=waiting)
        self._proxies = proxies
        self._callbacks = _LoopCallbacks()

    def body_length(self, scope: Scope) -> int:
        """Return how many bytes of a request's body to read, by its path and its headers."""
        length = _content_length(scope)
        return length if length <= self._limit(scope) else 0

    def _limit(self, scope: Scope) -> int:
        is_inline = scope["path"] in self._inline_paths
        return self._limits.max_body if is_inline else self._limits.max_page_body

    def handle(self, scope: Scope, body: bytes, reply: Reply) -> None:
        """Answer a request: call `reply` once, now or later, in the event loop."""
        environ = _environ(scope, body)
        if scope["path"] not in self._inline_paths:
            self._handle_page(scope, environ, reply)
            return
        response = HttpResponse()
        try:
            parts = self._wsgi(environ, response.start)
        except Exception as error:  # noqa: BLE001  it is logged, and answered
            reply(_log_and_refuse(error))
            return
        finish = partial(_reply, reply, partial(response.filled, parts))
        if isinstance(parts, DeferredResponse):
            self._callbacks.call_after(parts.future, finish)
        else:
            finish()

    def _handle_page(self, scope: Scope, environ: "WSGIEnvironment", reply: Reply) -> None:
        if _content_length(scope) > self._limits.max_page_body:
            reply(_TOO_LARGE)
            return
        self._proxies.apply(environ)
        client = client_key(environ["REMOTE_ADDR"])
        page = self._threads.submit(client, partial(self._run, HttpResponse(), environ))
        if page is None:
            reply(BUSY)
        else:
            self._callbacks.call_after(page, partial(_reply, reply, page.result))

    def _run(self, response: HttpResponse, environ: "WSGIEnvironment") -> HttpResponse:
        return response.filled(self._wsgi(environ, response.start))


def _content_length(scope: Scope) -> int:
    """Return the announced length of a body; the server has parsed the header."""
    lengths = (int(value) for name, value in scope["headers"] if name == b"content-length")
    return next(lengths, 0)


def _reply(reply: Reply, make_response: Callable[[], HttpResponse]) -> None:
    try:
        response = make_response()
    except Exception as error:  # noqa: BLE001  it is logged, and answered
        response = _log_and_refuse(error)
    reply(response)


def _log_and_refuse(error: Exception) -> HttpResponse:
    log.error("a request could not be answered", exc_info=error)
    return _BROKEN


class _LoopCallbacks:
    """Runs callbacks of futures in one event loop, many with one wake-up."""

    def __init__(self) -> None:
        self._ready: deque[Callable[[], None]] = deque()
        self._is_scheduled = False

    def call_after(self, future: "Future[Any]", callback: Callable[[], None]) -> None:
        """Call `callback` in the loop when `future` is done or has failed."""
        loop = asyncio.get_running_loop()
        # A future keeps its callbacks, and `callback` may refer to the future: a reference cycle
        # with a body in it. Popping the callback breaks the cycle.
        waiting = [callback]
        future.add_done_callback(lambda _: self._schedule(loop, waiting.pop()))

    def _schedule(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._ready.append(callback)
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon_threadsafe(self._run_ready)

    def _run_ready(self) -> None:
        self._is_scheduled = False  # set first: a later callback schedules the next run
        while self._ready:
            callback = self._ready.popleft()
            try:
                callback()
            except Exception:  # the other callbacks must run
                log.exception("a response could not be sent")


def _environ(scope: Scope, body: bytes) -> "WSGIEnvironment":
    """Return the WSGI environment (PEP 3333) of a request."""
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
    """Return a header's WSGI key, or "" for an underscore: the name could mimic another."""
    if b"_" in name:
        return ""
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in _UNPREFIXED else f"HTTP_{key}"
