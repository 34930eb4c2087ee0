"""Gunicorn worker for a `Dispatcher`: uvicorn reads HTTP, and `Protocol` calls the dispatcher.

Only this file depends on uvicorn's private API: `Protocol` overrides
`HttpToolsProtocol._start_asgi_task(cycle, app)`, so that no ASGI task runs (docs/decisions/0115).
tests/luggage/serving/test_worker.py fails when a new uvicorn drops or no longer calls it.

uvicorn leaves limits on heads and slow requests to a proxy; these hold without one too.
"""

import asyncio
import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn_worker import UvicornWorker

from luggage.serving.dispatcher import BUSY, Dispatcher, HttpResponse

# GitHub sends about twenty headers, a proxy adds a few.
_MAX_HEADERS = 64
_MAX_HEAD_BYTES = 32 * 1024
# Pipelined requests of one connection.
_MAX_PIPELINED = 16
# How long a request may take to arrive.
_REQUEST_TIMEOUT_SECONDS = 30.0


class Protocol(HttpToolsProtocol):
    """Reads requests for a `Dispatcher`, with limits of size and time, and sends responses."""

    app: Dispatcher

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._head_ended = False
        self._deadline: asyncio.TimerHandle | None = None
        # The request whose body is being read.
        self._reading: RequestResponseCycle | None = None
        # Bytes that the current request has reserved at the dispatcher.
        self._reserved = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timeout of the first request."""
        super().connection_made(transport)
        self._start_timeout()

    def data_received(self, data: bytes) -> None:
        """Parse data; refuse a head that is too long."""
        super().data_received(data)
        self._head_bytes = 0 if self._head_ended else self._head_bytes + len(data)
        if self._head_bytes > _MAX_HEAD_BYTES:
            self.send_400_response("the headers are too long")

    def on_message_begin(self) -> None:
        """Start the timeout of a further request."""
        super().on_message_begin()
        self._head_ended = False
        if self._deadline is None:
            self._start_timeout()

    def on_headers_complete(self) -> None:
        """Check the limits; raises ValueError, for which the parser answers 400."""
        self._head_ended = True
        if len(self.headers) > _MAX_HEADERS:
            raise ValueError("too many headers")
        if len(self.pipeline) >= _MAX_PIPELINED:
            raise ValueError("too many requests at once")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Buffer a part of the body, if the dispatcher wants it."""
        if self._reading is self.cycle:
            self.cycle.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the timeout, and handle a request whose body was read."""
        self._stop_timeout()
        super().on_message_complete()
        if self._reading is self.cycle:
            self._handle(self.cycle)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Return True to keep a half-closed connection open until its request is answered."""
        cycle: Any = self.cycle  # None before the first request
        is_unanswered = cycle is not None and not cycle.more_body and not cycle.response_complete
        if is_unanswered:
            cycle.keep_alive = False
        return is_unanswered

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timeout, and release the buffer of a request that did not arrive."""
        self._stop_timeout()
        if self._reading is not None:
            self._release()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ARG002
        """Start a request whose head is complete and whose predecessor is answered."""
        length = self.app.body_length(cycle.scope)
        if not self.app.reserve(length):
            self._send(cycle, BUSY)
            return
        self._reserved = length
        if not (length and cycle.more_body):
            self._handle(cycle)
            return
        self._reading = cycle
        if cycle.waiting_for_100_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.flow.resume_reading()

    def _handle(self, cycle: RequestResponseCycle) -> None:
        self._reading = None
        body = bytes(cycle.body) if self._reserved else b""
        cycle.body = bytearray()  # frees one of two copies
        self.app.handle(cycle.scope, body, partial(self._reply, cycle))

    def _reply(self, cycle: RequestResponseCycle, response: HttpResponse) -> None:
        self._release()
        if not cycle.disconnected:
            self._send(cycle, response)

    def _release(self) -> None:
        self._reading = None
        self.app.release(self._reserved)
        self._reserved = 0

    def _send(self, cycle: RequestResponseCycle, response: HttpResponse) -> None:
        self.transport.write(b"".join(self._parts(cycle, response)))
        cycle.response_complete = True
        cycle.on_response = _do_nothing  # breaks a reference cycle
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _parts(self, cycle: RequestResponseCycle, response: HttpResponse) -> Iterator[bytes]:
        yield STATUS_LINE[response.status]
        for name, value in self.server_state.default_headers:
            yield b"%b: %b\r\n" % (name, value)
        yield "".join(f"{name}: {value}\r\n" for name, value in response.headers).encode("latin-1")
        if not cycle.keep_alive:
            yield b"connection: close\r\n"
        yield b"\r\n"
        if cycle.scope["method"] != "HEAD":
            yield response.body

    def _start_timeout(self) -> None:
        self._deadline = self.loop.call_later(_REQUEST_TIMEOUT_SECONDS, self.transport.close)

    def _stop_timeout(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _do_nothing() -> None:
    pass


class GunicornWorker(UvicornWorker):  # type: ignore[misc]
    """Gunicorn worker with an event loop, for HTTP/1.1 only."""

    CONFIG_KWARGS = {  # noqa: RUF012  as its base has it
        "http": Protocol,
        "interface": "asgi3",  # uvicorn passes the app on unchanged
        "loop": "uvloop",
        "ws": "none",
        "lifespan": "off",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.config.timeout_graceful_shutdown = self.cfg.graceful_timeout
        # uvicorn's log lines go to our handlers.
        logging.getLogger("uvicorn.error").propagate = True
