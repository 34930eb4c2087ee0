"""luggage.serving.dispatcher: a WSGI app behind an event loop."""

import asyncio
import gc
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from flask import Flask, request

from luggage.serving import DeferredResponse, Dispatcher, ServingLimits, TrustedProxies

TIMEOUT_SECONDS = 30


def run(scenario):
    """Run a coroutine in another thread, because this one may have a running loop."""
    with ThreadPoolExecutor(1, thread_name_prefix="loop") as thread:
        return thread.submit(asyncio.run, scenario).result()


def app():
    """A WSGI app that echoes the request."""
    flask = Flask("test", static_folder=None)

    @flask.route("/echo", methods=["GET", "POST"])
    def echo():
        said = {name: request.headers.get(name) for name in ("X-One", "X-Two", "Content-Type")}
        return {
            "method": request.method,
            "path": request.full_path,
            "body": request.get_data(as_text=True),
            "thread": threading.current_thread().name,
            **said,
        }

    return flask


def make_dispatcher(wsgi=None, **more):
    limits = ServingLimits(
        threads=2, max_body=100, max_page_body=10, max_buffered=150, max_connections=10
    )
    settings = {"inline_paths": {"/inline"}, "limits": limits, "proxies": TrustedProxies()}
    return Dispatcher(wsgi or app(), **(settings | more))


def scope(path="/echo", method="POST", headers=(), query=b""):
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 5000),
        "headers": list(headers),
    }


async def request_to(dispatcher, body=b"", **said):
    """Return the response to a request."""
    answered = asyncio.get_running_loop().create_future()
    dispatcher.handle(scope(**said), body, answered.set_result)
    return await asyncio.wait_for(answered, TIMEOUT_SECONDS)


def length(number):
    return (b"content-length", str(number).encode())


def test_a_request_reaches_the_app_as_it_was_sent():
    """The app gets method, path, query, headers and body."""
    headers = [length(5), (b"content-type", b"text/plain"), (b"x-one", b"1"), (b"x-one", b"2")]
    response = run(
        request_to(make_dispatcher(), b"hello", headers=headers, query=b"a=b", path="/echo")
    )
    assert response.status == 200
    assert ("Content-Type", "application/json") in response.headers
    for part in (b'"method":"POST"', b'"path":"/echo?a=b"', b'"body":"hello"', b'"X-One":"1,2"'):
        assert part in response.body


def test_a_header_with_an_underscore_is_dropped():
    """`X_Two` would look like `X-Two` to the app."""
    response = run(request_to(make_dispatcher(), headers=[(b"x_two", b"forged")], method="GET"))
    assert b'"X-Two":null' in response.body


def test_pages_run_in_threads():
    """A page that waits delays no delivery."""
    response = run(request_to(make_dispatcher(), method="GET"))
    assert b'"thread":"page' in response.body


def inline_app(environ, start_response):
    body = threading.current_thread().name.encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def test_an_inline_path_runs_in_the_loop():
    """A view that never blocks runs without another thread."""
    response = run(request_to(make_dispatcher(inline_app), path="/inline"))
    assert response.body.startswith(b"loop")


def deferred(future):
    """A WSGI app that responds with the outcome of `future`."""

    def wsgi(_environ, start_response):
        def decide():
            start_response("202 Accepted", [])
            return repr(future.exception() or future.result()).encode()

        return DeferredResponse(future, decide)

    return wsgi


def test_others_are_answered_while_one_waits_for_its_future():
    """A deferred response comes when its future is done, and delays no other."""
    futures = [Future() for _ in range(3)]
    apps = iter([deferred(future) for future in futures])

    def one_after_the_other(environ, start_response):
        return next(apps)(environ, start_response)

    async def scenario():
        served = make_dispatcher(one_after_the_other)
        requests = [asyncio.create_task(request_to(served, path="/inline")) for _ in futures]
        await asyncio.sleep(0)
        for number, future in enumerate(futures):
            threading.Thread(target=future.set_result, args=[number]).start()
        return await asyncio.gather(*requests)

    responses = run(scenario())
    assert [(response.status, response.body) for response in responses] == [
        (202, b"0"),
        (202, b"1"),
        (202, b"2"),
    ]


