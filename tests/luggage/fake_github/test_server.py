"""Tests of the HTTP server over real sockets."""

import contextlib
import http.client
import io
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from luggage.fake_github import Answer, FakeGithub, HttpServer, Outcome, Request, faults
from tests.support.asker import REPO, Asker


@pytest.fixture
def echo(clock):
    """A server that returns the request."""

    def handle(request: Request) -> Outcome:
        received = {"path": request.path, "query": request.query, "body": request.body.decode()}
        return Outcome(answer=Answer(200, received))

    with HttpServer(handle, clock=clock) as server:
        yield server


def _raw(server, sent: bytes) -> bytes:
    """Send bytes, and return everything until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
        line.sendall(sent)
        line.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: line.recv(65536), b""))


def test_the_request_arrives_whole(echo):
    """The handler gets the encoded path, the query and the body."""
    line = http.client.HTTPConnection("127.0.0.1", echo.port, timeout=5)
    line.request("POST", "/a%2Fb?q=x+y&empty=", body="Grüezi".encode())
    answer = line.getresponse().read().decode()
    line.close()
    assert answer == '{"path":"/a%2Fb","query":{"q":"x y","empty":""},"body":"Grüezi"}'


def test_incomplete_request_is_not_handled(echo):
    """A request with an incomplete body is not handled."""
    assert _raw(echo, b"PUT /x HTTP/1.1\r\nContent-Length: 2\r\n\r\n{") == b""


def test_date_follows_the_clock(clock, echo):
    """The Date header follows the simulation's clock."""
    answer = _raw(echo, b"GET / HTTP/1.0\r\n\r\n")
    assert b"Date: Wed, 18 Nov 2026 11:06:40 GMT\r\n" in answer


def test_connection_is_reused(echo):
    """A connection serves two requests."""
    request = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = _raw(echo, request % 1 + request % 2)
    assert answer.count(b"HTTP/1.1 200 OK") == 2


def test_a_method_that_is_unknown_is_refused(echo):
    """An unknown method is a 501, without output on stderr."""
    assert b" 501 " in _raw(echo, b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n").partition(b"\r\n")[0]


@pytest.fixture
def others():
    """The threads of other servers, which a session may have."""
    return set(threading.enumerate())


def test_stopping_ends_idle_connections(others, echo):
    """stop() does not wait for idle connections."""
    with socket.create_connection(("127.0.0.1", echo.port), timeout=5) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert line.recv(12) == b"HTTP/1.1 200"
        echo.stop()
    mine = set(threading.enumerate()) - others
    assert not [thread for thread in mine if "fake-github" in thread.name]


def test_stopping_ends_slow_answers(github, issue):
    """stop() does not wait for delayed responses."""
    started = threading.Event()

    def plan(_request):
        started.set()
        return faults.slow(60)

    github.faults.append(plan)
    server = github.serve()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert started.wait(5)
        server.stop()


@pytest.mark.parametrize("stay", [{0, 2, 4, 6}, {1, 3, 5, 7}, {0, 1, 2, 3}, {4, 5, 6, 7}], ids=str)
def test_stop_closes_the_others_when_a_client_has_gone(stay):
    """One connection that cannot be shut down leaves no other one open."""
    met, stays = threading.Semaphore(0), threading.Event()

    def handle(_request: Request) -> Outcome:
        met.release()
        stays.wait(1)  # until stop() has come to the connections
        return Outcome(answer=Answer(200, {}))

    with HttpServer(handle, clock=lambda: 0.0) as server, contextlib.ExitStack() as lines:
        for number in range(8):
            line = socket.create_connection(("127.0.0.1", server.port), timeout=5)
            if number in stay:
                lines.enter_context(line)
                continue
            line.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert met.acquire(timeout=5)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            line.close()  # with a reset
        stopping = threading.Thread(target=server.stop, daemon=True)
        stopping.start()
        stopping.join(10)
        assert not stopping.is_alive()


def test_stop_can_be_repeated(echo):
    """stop() may be called repeatedly."""
    echo.stop()
    echo.stop()


def test_stopped_server_refuses_connections(echo):
    """A stopped server refuses connections."""
    echo.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", echo.port), timeout=5)


def test_disconnected_client_leaves_no_traceback(echo, capfd):
    """A client that disconnects leaves no traceback."""
    with socket.create_connection(("127.0.0.1", echo.port), timeout=5) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        line.sendall(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf")
    echo.stop()
    assert capfd.readouterr() == ("", "")


def test_handler_errors_are_printed(clock, monkeypatch):
    """An exception in a handler is printed to stderr."""
    stderr = io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)

    def handle(_request):
        raise ZeroDivisionError

    with HttpServer(handle, clock=clock) as server:
        assert _raw(server, b"GET / HTTP/1.0\r\n\r\n") == b""
    assert "ZeroDivisionError" in stderr.getvalue()


def test_concurrent_requests():
    """Eight concurrent clients create each comment once, with unique ids."""
    fake = FakeGithub()
    fake.open_issue(REPO, "bob")
    with fake.serve() as server:

        def talk(name):
            asker = Asker(fake, server.url)
            asker.login("snakes")
            path = f"/repos/{REPO}/issues/1/comments"
            made = [asker("POST", path, json={"body": f"{name} {n}"}).json() for n in range(20)]
            asker.close()
            return [one["id"] for one in made]

        with ThreadPoolExecutor(8) as pool:
            ids = [one for made in pool.map(talk, range(8)) for one in made]
    assert len(set(ids)) == len(fake.comments(REPO, 1)) == 160


def test_port_can_be_passed(echo):
    """A given port is used, also right after a stop."""
    echo.stop()
    with FakeGithub().serve(port=echo.port) as server:
        assert server.url == f"http://127.0.0.1:{echo.port}"
