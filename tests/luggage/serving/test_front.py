"""luggage.serving.front: a WSGI app as an ASGI app, in which no request waits for another."""

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from flask import Flask, request

from luggage.serving import Front, Undecided

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
    settings = {"prompt": {"/prompt"}, "threads": 2, "largest_body": 100, "most_bytes": 150}
    return Front(wsgi or app(), **(settings | more))


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


class Client:
    """One request: gives its messages, and keeps what is answered."""

    def __init__(self, *parts):
        self.messages = [
            {"type": "http.request", "body": part, "more_body": number < len(parts)}
            for number, part in enumerate(parts, 1)
        ]
        self.asked = 0
        self.status, self.headers, self.body = None, {}, b""

    async def receive(self):
        self.asked += 1
        return self.messages.pop(0) if self.messages else {"type": "http.disconnect"}

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = dict(message["headers"])
        else:
            self.body += message["body"]


async def ask(front, client, **said):
    await front(scope(**said), client.receive, client.send)
    return client


def length(number):
    return (b"content-length", str(number).encode())


def test_a_request_reaches_the_app_as_it_was_sent():
    """Method, path, query, headers and a body that comes in parts."""
    headers = [length(5), (b"content-type", b"text/plain"), (b"x-one", b"1"), (b"x-one", b"2")]
    client = run(ask(front(), Client(b"he", b"llo"), headers=headers, query=b"a=b", path="/echo"))
    assert client.status == 200
    assert client.headers[b"content-type"] == b"application/json"
    for told in (b'"method":"POST"', b'"path":"/echo?a=b"', b'"body":"hello"', b'"X-One":"1,2"'):
        assert told in client.body


def test_a_header_that_could_pass_for_another_is_left_out():
    """`X_Two` would reach the app under the name of `X-Two`."""
    client = run(ask(front(), Client(b""), headers=[(b"x_two", b"forged")], method="GET"))
    assert b'"X-Two":null' in client.body


def test_pages_run_in_threads_of_their_own():
    """A page that waits holds up no delivery."""
    client = run(ask(front(), Client(b""), method="GET"))
    assert b'"thread":"page' in client.body


def prompt_app(environ, start_response):
    body = threading.current_thread().name.encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def test_a_prompt_path_runs_at_once():
    """What never waits is not handed to another thread."""
    client = run(ask(front(prompt_app), Client(b""), path="/prompt"))
    assert client.body.startswith(b"story")


def test_others_are_answered_while_one_waits_for_its_future():
    """An undecided answer comes when its future is done, and holds up nobody till then."""
    futures = []

    def wsgi(_environ, start_response):
        future = Future()
        futures.append(future)

        def decide():
            start_response("202 Accepted", [])
            return str(future.result()).encode()

        return Undecided(future, decide)

    async def story():
        served = front(wsgi)
        asked = [asyncio.create_task(ask(served, Client(b""), path="/prompt")) for _ in range(3)]
        while len(futures) < 3:  # noqa: ASYNC110  they come from a WSGI app, which knows no event
            await asyncio.sleep(0)
        for number, future in enumerate(futures):
            threading.Thread(target=future.set_result, args=[number]).start()
        return await asyncio.wait_for(asyncio.gather(*asked), PATIENCE_SECONDS)

    clients = run(story())
    assert [(client.status, client.body) for client in clients] == [
        (202, b"0"),
        (202, b"1"),
        (202, b"2"),
    ]


def test_an_answer_whose_future_failed_is_decided_too():
    """The failure is for whoever decides."""
    future = Future()
    future.set_exception(LookupError("no"))

    def wsgi(_environ, start_response):
        def decide():
            start_response("503 Service Unavailable", [])
            return repr(future.exception()).encode()

        return Undecided(future, decide)

    client = run(ask(front(wsgi), Client(b""), path="/prompt"))
    assert (client.status, client.body) == (503, b"LookupError('no')")


@pytest.mark.parametrize("headers", [[length(101)], [(b"transfer-encoding", b"chunked")]])
def test_what_is_too_long_or_has_no_length_is_not_read(headers):
    """The app sees the request without its body, and has to refuse."""
    client = run(ask(front(), Client(b"x" * 101), headers=headers))
    assert client.asked == 0
    assert b'"body":""' in client.body


def test_a_client_that_leaves_is_not_answered():
    """What was cut short does not reach the app."""
    client = run(ask(front(), Client(), headers=[length(5)]))
    assert client.status is None


def test_more_than_can_be_held_is_refused_before_it_is_read():
    """Two bodies of 100 bytes are more than 150; when the first has gone, there is room again."""

    async def story():
        served = front()
        gone = asyncio.Event()

        class Slow(Client):
            async def receive(self):
                await gone.wait()
                return await super().receive()

        slow = asyncio.create_task(ask(served, Slow(b"x" * 100), headers=[length(100)]))
        await asyncio.sleep(0)
        refused = await ask(served, Client(b"x" * 100), headers=[length(100)])
        gone.set()
        first = await slow
        again = await ask(served, Client(b"x" * 100), headers=[length(100)])
        return refused, first, again

    refused, first, again = run(story())
    assert (refused.status, refused.asked, refused.headers[b"retry-after"]) == (503, 0, b"10")
    assert (first.status, again.status) == (200, 200)


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

    client = run(ask(front(wsgi), Client(b""), path="/prompt"))
    assert (client.body, closed) == (b"abc", [True])
