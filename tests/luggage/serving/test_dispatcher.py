"""luggage.serving.dispatcher: a WSGI app behind an event loop; no request waits for another."""

import asyncio
import gc
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from flask import Flask, request

from luggage.serving import DeferredResponse, Dispatcher

PATIENCE_SECONDS = 30


def run(story):
    """What the story comes to, in a loop of its own: this thread may have one that runs."""
    with ThreadPoolExecutor(1, thread_name_prefix="story") as thread:
        return thread.submit(asyncio.run, story).result()


def app():
    """A WSGI app that tells what it was asked."""
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


def front(wsgi=None, **more):
    settings = {"inline_paths": {"/prompt"}, "threads": 2, "max_body": 100, "max_buffered": 150}
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


async def ask(front, body=b"", **said):
    """What is answered to a request."""
    answered = asyncio.get_running_loop().create_future()
    front.handle(scope(**said), body, answered.set_result)
    return await asyncio.wait_for(answered, PATIENCE_SECONDS)


def length(number):
    return (b"content-length", str(number).encode())


def test_a_request_reaches_the_app_as_it_was_sent():
    """Method, path, query, headers and body."""
    headers = [length(5), (b"content-type", b"text/plain"), (b"x-one", b"1"), (b"x-one", b"2")]
    answer = run(ask(front(), b"hello", headers=headers, query=b"a=b", path="/echo"))
    assert answer.status == 200
    assert ("Content-Type", "application/json") in answer.headers
    for told in (b'"method":"POST"', b'"path":"/echo?a=b"', b'"body":"hello"', b'"X-One":"1,2"'):
        assert told in answer.body


def test_a_header_that_could_pass_for_another_is_left_out():
    """`X_Two` would reach the app under the name of `X-Two`."""
    answer = run(ask(front(), headers=[(b"x_two", b"forged")], method="GET"))
    assert b'"X-Two":null' in answer.body


def test_pages_run_in_threads_of_their_own():
    """A page that waits holds up no delivery."""
    answer = run(ask(front(), method="GET"))
    assert b'"thread":"page' in answer.body


def prompt_app(environ, start_response):
    body = threading.current_thread().name.encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def test_a_prompt_path_runs_at_once():
    """What never waits is not handed to another thread."""
    answer = run(ask(front(prompt_app), path="/prompt"))
    assert answer.body.startswith(b"story")


def undecided(future):
    """A WSGI app that answers what becomes of `future`."""

    def wsgi(_environ, start_response):
        def decide():
            start_response("202 Accepted", [])
            return repr(future.exception() or future.result()).encode()

        return DeferredResponse(future, decide)

    return wsgi


def test_others_are_answered_while_one_waits_for_its_future():
    """An undecided answer comes when its future is done, and holds up nobody till then."""
    futures = [Future() for _ in range(3)]
    apps = iter([undecided(future) for future in futures])

    def one_after_the_other(environ, start_response):
        return next(apps)(environ, start_response)

    async def story():
        served = front(one_after_the_other)
        asked = [asyncio.create_task(ask(served, path="/prompt")) for _ in futures]
        await asyncio.sleep(0)
        for number, future in enumerate(futures):
            threading.Thread(target=future.set_result, args=[number]).start()
        return await asyncio.gather(*asked)

    answers = run(story())
    assert [(answer.status, answer.body) for answer in answers] == [
        (202, b"0"),
        (202, b"1"),
        (202, b"2"),
    ]


def test_an_answer_whose_future_failed_is_decided_too():
    """The failure is for whoever decides."""
    future = Future()
    future.set_exception(LookupError("no"))
    answer = run(ask(front(undecided(future)), path="/prompt"))
    assert (answer.status, answer.body) == (202, b"LookupError('no')")


def test_nothing_of_an_answered_request_waits_for_the_collector():
    """Its body is gone with the answer: the collector is told to come seldom."""
    future = Future()
    left = weakref.ref(future)

    async def story(future):
        asked = asyncio.create_task(ask(front(undecided(future)), path="/prompt"))
        await asyncio.sleep(0)
        future.set_result(1)
        assert (await asked).status == 202

    gc.disable()
    try:
        run(story(future))
        del future
        assert left() is None
    finally:
        gc.enable()


def test_an_answer_that_cannot_be_sent_keeps_no_other_back(caplog):
    """Those of a group are sent one after the other, in one call of the loop."""
    future = Future()

    def broken(_answer):
        raise LookupError("no")

    async def story():
        served = front(undecided(future))
        served.handle(scope(path="/prompt"), b"", broken)
        asked = asyncio.create_task(ask(served, path="/prompt"))
        await asyncio.sleep(0)
        future.set_result("yes")
        return await asked

    assert run(story()).body == b"'yes'"
    assert [record.message for record in caplog.records] == ["a response could not be sent"]


def breaking(*, when):
    """A WSGI app that raises when it is called, when it is read, or when it is decided."""

    def wsgi(_environ, _start_response):
        done = Future()
        done.set_result(None)
        answers = {"read": map(raising, [b"x"]), "decided": DeferredResponse(done, raising)}
        return answers.get(when) or raising()

    def raising(*_):
        raise LookupError("no")

    return wsgi


@pytest.mark.parametrize("path", ["/prompt", "/page"])
@pytest.mark.parametrize("when", ["called", "read", "decided"])
def test_an_app_that_raises_is_answered_for(path, when, caplog):
    """Whoever asked hears of it, and so does the log; the next request is answered."""
    answer = run(ask(front(breaking(when=when)), path=path))
    assert (answer.status, answer.headers) == (500, [("Content-Length", "0")])
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
def test_what_is_too_long_or_has_no_length_is_not_to_be_read(headers, expected):
    """The app sees the request without its body, and has to refuse."""
    assert front().body_length(scope(headers=headers)) == expected


def test_there_is_room_for_so_many_bytes():
    """Two bodies of 100 bytes are more than 150; when the first has gone, there is room again."""
    served = front()
    assert [served.reserve(100), served.reserve(100), served.reserve(50)] == [True, False, True]
    served.release(100)
    assert served.reserve(100)


def test_the_parts_of_an_answer_are_closed():
    """As WSGI asks for, also when they were written the old way."""
    closed = []

    class Parts(list):
        def close(self):
            closed.append(True)

    def wsgi(_environ, start_response):
        write = start_response("200 OK", [])
        write(b"a")
        return Parts([b"b", b"c"])

    answer = run(ask(front(wsgi), path="/prompt"))
    assert (answer.body, closed) == (b"abc", [True])


@pytest.mark.parametrize(
    ("status", "told", "headers"),
    [
        ("200 OK", [], [("Content-Length", "2")]),
        ("200 OK", [("content-length", "2")], [("content-length", "2")]),
        ("304 Not Modified", [], []),
    ],
)
def test_an_answer_says_its_length(status, told, headers):
    """A client that keeps its line knows where an answer ends."""

    def wsgi(_environ, start_response):
        start_response(status, told)
        return [b"hi"]

    assert run(ask(front(wsgi), path="/prompt")).headers == headers
