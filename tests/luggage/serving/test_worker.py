"""luggage.serving.worker: HTTP over a real connection, and its limits."""

import ast
import asyncio
import contextlib
import inspect
import textwrap
from concurrent.futures import Future

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from luggage.serving import DeferredResponse, Dispatcher, ServingLimits, TrustedProxies, worker
from tests.support.serving import TIMEOUT_SECONDS, run, serving, until


def app(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def make_dispatcher(wsgi=app, *, connections=20):
    return Dispatcher(
        wsgi,
        inline_paths={"/"},
        limits=ServingLimits(
            threads=1,
            max_body=300_000,
            max_page_body=1000,
            max_buffered=400_000,
            max_connections=connections,
        ),
        proxies=TrustedProxies(),
    )


async def talk(*parts, hangs_up=False, dispatcher=None):
    """Send `parts` to a server; return what it sends until it closes the connection."""
    async with serving(dispatcher or make_dispatcher()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.closing(writer):
            for part in parts:
                writer.write(part)
                await writer.drain()
            if hangs_up:
                writer.write_eof()
            return await asyncio.wait_for(reader.read(), TIMEOUT_SECONDS)


def test_a_request_is_answered():
    """The server answers with head and body, and then closes the connection as requested."""
    said = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
    answer = run(talk(said, b"hi"))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"hi")
    assert b"server:" not in answer


def test_a_half_closed_connection_is_answered():
    """A client that closes its sending side still gets the response."""
    said = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
    assert run(talk(said, hangs_up=True)).endswith(b"hi")


def test_an_incomplete_request_is_not_answered():
    """The server closes the connection when the client leaves in the middle of a body."""
    said = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nh"
    assert run(talk(said, hangs_up=True)) == b""


def test_too_many_headers_are_refused():
    """65 headers are one too many."""
    many = b"".join(b"X-%d: y\r\n" % number for number in range(65))
    assert run(talk(b"GET / HTTP/1.1\r\n" + many + b"\r\n")).startswith(b"HTTP/1.1 400")


def test_two_requests_on_one_connection_are_both_answered():
    """The limits apply to each request, not to the connection."""
    first = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert run(talk(first, last)).count(b"200 OK") == 2


def test_a_head_without_end_is_refused():
    """A client cannot fill the memory with a header."""
    parts = [b"x" * 16_384] * 8
    try:
        answer = run(talk(b"GET / HTTP/1.1\r\nX-Long: ", *parts))
    except ConnectionResetError:
        # A client that still sends may see the reset before the response.
        return
    assert answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "said", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab"]
)
def test_a_request_that_arrives_too_slowly_is_dropped(said, monkeypatch):
    """The server closes the connection of a client that sends nothing, or not everything."""
    monkeypatch.setattr(worker, "_PERIOD_SECONDS", 0.05)
    assert run(talk(said)) == b""


def test_bytes_that_are_not_http_get_a_400():
    """Bytes that are not HTTP get a 400."""
    assert run(talk(b"\x16\x03\x01\r\n\r\n")).startswith(b"HTTP/1.1 400")


def post(length, *lines):
    """The head of a request, the last on its connection."""
    more = b"".join(line + b"\r\n" for line in (*lines, b"Connection: close"))
    return b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n" % (length, more)


def test_a_long_body_is_read_whole():
    """A body may arrive in many parts, and exceed the server's read buffer."""
    body = bytes(range(256)) * 1000
    parts = [body[at : at + 50_000] for at in range(0, len(body), 50_000)]
    assert run(talk(post(len(body)), *parts)).endswith(b"\r\n\r\n" + body)


def test_expect_100_continue_is_answered():
    """A client may send the head first and wait for 100 Continue."""
    answer = run(talk(post(2, b"Expect: 100-continue"), b"hi"))
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")


def test_a_body_that_is_too_long_is_not_asked_for():
    """The app is called at once, without the body."""
    answer = run(talk(post(300_001, b"Expect: 100-continue")))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Content-Length: 0\r\n" in answer