def test_a_response_whose_future_failed_is_decided():
    """`decide` gets the failure."""
    future = Future()
    future.set_exception(LookupError("no"))
    response = run(request_to(make_dispatcher(deferred(future)), path="/inline"))
    assert (response.status, response.body) == (202, b"LookupError('no')")


def test_an_answered_request_leaves_no_reference_cycle():
    """Its body is freed without the garbage collector, which runs seldom."""
    future = Future()
    left = weakref.ref(future)

    async def scenario(future):
        requests = asyncio.create_task(
            request_to(make_dispatcher(deferred(future)), path="/inline")
        )
        await asyncio.sleep(0)
        future.set_result(1)
        assert (await requests).status == 202

    gc.disable()
    try:
        run(scenario(future))
        del future
        assert left() is None
    finally:
        gc.enable()


def test_a_response_that_cannot_be_sent_does_not_block_the_others(caplog):
    """Responses that are ready together are sent in one call of the loop."""
    future = Future()

    def broken(_answer):
        raise LookupError("no")

    async def scenario():
        served = make_dispatcher(deferred(future))
        served.handle(scope(path="/inline"), b"", broken)
        requests = asyncio.create_task(request_to(served, path="/inline"))
        await asyncio.sleep(0)
        future.set_result("yes")
        return await requests

    assert run(scenario()).body == b"'yes'"
    assert [record.message for record in caplog.records] == ["a response could not be sent"]


def breaking(*, when):
    """A WSGI app that raises when it is called, read or decided."""

    def wsgi(_environ, _start_response):
        done = Future()
        done.set_result(None)
        responses = {"read": map(raising, [b"x"]), "decided": DeferredResponse(done, raising)}
        return responses.get(when) or raising()

    def raising(*_):
        raise LookupError("no")

    return wsgi


@pytest.mark.parametrize("path", ["/inline", "/page"])
@pytest.mark.parametrize("when", ["called", "read", "decided"])
def test_an_app_that_raises_gets_a_500(path, when, caplog):
    """The client gets a 500, and the log has the error."""
    response = run(request_to(make_dispatcher(breaking(when=when)), path=path))
    assert (response.status, response.headers) == (500, [("Content-Length", "0")])
    assert [record.message for record in caplog.records] == ["a request could not be answered"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([length(100)], 100),
        ([length(101)], 0),
        ([(b"transfer-encoding", b"chunked")], 0),
        ([], 0),
    ],
)
def test_a_body_that_is_too_long_or_has_no_length_is_not_read(headers, expected):
    """The app gets the request without its body."""
    said = scope(path="/inline", headers=headers)
    assert make_dispatcher().body_length(said) == expected


def test_a_page_has_a_small_limit_of_its_own():
    """A longer body for a page is neither read nor handed to the app."""
    dispatcher = make_dispatcher()
    assert dispatcher.body_length(scope(headers=[length(10)])) == 10
    assert dispatcher.body_length(scope(headers=[length(11)])) == 0
    assert run(request_to(dispatcher, headers=[length(11)])).status == 413


def test_the_body_of_a_response_is_closed():
    """WSGI requires it, also with the old `write` function."""
    closed = []

    class Parts(list):
        def close(self):
            closed.append(True)

    def wsgi(_environ, start_response):
        write = start_response("200 OK", [])
        write(b"a")
        return Parts([b"b", b"c"])

    response = run(request_to(make_dispatcher(wsgi), path="/inline"))
    assert (response.body, closed) == (b"abc", [True])


@pytest.mark.parametrize(
    ("status", "sent", "headers"),
    [
        ("200 OK", [], [("Content-Length", "2")]),
        ("200 OK", [("content-length", "2")], [("content-length", "2")]),
        ("304 Not Modified", [], []),
    ],
)
def test_a_response_has_its_length(status, sent, headers):
    """A client with a persistent connection knows where a response ends."""

    def wsgi(_environ, start_response):
        start_response(status, sent)
        return [b"hi"]

    assert run(request_to(make_dispatcher(wsgi), path="/inline")).headers == headers
