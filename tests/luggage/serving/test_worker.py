"""luggage.serving.worker: the limits of the server itself, over a real connection."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from uvicorn.config import Config
from uvicorn.server import Server

from luggage.serving import Front, worker

PATIENCE_SECONDS = 30


def app(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def run(story):
    """What the story comes to, in a loop of its own: this thread may have one that runs."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, story).result()


async def talk(*parts, hangs_up=False):
    """Send `parts` to a server; return all that it answers until it hangs up."""
    front = Front(app, prompt={"/"}, threads=1, largest_body=1000, most_bytes=1000)
    kwargs = dict(worker.Worker.CONFIG_KWARGS, loop="none", log_config=None)
    server = Server(Config(front, host="127.0.0.1", port=0, **kwargs))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        if hangs_up:
            writer.write_eof()
        return await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
    finally:
        writer.close()
        server.should_exit = True
        await serving


def test_a_request_is_answered():
    """Head and body, then the end that was asked for."""
    said = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
    answer = run(talk(said, b"hi"))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"hi")
    assert b"server:" not in answer


def test_a_client_that_has_said_all_is_answered():
    """Closing one half of the line is no reason not to answer on the other."""
    said = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
    assert run(talk(said, hangs_up=True)).endswith(b"hi")


def test_a_client_that_leaves_within_a_request_is_not_waited_for():
    """What is cut short has no answer."""
    said = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nh"
    assert run(talk(said, hangs_up=True)) == b""


def test_too_many_headers_are_refused():
    """No request needs more than a GitHub and a proxy send."""
    many = b"".join(b"X-%d: y\r\n" % number for number in range(65))
    assert run(talk(b"GET / HTTP/1.1\r\n" + many + b"\r\n")).startswith(b"HTTP/1.1 400")


def test_two_requests_on_one_connection_are_both_answered():
    """The limits are those of a request, not of its connection."""
    first = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert run(talk(first, last)).count(b"200 OK") == 2


def test_a_head_without_end_is_refused():
    """Nobody can fill the memory with a header."""
    parts = [b"x" * 16_384] * 8
    try:
        answer = run(talk(b"GET / HTTP/1.1\r\nX-Long: ", *parts))
    except ConnectionResetError:
        # Whoever is still sending may learn of the end before the reason.
        return
    assert answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "said", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab"]
)
def test_a_request_that_takes_too_long_to_come_is_not_waited_for(said, monkeypatch):
    """A connection does not stay open for a client that says nothing, or not all."""
    monkeypatch.setattr(worker, "_PATIENCE_SECONDS", 0.05)
    assert run(talk(said)) == b""


def test_what_is_not_http_is_refused():
    """A stranger's bytes are answered, not logged as a crash."""
    assert run(talk(b"\x16\x03\x01\r\n\r\n")).startswith(b"HTTP/1.1 400")