def test_a_head_is_answered_with_a_head():
    """A response to HEAD has the Content-Length, but no body."""

    def wsgi(_environ, start_response):
        start_response("200 OK", [])
        return [b"hi"]

    said = b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = run(talk(said, dispatcher=make_dispatcher(wsgi)))
    assert b"Content-Length: 2\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


class Later:
    """A WSGI app that echoes a body once the test completes its future."""

    def __init__(self):
        self.futures = []

    def __call__(self, environ, start_response):
        future = Future()
        self.futures.append(future)
        body = environ["wsgi.input"].read()

        def decide():
            start_response("200 OK", [])
            return body

        return DeferredResponse(future, decide)


def test_requests_sent_together_are_answered_in_their_order():
    """A pipelined request starts when the one before it is answered."""
    later = Later()

    async def scenario():
        first = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
        talking = asyncio.create_task(
            talk(first + post(3) + b"two", dispatcher=make_dispatcher(later))
        )
        await until(lambda: later.futures)
        assert len(later.futures) == 1
        later.futures[0].set_result(None)
        await until(lambda: later.futures[1:])
        later.futures[1].set_result(None)
        return await talking

    answer = run(scenario())
    assert answer.index(b"\r\n\r\none") < answer.index(b"\r\n\r\ntwo")


def test_too_many_requests_sent_together_are_refused():
    """A thousand pipelined requests get a 400 instead of a deep recursion."""
    first = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
    many = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 1000
    assert run(talk(first + many, dispatcher=make_dispatcher(Later()))).startswith(b"HTTP/1.1 400")


def calls(protocol, name):
    """Return how many arguments each method of a class passes to the method `name`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(protocol)))
    return {
        method.name: len(call.args)
        for method in ast.walk(tree)
        if isinstance(method, ast.FunctionDef)
        for call in ast.walk(method)
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == name
    }


def check_private_method(protocol):
    """Fail unless uvicorn's protocol starts each request with `_start_asgi_task(cycle, app)`."""
    remedy = (
        "luggage.serving.worker.Protocol overrides uvicorn's private "
        "HttpToolsProtocol._start_asgi_task(cycle, app); adapt it to this uvicorn, or pin the last "
        "one that worked (docs/decisions/0115)"
    )
    method = getattr(protocol, "_start_asgi_task", None)
    assert method is not None, f"uvicorn no longer has _start_asgi_task: {remedy}"
    parameters = list(inspect.signature(method).parameters)
    assert parameters == ["self", "cycle", "app"], f"its parameters are {parameters}: {remedy}"
    callers = calls(protocol, "_start_asgi_task")
    expected = {"on_headers_complete": 2, "on_response_complete": 2}
    assert callers == expected, f"uvicorn calls it from {callers}, not from {expected}: {remedy}"
    bypasses = set(calls(protocol, "run_asgi")) - {"_start_asgi_task"}
    assert not bypasses, f"uvicorn also starts requests in {bypasses}: {remedy}"


def test_uvicorn_starts_requests_with_the_private_method_that_protocol_overrides():
    """HttpToolsProtocol has `_start_asgi_task(cycle, app)` and calls it for each request."""
    check_private_method(HttpToolsProtocol)


class WithoutTheMethod:
    """A protocol that lost the method."""


class OtherParameters:
    """A protocol whose method takes something else."""

    def _start_asgi_task(self, cycle):
        """Take no app."""


class NotCalled:
    """A protocol that no longer calls its method."""

    def _start_asgi_task(self, cycle, app):
        """Do nothing."""

    def on_headers_complete(self):
        """Start a request in another way."""
        self.loop.create_task(self.cycle.run_asgi(self.app))


@pytest.mark.parametrize(
    ("protocol", "complaint"),
    [
        (WithoutTheMethod, "no longer has"),
        (OtherParameters, "its parameters are"),
        (NotCalled, "uvicorn calls it from {}"),
    ],
)
def test_a_changed_uvicorn_is_reported_with_a_remedy(protocol, complaint):
    """The check names what changed, and where to adapt it."""
    with pytest.raises(AssertionError, match=f"{complaint}.*luggage.serving.worker.Protocol"):
        check_private_method(protocol)
