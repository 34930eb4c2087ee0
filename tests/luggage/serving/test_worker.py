"""luggage.serving.worker: the limits of the server itself, over a real connection."""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from uvicorn.config import Config
from uvicorn.server import Server

from luggage.serving import DeferredResponse, Dispatcher, worker

PATIENCE_SECONDS = 30


def app(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def run(story):
    """What the story comes to, in a loop of its own: this thread may have one that runs."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, story).result()


def make_front(wsgi=app):
    return Dispatcher(wsgi, prompt={"/"}, threads=1, largest_body=300_000, most_bytes=400_000)


async def talk(*parts, hangs_up=False, front=None):
    """Send `parts` to a server; return all that it answers until it hangs up."""
    front = front or make_front()
    kwargs = dict(worker.GunicornWorker.CONFIG_KWARGS, loop="none", log_config=None)
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


def post(length, *lines):
    """The head of a request, the last on its connection."""
    more = b"".join(line + b"\r\n" for line in (*lines, b"Connection: close"))
    return b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n" % (length, more)


def test_a_long_body_is_read_whole():
    """It may come in many parts, and be larger than what a server reads ahead."""
    body = bytes(range(256)) * 1000
    parts = [body[at : at + 50_000] for at in range(0, len(body), 50_000)]
    assert run(talk(post(len(body)), *parts)).endswith(b"\r\n\r\n" + body)


def test_whoever_waits_to_be_asked_for_the_body_is_asked():
    """A client may send the head alone, and listen."""
    answer = run(talk(post(2, b"Expect: 100-continue"), b"hi"))
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")


def test_a_body_that_is_too_long_is_not_asked_for():
    """The app is called without it, at once."""
    answer = run(talk(post(300_001, b"Expect: 100-continue")))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Content-Length: 0\r\n" in answer


def test_a_head_is_answered_with_a_head():
    """Content-Length tells of a body that does not come."""

    def wsgi(_environ, start_response):
        start_response("200 OK", [])
        return [b"hi"]

    said = b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = run(talk(said, front=make_front(wsgi)))
    assert b"Content-Length: 2\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_more_than_can_be_held_is_refused_before_it_is_read():
    """There is room again when a request is answered, and when its client leaves."""
    front = make_front()
    front.take(200_000)
    refused = run(talk(post(200_001, b"Expect: 100-continue"), front=front))
    assert refused.startswith(b"HTTP/1.1 503")
    assert b"Retry-After: 10\r\n" in refused
    for body, hangs_up in ((b"x" * 200_000, False), (b"x", True), (b"x" * 200_000, False)):
        answer = run(talk(post(200_000), body, hangs_up=hangs_up, front=front))
        assert answer.startswith(b"HTTP/1.1 200") is not hangs_up


class Later:
    """A WSGI app that is done when a test says so, and answers what was posted."""

    def __init__(self):
        self.asked = []

    def __call__(self, environ, start_response):
        future = Future()
        self.asked.append(future)
        body = environ["wsgi.input"].read()

        def decide():
            start_response("200 OK", [])
            return body

        return DeferredResponse(future, decide)


def test_requests_sent_together_are_answered_in_their_order():
    """The second is begun when the first is answered."""
    later = Later()

    async def story():
        first = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
        talking = asyncio.create_task(talk(first + post(3) + b"two", front=make_front(later)))
        await until(lambda: later.asked)
        assert len(later.asked) == 1
        later.asked[0].set_result(None)
        await until(lambda: later.asked[1:])
        later.asked[1].set_result(None)
        return await talking

    answer = run(story())
    assert answer.index(b"\r\n\r\none") < answer.index(b"\r\n\r\ntwo")


def test_too_many_requests_sent_together_are_refused():
    """They would all be begun within one another, when the first is answered."""
    first = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
    many = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 1000
    assert run(talk(first + many, front=make_front(Later()))).startswith(b"HTTP/1.1 400")


def test_a_client_that_does_not_wait_for_its_answer_leaves_room():
    """Its request is carried out all the same."""
    later = Later()
    front = make_front(later)

    async def story():
        talking = asyncio.create_task(talk(post(300_000), b"x" * 300_000, front=front))
        await until(lambda: later.asked)
        talking.cancel()
        assert not front.take(300_000)
        later.asked[0].set_result(None)
        await asyncio.wait([talking])
        assert front.take(300_000)

    run(story())


async def until(happened):
    """Wait for something that another connection does."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not happened():  # noqa: ASYNC110  it knows no event
            await asyncio.sleep(0.01)
