"""An ASGI app around a WSGI app, which sees a request when all of it is here.

Chosen: one event loop in each process reads the requests, however slowly they come, and runs the
views that never wait (`prompt`) itself; the others run in a few threads. Against: a thread for each
request, which as many slow clients as there are threads stop, and which costs a delivery two
switches between threads; and views that are coroutines, which Flask runs in a loop of their own.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any

from luggage.serving.undecided import Undecided

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_Message = MutableMapping[str, Any]
_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_Headers = list[tuple[bytes, bytes]]

# Names which CGI does not mark as headers (RFC 3875, section 4.1).
_UNMARKED = {"CONTENT_TYPE", "CONTENT_LENGTH"}


class Front:
    """Serves `wsgi` as an ASGI app.

    Views at the paths of `prompt` must never wait; all others run in `threads` threads. A body of
    more than `largest_body` bytes, or without a Content-Length, is not read: the app gets the
    request without it, and has to refuse. When bodies of `most_bytes` in all are in hand, further
    ones are answered 503.
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

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer one request; ASGI 3."""
        expected = self._expected(scope["headers"])
        if expected > self._bytes_left:
            await _send(send, _BUSY)
            return
        self._bytes_left -= expected
        try:
            body = await _whole(receive) if expected else b""
            if body is not None:
                await _send(send, await self._answer(scope, _environ(scope, body)))
        finally:
            self._bytes_left += expected

    def _expected(self, headers: _Headers) -> int:
        """Return the length of the body that is to be read."""
        given = next((value for name, value in headers if name == b"content-length"), b"0")
        length = int(given)  # the server has parsed it
        return length if length <= self._largest_body else 0

    async def _answer(self, scope: _Scope, environ: "WSGIEnvironment") -> "_Answer":
        if scope["path"] not in self._prompt:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._run, environ)
        answer = _Answer()
        parts = self._wsgi(environ, answer.start)
        if isinstance(parts, Undecided):
            await self._bell.rung_by(parts.future)
        return answer.filled(parts)

    def _run(self, environ: "WSGIEnvironment") -> "_Answer":
        answer = _Answer()
        return answer.filled(self._wsgi(environ, answer.start))


@dataclass(slots=True)
class _Answer:
    status: int = 500
    headers: _Headers = field(default_factory=list)
    body: bytes = b""

    def start(
        self, status: str, headers: list[tuple[str, str]], _exc_info: object = None, /
    ) -> Callable[[bytes], object]:
        """Take the status and the headers, as WSGI's start_response."""
        self.status = int(status[:3])
        self.headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]
        return self._write

    def _write(self, part: bytes) -> None:
        self.body += part

    def filled(self, parts: Iterable[bytes]) -> "_Answer":
        """Return this with its body, the parts read and closed."""
        with ExitStack() as stack:
            if hasattr(parts, "close"):
                stack.callback(parts.close)
            self.body += b"".join(parts)
        return self


_BUSY = _Answer(
    HTTPStatus.SERVICE_UNAVAILABLE, [(b"retry-after", b"10"), (b"content-length", b"0")]
)


class _Bell:
    """Wakes the tasks of one event loop whose futures another thread completes, many at a time.

    asyncio.wrap_future calls the loop for each: it would wake up after the first of a group, and
    get into the way of the thread that still completes the others.
    """

    def __init__(self) -> None:
        self._done: deque[asyncio.Future[None]] = deque()
        self._ringing = False

    async def rung_by(self, future: "Future[Any]") -> None:
        """Return when `future` is done, whatever became of it."""
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        future.add_done_callback(lambda _: self._ring(loop, waiter))
        await waiter

    def _ring(self, loop: asyncio.AbstractEventLoop, waiter: "asyncio.Future[None]") -> None:
        self._done.append(waiter)
        if not self._ringing:
            self._ringing = True
            loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._ringing = False  # before the look: who comes after it rings again
        while self._done:
            waiter = self._done.popleft()
            if not waiter.done():
                waiter.set_result(None)


async def _send(send: _Send, answer: _Answer) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _whole(receive: _Receive) -> bytes | None:
    """Return the body, or None when the client has left."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _environ(scope: _Scope, body: bytes) -> "WSGIEnvironment":
    """Return the environment of WSGI (PEP 3333) for a request of ASGI."""
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
