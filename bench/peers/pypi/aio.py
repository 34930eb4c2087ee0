"""gidgethub with aiohttp, one process on a listening socket: `python aio.py FD`."""

import os
import socket
import sys

from aiohttp import web
from gidgethub import routing, sansio

SECRET = os.environ["WEBHOOK_SECRET"]
router = routing.Router()


async def closed(_event: sansio.Event) -> None:
    """Do nothing."""


router.add(closed, "pull_request", action="closed")


async def receive(request: web.Request) -> web.Response:
    """Verify, parse and run the handler, as gidgethub's documentation shows."""
    body = await request.read()
    try:
        event = sansio.Event.from_http(request.headers, body, secret=SECRET)
    except sansio.ValidationFailure:
        return web.Response(status=401)
    await router.dispatch(event)
    return web.Response(status=200)


if __name__ == "__main__":
    app = web.Application()
    app.router.add_post("/webhook", receive)
    web.run_app(app, sock=socket.socket(fileno=int(sys.argv[1])), print=None, access_log=None)
