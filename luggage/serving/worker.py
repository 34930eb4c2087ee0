"""The worker with which gunicorn serves a `Front`: uvicorn's, with the limits it leaves to a proxy.

Bot and proxy share a limit where both have it; without a proxy these are the only ones.
"""

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn_worker import UvicornWorker

# GitHub sends some twenty headers, a proxy adds a few.
_MOST_HEADERS = 64
_LARGEST_HEAD = 32 * 1024
_PATIENCE_SECONDS = 30.0


class Protocol(HttpToolsProtocol):
    """Reads requests; hangs up on one that has a head without end, or takes too long to come."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._head_ended = False
        self._deadline: asyncio.TimerHandle | None = None

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
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End the request; the answer has all the time it needs."""
        self._stop_waiting()
        super().on_message_complete()

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
        super().connection_lost(exc)

    def _await_request(self) -> None:
        self._deadline = self.loop.call_later(_PATIENCE_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Worker(UvicornWorker):  # type: ignore[misc]
    """Gunicorn's worker: an event loop, requests over HTTP/1.1 and nothing else."""

    CONFIG_KWARGS = {  # noqa: RUF012  as its base has it
        "http": Protocol,
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
