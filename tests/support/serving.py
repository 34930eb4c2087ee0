"""A real server for a dispatcher, in the event loop of a test, and clients on real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import uvloop
from uvicorn.config import Config
from uvicorn.server import Server

from luggage.serving import Dispatcher, worker

TIMEOUT_SECONDS = 30


def run(scenario: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on uvloop in another thread, because this one may have a running loop."""

    def work() -> Any:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(scenario)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


@contextlib.asynccontextmanager
async def serving(dispatcher: Dispatcher) -> AsyncIterator[int]:
    """Serve `dispatcher` as gunicorn's worker does; give the port."""
    settings = {"loop": "none", "log_config": None, "timeout_keep_alive": 2}  # gunicorn's
    kwargs = worker.GunicornWorker.CONFIG_KWARGS | settings
    server = Server(Config(dispatcher, host="127.0.0.1", port=0, **kwargs))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        server.force_exit = True
        await task


async def until(happened: Callable[[], object]) -> None:
    """Wait until `happened` returns true."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not happened():  # noqa: ASYNC110  no event to wait for
            await asyncio.sleep(0.01)
