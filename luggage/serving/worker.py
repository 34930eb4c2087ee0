"""The worker with which gunicorn serves a `Front`: uvicorn's, which reads HTTP for it.

The limits are those that uvicorn leaves to a proxy. Bot and proxy share a limit where both have it;
without a proxy these are the only ones.
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

# GitHub sends some twenty headers, a proxy adds a few.
_MOST_HEADERS = 64
_LARGEST_HEAD = 32 * 1024
# Requests of one connection that wait until the one before them is answered.
_MOST_WAITING = 16
_PATIENCE_SECONDS = 30.0


class Protocol(HttpToolsProtocol):
    """Reads requests for a `Front`, and sends its answers.

    uvicorn's own way to an app, a task and some messages for each request, is left out. Hangs up on
    a request that has a head without end, or takes too long to come.
    """

    app: Dispatcher

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._head_ended = False
        self._deadline: asyncio.TimerHandle | None = None
        # The request of which the body is being read.
        self._reading: RequestResponseCycle | None = None
        # What of the Front's room is taken for the request that is in hand.
        self._taken = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first request its time."""
        super().connection_made(transport)
        self._await_request()

    def data_received(self, data: bytes) -> None:
        """Read on, unless all that came was a head."""
        super().data_received(data)
        self._head_bytes = 0 if self._head_ended else self._head_bytes + len(data)
        if self._head_bytes > _LARGEST_HEAD:
            self.send_400_response("the headers are too long")

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._head_ended = False
        if self._deadline is None:
            self._await_request()

    def on_headers_complete(self) -> None:
        """End its head; the parser makes a 400 of what is raised."""
        self._head_ended = True
        if len(self.headers) > _MOST_HEADERS:
            raise ValueError("too many headers")
        if len(self.pipeline) >= _MOST_WAITING:
            raise ValueError("too many requests at once")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body, if somebody is to have it."""
        if self._reading is self.cycle:
            self.cycle.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request; the answer has all the time it needs."""
        self._stop_waiting()
        super().on_message_complete()
        if self._reading is self.cycle:
            self._handle(self.cycle)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the line of a client that has said all and listens, until it is answered."""
        cycle: Any = self.cycle  # None before the first request
        is_asked = cycle is not None and not cycle.more_body and not cycle.response_complete
        if is_asked:
            cycle.keep_alive = False
        return is_asked

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection."""
        self._stop_waiting()
        if self._reading is not None:
            self._release()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ARG002
        """Begin with a request: its head is here, and the one before it is answered."""
        length = self.app.expected(cycle.scope)
        if not self.app.take(length):
            self._send(cycle, BUSY)
            return
        self._taken = length
        if not (length and cycle.more_body):
            self._handle(cycle)
            return
        self._reading = cycle
        if cycle.waiting_for_100_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.flow.resume_reading()

    def _handle(self, cycle: RequestResponseCycle) -> None:
        self._reading = None
        body = bytes(cycle.body) if self._taken else b""
        cycle.body = bytearray()  # not twice in memory while it is stored
        self.app.handle(cycle.scope, body, partial(self._reply, cycle))

    def _reply(self, cycle: RequestResponseCycle, answer: HttpResponse) -> None:
        self._release()
        if not cycle.disconnected:
            self._send(cycle, answer)

    def _release(self) -> None:
        self._reading = None
        self.app.release(self._taken)
        self._taken = 0

    def _send(self, cycle: RequestResponseCycle, answer: HttpResponse) -> None:
        self.transport.write(b"".join(self._parts(cycle, answer)))
        cycle.response_complete = True
        cycle.on_response = _nothing  # a ring of references, which the collector would have to find
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _parts(self, cycle: RequestResponseCycle, answer: HttpResponse) -> Iterator[bytes]:
        yield STATUS_LINE[answer.status]
        for name, value in self.server_state.default_headers:
            yield b"%b: %b\r\n" % (name, value)
        yield "".join(f"{name}: {value}\r\n" for name, value in answer.headers).encode("latin-1")
        if not cycle.keep_alive:
            yield b"connection: close\r\n"
        yield b"\r\n"
        if cycle.scope["method"] != "HEAD":
            yield answer.body

    def _await_request(self) -> None:
        self._deadline = self.loop.call_later(_PATIENCE_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _nothing() -> None:
    pass


class GunicornWorker(UvicornWorker):  # type: ignore[misc]
    """Gunicorn's worker: an event loop, requests over HTTP/1.1 and nothing else."""

    CONFIG_KWARGS = {  # noqa: RUF012  as its base has it
        "http": Protocol,
        "interface": "asgi3",  # takes the app as it is
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
        # Its lines go the way of all others.
        logging.getLogger("uvicorn.error").propagate = True
