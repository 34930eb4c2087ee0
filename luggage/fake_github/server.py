"""HTTP server for a function from Request to Outcome.

It uses http.server because faults need the socket, to reset it or to truncate a response. Each
connection has a thread, which `stop()` joins.
"""

import contextlib
import socket
import struct
import sys
import threading
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from luggage.fake_github.messages import Answer, Outcome, Request

_POLL_SECONDS = 0.02
_NO_LINGER = struct.pack("ii", 1, 0)


class HttpServer:
    """Serves on 127.0.0.1 from its creation until `stop()`; a context manager.

    `url` has no trailing slash. `stop()` closes all connections, joins all threads, and may be
    called again.
    """

    def __init__(
        self,
        handle: Callable[[Request], Outcome],
        *,
        clock: Callable[[], float],
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._server = _Server((host, port), handle, clock)
        self.port: int = self._server.server_address[1]
        self.url = f"http://{host}:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="fake-github"
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; return when all threads have ended."""
        if self._thread.is_alive():
            self._server.stopping.set()
            self._server.shutdown()
            self._thread.join()
            self._server.close_connections()
            self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    # False: server_close() joins the threads of all connections.
    daemon_threads = False
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        handle: Callable[[Request], Outcome],
        clock: Callable[[], float],
    ) -> None:
        self.handle = handle
        self.clock = clock
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_NO_LINGER)) == _NO_LINGER:
            # shutdown() would send a FIN; close() alone sends the reset.
            request.close()
        else:
            super().shutdown_request(request)

    def close_connections(self) -> None:
        """Wake the threads that wait for the next request on a kept-alive connection."""
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):  # this client has gone, the others have not
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore disconnected clients; report bugs of the simulation."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    # One packet per response, sent at once: buffered, without Nagle's delay.
    wbufsize = -1
    disable_nagle_algorithm = True

    def serve(self) -> None:
        """Read a request, handle it, and send or break the response."""
        outcome = self.server.handle(self._request())
        if outcome.delay_seconds:
            self.server.stopping.wait(outcome.delay_seconds)
        if outcome.hang_up == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.close_connection = self.close_connection or bool(outcome.hang_up)
        if outcome.hang_up in {"", "half"}:
            self._send(outcome.answer, half=outcome.hang_up == "half")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve  # noqa: N815 - http.server's names

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionAbortedError("the request body is incomplete")
        return Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )

    def _send(self, answer: Answer, *, half: bool) -> None:
        body = answer.encoded()
        self.send_response_only(answer.status)
        self.send_header("Server", "github.com")
        self.send_header("Date", formatdate(self.server.clock(), usegmt=True))
        if body:
            self.send_header("Content-Type", answer.content_type)
        if answer.status not in {204, 304}:
            self.send_header("Content-Length", str(len(body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if half else body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing; FakeGithub.calls records the requests."""
