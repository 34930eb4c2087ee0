"""Tests of bot.parse: every response is an object or BoardAway, in bounded time."""

import http.server
import json
import socket
import threading

import pytest

from bot import parse
from bot.parse import Application, BoardAway, ParseBoard, ParseClient, ParseMood
from bot.store.board import Line, Mood
from luggage.github import make_session
from tests.support.running import free_port

KEY = "s3cret-rest-key"


class Scripted(http.server.ThreadingHTTPServer):
    """A server that returns what a test sets, and keeps the requests."""

    daemon_threads = True

    def __init__(self):
        self.asked = []
        self.answer = (200, {}, b"{}")
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/parse"

    def results(self, *results):
        self.answer = (200, {}, json.dumps({"results": results}).encode())


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    def do_GET(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        status, headers, body = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_GET  # noqa: N815  as http.server calls them

    def log_message(self, *_):
        """Log nothing."""


@pytest.fixture
def server():
    with Scripted() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def client_of(url, clock):
    application = Application(url=url, application_id="the-application", rest_key=KEY)
    return ParseClient(application, make_session(), clock)


@pytest.fixture
def client(server, clock):
    return client_of(server.url, clock)


def test_a_line_is_an_object_of_boredbots_class(server, client):
    """A line is stored in boredbot's format, and the key is only in a header."""
    server.answer = (201, {}, b"{}")
    ParseBoard(client).add(Line(1000.5, "I'm bored"), "abc", not_after=client.clock())
    ((method, path, headers, body),) = server.asked
    assert (method, path) == ("POST", "/parse/classes/lines")
    assert headers["X-Parse-Application-Id"] == "the-application"
    assert headers["X-Parse-REST-API-Key"] == KEY
    assert body == {
        "status": "I'm bored",
        "uid": "abc",
        "saidAt": {"__type": "Date", "iso": "1970-01-01T00:16:40.500Z"},
    }


def test_lines_of_others_are_shown_too_and_nonsense_is_not(server, client):
    """Lines of other programs are read and truncated; invalid ones are skipped."""
    server.results(
        {"status": "ours", "saidAt": {"iso": "1970-01-01T00:00:10Z"}, "createdAt": "x"},
        {"status": "theirs", "createdAt": "1970-01-01T00:00:20Z"},
        {"status": "y" * 9999, "createdAt": "1970-01-01T00:00:30Z"},
        {"status": 7, "createdAt": "1970-01-01T00:00:30Z"},
        {"status": "timeless"},
        "nothing at all",
    )
    found = ParseBoard(client).lines()
    assert found == [Line(10.0, "ours"), Line(20.0, "theirs"), Line(30.0, "y" * 500)]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, b'{"error": "unauthorized"}', r"refused the request \(403: unauthorized\)"),
        (500, b"<html>", r"refused the request \(500\)"),
        (302, b"", r"refused the request \(302\)"),
        (200, b"[]", "no results"),
        (200, b"no JSON", "no results"),
        (200, b"[" * 100000, "no results"),
        (200, b"x" * (2 * 1024 * 1024), "too large or too slow"),
    ],
)
def test_an_answer_that_is_none_is_one_error(server, client, status, body, words):
    """Invalid responses and redirects raise BoardAway without the key."""
    server.answer = (status, {"Location": f"{server.url}/elsewhere"}, body)
    with pytest.raises(BoardAway, match=words) as raised:
        ParseBoard(client).lines()
    assert KEY not in str(raised.value)
    assert len(server.asked) == 1


def test_a_server_that_is_not_there_is_the_same_error(clock):
    """A refused connection raises BoardAway."""
    client = client_of(f"http://127.0.0.1:{free_port()}/parse", clock)
    with pytest.raises(BoardAway, match="cannot reach the Parse Server"):
        ParseBoard(client).lines()


@pytest.fixture
def mute():
    """The URL of a server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_server_that_says_nothing_is_given_up(mute, clock, monkeypatch):
    """A server that never responds raises BoardAway."""
    monkeypatch.setattr(parse, "READ_SECONDS", 0.1)
    with pytest.raises(BoardAway, match="Timeout"):
        ParseBoard(client_of(mute, clock)).lines()


def test_an_answer_that_drips_is_given_up(server, client, clock, monkeypatch):
    """A response that takes longer than CALL_SECONDS raises BoardAway."""
    server.answer = (200, {}, b"x" * 500_000)
    monkeypatch.setattr(parse, "CALL_SECONDS", -1.0)
    with pytest.raises(BoardAway, match="too large or too slow"):
        ParseBoard(client).lines()


def test_nothing_is_sent_after_not_after(server, client):
    """Nothing is sent after `not_after`."""
    with pytest.raises(BoardAway, match="the time to send it is over"):
        ParseBoard(client).add(Line(0.0, "late"), "abc", not_after=client.clock() - 1)
    assert server.asked == []


def test_the_mood_replaces_the_one_that_stands_there(server, client):
    """A mood changes the existing object by its id."""
    server.results({"objectId": "abc123", "feeling": "bored"})
    mood = ParseMood(client)
    assert mood.felt() == "bored"
    mood.feel(Mood.BUSY, not_after=client.clock())
    method, path, _, body = server.asked[-1]
    assert (method, path, body) == ("PUT", "/parse/classes/current/abc123", {"feeling": "busy"})


def test_an_id_that_is_none_leads_nowhere_else(server, client):
    """An invalid object id never becomes part of a URL."""
    server.results({"objectId": "../../users/abc", "feeling": "bored"})
    with pytest.raises(BoardAway, match="invalid object id"):
        ParseMood(client).feel(Mood.BUSY, not_after=client.clock())
    assert len(server.asked) == 1


def test_the_first_mood_is_a_new_object(server, client):
    """Without an object, the mood creates one."""
    server.results()
    mood = ParseMood(client)
    assert mood.felt() is None
    mood.feel(Mood.BUSY, not_after=client.clock())
    assert server.asked[-1][::3] == ("POST", {"feeling": "busy"})


def test_an_application_does_not_show_its_keys():
    """The repr of an Application contains no keys."""
    assert KEY not in repr(Application(url="u", application_id=KEY, rest_key=KEY))
