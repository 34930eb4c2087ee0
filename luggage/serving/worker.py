"""Gunicorn worker for a `Dispatcher`: uvicorn reads HTTP, and `Protocol` calls the dispatcher.

Only this file depends on uvicorn's private API: `Protocol` overrides
`HttpToolsProtocol._start_asgi_task(cycle, app)`, so that no ASGI task runs (docs/decisions/0115).
tests/luggage/serving/test_worker.py fails when a new uvicorn drops or no longer calls it.

uvicorn leaves limits on heads, slow requests and connections to a proxy; these hold without one
too.
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
# Pipelined requests of one connection: neither GitHub nor a proxy sends any.
_MAX_PIPELINED = 4
# In each period the head, or this much of the body, must arrive, and all within the last one.
# GitHub itself gives up after 10 s.
_PERIOD_SECONDS = 10.0
_LEAST_BYTES = 10 * 1024
_MOST_PERIODS = 3
# A connection that sent this much of a body counts as new where one has to make room.
_RENEWING_BYTES = 64 * 1024
# How long a client may take to read the last response.
_LINGER_SECONDS = 10.0


class Protocol(HttpToolsProtocol):
    """Reads requests for a `Dispatcher`, with limits of size and time, and sends responses."""

    app: Dispatcher

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_admitted = False
        self._is_lost = False
        self._head_bytes = 0
        self._head_ended = False
        # Run at the end of a period, and after the last response.
        self._deadline: asyncio.TimerHandle | None = None
        self._lingering: asyncio.TimerHandle | None = None
        self._periods = 0
        # Bytes that arrived in this period, and since the connection counted as new.
        self._progress = 0
        self._unrenewed = 0
        # The request whose body is being read.
        self._reading: RequestResponseCycle | None = None
        self._is_answering = False
        # Bytes of the complete body that the dispatcher has.
        self._held = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Ask for admission, and start the timeout of the first request."""
        super().connection_made(transport)
        self._is_admitted = self.app.connections.opened(self)
        if self._is_admitted:
            self._start_timeout()
        else:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse data; refuse a head that is too long."""
        if self.transport.is_closing():
            return
        self._progress += len(data)
        super().data_received(data)
        self._head_bytes = 0 if self._head_ended else self._head_bytes + len(data)
        if self._head_bytes > _MAX_HEAD_BYTES:
            self.send_400_response("the headers are too long")
        # Data ends uvicorn's timeout of an idle connection, also if it begins no request.
        is_timed = self._deadline is not None or self.timeout_keep_alive_task is not None
        if not (is_timed or self._is_answering or self.transport.is_closing()):
            self._start_timeout()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, once."""
        if not self.transport.is_closing():
            super().send_400_response(msg)
            self._close()

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
        """Buffer a part of the body, if the dispatcher wants it and has room."""
        if self._reading is not self.cycle:
            # The body of a pipelined request is kept until its turn; another is not wanted.
            if self.pipeline:
                super().on_body(body)
            return
        if not self.app.bodies.book(self, len(body)):
            self.refuse()
            return
        self.cycle.body += body
        self._unrenewed += len(body)
        if self._unrenewed >= _RENEWING_BYTES:
            self._unrenewed = 0
            self.app.connections.renewed(self)

    def on_message_complete(self) -> None:
        """Stop the timeout, and handle a request whose body was read."""
        self._stop_timeout()
        super().on_message_complete()
        if self._reading is self.cycle:
            self._handle(self.cycle)

    def on_response_complete(self) -> None:
        """Start the next request, but read no further one while the client does not read."""
        super().on_response_complete()
        if self.flow.write_paused and not self.transport.is_closing():
            self.flow.pause_reading()

    def pause_writing(self) -> None:
        """Read no further request while the client does not read its responses."""
        super().pause_writing()
        if not self.transport.is_closing():
            self.flow.pause_reading()

    def resume_writing(self) -> None:
        """Read on."""
        super().resume_writing()
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection without a further request."""
        self._close()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Return True to keep a half-closed connection open until its request is answered."""
        cycle: Any = self.cycle  # None before the first request
        is_unanswered = cycle is not None and not cycle.more_body and not cycle.response_complete
        if is_unanswered:
            cycle.keep_alive = False
        return is_unanswered

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timeouts, and release what an unfinished request has."""
        self._is_lost = True
        self._stop_timeout()
        if self._lingering is not None:
            self._lingering.cancel()
        self._reading = None
        self.pipeline.clear()
        self.app.bodies.abandon(self)
        if self._is_admitted:
            self.app.connections.closed(self)
        super().connection_lost(exc)

    def shed(self) -> None:
        """Close the connection at once, to make room for another."""
        self.transport.abort()

    def refuse(self) -> None:
        """Refuse the request whose body is being read, to make room for another."""
        cycle, self._reading = self.cycle, None
        self.app.bodies.abandon(self)
        cycle.body = bytearray()
        cycle.keep_alive = False
        self._send(cycle, BUSY)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ARG002
        """Start a request whose head is complete and whose predecessor is answered."""
        if self.transport.is_closing():
            return
        length = self.app.body_length(cycle.scope)
        if not self.app.bodies.could_hold(length):
            self._send(cycle, BUSY)
            return
        if not length:
            cycle.body = bytearray()
            self._handle(cycle)
            return
        self._reading = cycle
        if cycle.body and not self.app.bodies.book(self, len(cycle.body)):
            self.refuse()
            return
        if not cycle.more_body:
            self._handle(cycle)
            return
        if cycle.waiting_for_100_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.flow.resume_reading()

    def _handle(self, cycle: RequestResponseCycle) -> None:
        self._reading = None
        self._is_answering = True
        self._held = self.app.bodies.complete(self)
        self.app.connections.answering(self)
        body = bytes(cycle.body)
        cycle.body = bytearray()  # frees one of two copies
        self.app.handle(cycle.scope, body, partial(self._reply, cycle))

    def _reply(self, cycle: RequestResponseCycle, response: HttpResponse) -> None:
        held, self._held = self._held, 0
        self.app.bodies.release(held)
        self._is_answering = False
        # The client may have left; uvicorn marks only the last of pipelined requests.
        if not self._is_lost:
            self.app.connections.renewed(self)
            self._send(cycle, response)

    def _send(self, cycle: RequestResponseCycle, response: HttpResponse) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"".join(self._parts(cycle, response)))
        cycle.response_complete = True
        cycle.on_response = _do_nothing  # breaks a reference cycle
        if not cycle.keep_alive:
            self._close()
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
        self._periods = self._progress = 0
        self._deadline = self.loop.call_later(_PERIOD_SECONDS, self._end_period)

    def _stop_timeout(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_period(self) -> None:
        """Close the connection of a client that sends nothing, or too little."""
        # A pipelined request may wait for the response to the one before.
        if not self._is_answering:
            self._periods += 1
            has_progress = self._head_ended and self._progress >= _LEAST_BYTES
            if not has_progress or self._periods >= _MOST_PERIODS:
                self._close()
                return
        self._progress = 0
        self._deadline = self.loop.call_later(_PERIOD_SECONDS, self._end_period)

    def _close(self) -> None:
        """Close the connection; abort it if the client does not read the last response."""
        self.transport.close()
        if self._lingering is None and not self._is_lost:
            self._lingering = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)


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

    async def _serve(self) -> None:
        """Serve on the sockets inside of gunicorn's.

        uvloop detaches a socket before it closes the descriptor. It would call `close` on anything
        else afterwards, and gunicorn would log that the descriptor is gone.
        """
        self.sockets: list[Any] = [each.sock for each in self.sockets]
        await super()._serve()
