"""luggage.serving against hostile clients, on real sockets."""

import asyncio
import contextlib
import socket
import struct
from concurrent.futures import Future

import pytest

from luggage.serving import DeferredResponse, Dispatcher, ServingLimits, TrustedProxies, worker
from luggage.serving.admission import BodyBudget, Connections
from tests.support.serving import TIMEOUT_SECONDS, run, serving, until

MOST_BODY = 25_000
HONEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
SILENT = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


def echo(environ, start_response):
    """A WSGI app that answers with the body."""
    start_response("200 OK", [])
    return [environ["wsgi.input"].read()]


def make_dispatcher(wsgi=echo, *, connections=100):
    return Dispatcher(
        wsgi,
        inline_paths={"/"},
        limits=ServingLimits(
            threads=2,
            max_body=MOST_BODY,
            max_page_body=1000,
            max_buffered=4 * MOST_BODY,
            max_connections=connections,
        ),
        proxies=TrustedProxies(),
    )


class Clients:
    """Connections to a server, all closed at the end."""

    def __init__(self, port):
        self._port = port
        self.open = []

    async def connect(self, said=b""):
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        self.open.append(writer)
        writer.write(said)
        await writer.drain()
        return reader, writer

    async def ask(self, said=HONEST):
        """Return what the server sends until it closes the connection."""
        reader, _ = await self.connect(said)
        return await asyncio.wait_for(reader.read(), TIMEOUT_SECONDS)


@contextlib.asynccontextmanager
async def clients_of(dispatcher):
    async with serving(dispatcher) as port:
        clients = Clients(port)
        try:
            yield clients
        finally:
            for writer in clients.open:
                writer.transport.abort()


def is_answered(answer):
    return answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\nhi")


@pytest.mark.parametrize("path", [b"/", b"/page"])
def test_an_announced_body_books_nothing(path):
    """Silent clients that announce the largest body leave the whole budget to the others."""

    async def scenario():
        async with clients_of(make_dispatcher()) as clients:
            for _ in range(24):
                await clients.connect(SILENT % (path, MOST_BODY))
                assert is_answered(await clients.ask())

    run(scenario())


def test_bodies_that_stop_make_room_for_others():
    """Clients that fill the budget and then stop lose their place, the oldest first."""

    async def scenario():
        async with clients_of(make_dispatcher()) as clients:
            stalled = [
                await clients.connect(SILENT % (b"/", MOST_BODY) + b"x" * (MOST_BODY - 1))
                for _ in range(4)
            ]
            bodies = [b"x" * MOST_BODY, b"hi"]
            for body in bodies:
                head = HONEST.partition(b"\r\n\r\n")[0].replace(b": 2", b": %d" % len(body))
                answer = await clients.ask(head + b"\r\n\r\n" + body)
                assert answer.startswith(b"HTTP/1.1 200")
            refused = await asyncio.wait_for(stalled[0][0].read(), TIMEOUT_SECONDS)
            assert refused.startswith(b"HTTP/1.1 503")
            assert b"Retry-After: 10\r\n" in refused

    run(scenario())


def test_all_bytes_are_given_back():
    """Whatever ends a request, nothing stays booked."""
    dispatcher = make_dispatcher()
    ends = [HONEST, SILENT % (b"/", 9) + b"x", SILENT % (b"/page", 9) + b"x", b"nonsense\r\n\r\n"]

    async def scenario():
        async with clients_of(dispatcher) as clients:
            for said in ends:
                _, writer = await clients.connect(said)
                writer.close()
            await until(lambda: dispatcher.connections._count == 0)

    run(scenario())
    budget = dispatcher.bodies
    assert (budget._booked, budget._complete, len(budget._unfinished)) == (0, 0, 0)


@pytest.mark.parametrize(
    "said",
    [b"", b"GET / HT", b"\r\n", SILENT % (b"/", 9), SILENT % (b"/page", 9_999_999), HONEST[:-1]],
)
def test_a_client_that_stops_is_dropped(said, monkeypatch):
    """Wherever a request stops, the server ends the connection."""
    monkeypatch.setattr(worker, "_PERIOD_SECONDS", 0.05)

    async def scenario():
        async with clients_of(make_dispatcher()) as clients:
            reader, _ = await clients.connect(said)
            await asyncio.wait_for(reader.read(), TIMEOUT_SECONDS)

    run(scenario())


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\nX: ", SILENT % (b"/", MOST_BODY), b"\r\n"])
def test_a_client_that_drips_is_dropped(said, monkeypatch):
    """Single bytes are no progress: neither of a head, nor of a body, nor before one."""
    monkeypatch.setattr(worker, "_PERIOD_SECONDS", 0.1)

    async def scenario():
        async with clients_of(make_dispatcher()) as clients:
            reader, writer = await clients.connect(said)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while not (reader.at_eof() or writer.is_closing()):
                    writer.write(b"\r\n" if said == b"\r\n" else b"x")
                    with contextlib.suppress(TimeoutError, ConnectionError):
                        await asyncio.wait_for(reader.read(1), 0.01)

    run(scenario())


def test_blank_lines_do_not_keep_an_answered_connection_open(monkeypatch):
    """They begin no request, and end the timeout of an idle connection."""
    monkeypatch.setattr(worker, "_PERIOD_SECONDS", 0.05)

    async def scenario():
        async with clients_of(make_dispatcher()) as clients:
            reader, writer = await clients.connect(HONEST.replace(b"close", b"keep-alive"))
            await reader.readuntil(b"hi")
            writer.write(b"\r\n")
            assert await asyncio.wait_for(reader.read(), TIMEOUT_SECONDS) == b""

    run(scenario())


@pytest.mark.parametrize("said", [b"", b"GET / HT", SILENT % (b"/", 9)])
def test_the_oldest_idle_connection_makes_room(said):
    """At the limit, each new connection displaces the oldest, and is answered."""

    async def scenario():
        async with clients_of(make_dispatcher(connections=10)) as clients:
            idle = [await clients.connect(said) for _ in range(30)]
            assert is_answered(await clients.ask())
            for reader, _ in idle[:20]:
                assert await asyncio.wait_for(reader.read(), TIMEOUT_SECONDS) == b""
            assert not any(reader.at_eof() for reader, _ in idle[-5:])

    run(scenario())


class Later:
    """A WSGI app that answers when the test completes its futures."""

    def __init__(self):
        self.futures = []

    def __call__(self, environ, start_response):
        future = Future()
        self.futures.append(future)

        def decide():
            start_response("200 OK", [])
            return b"hi"

        return DeferredResponse(future, decide)

    def answer(self):
        """Complete one future; return whether there was one."""
        for future in self.futures:
            if not future.done():
                future.set_result(None)
                return True
        return False


def test_a_request_that_is_being_answered_is_not_shed():
    """Where all connections wait for an answer, a new one is closed instead."""
    later = Later()

    async def scenario():
        async with clients_of(make_dispatcher(later, connections=3)) as clients:
            asked = [asyncio.create_task(clients.ask()) for _ in range(3)]
            await until(lambda: len(later.futures) == 3)
            reader, _ = await clients.connect()
            assert await asyncio.wait_for(reader.read(), TIMEOUT_SECONDS) == b""
            for future in later.futures:
                future.set_result(None)
            assert all(map(is_answered, await asyncio.gather(*asked)))

    run(scenario())


def test_a_client_that_reads_nothing_is_dropped(monkeypatch):
    """Responses do not pile up, and the last one is not waited for without end."""
    monkeypatch.setattr(worker, "_LINGER_SECONDS", 0.05)
    dispatcher = make_dispatcher(lambda _, start: start("200 OK", []) and [b"x" * 10_000_000])

    async def scenario():
        async with clients_of(dispatcher) as clients:
            await clients.connect(HONEST.replace(b"close", b"keep-alive") * 2)
            await until(lambda: dispatcher.connections._count == 1)
            await until(lambda: dispatcher.connections._count == 0)

    run(scenario())


def whole(body, path=b"/"):
    """A request with its body, the last on its connection."""
    head = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    return head % (path, len(body)) + body


def test_bodies_that_are_being_answered_keep_their_room():
    """While they fill the budget, others are refused: at the head, or with their first byte."""
    later = Later()

    async def scenario():
        async with clients_of(make_dispatcher(later)) as clients:
            early, writer = await clients.connect(SILENT % (b"/", MOST_BODY))
            asked = [asyncio.create_task(clients.ask(whole(b"x" * MOST_BODY))) for _ in range(4)]
            await until(lambda: len(later.futures) == 4)
            assert (await clients.ask(whole(b"hi"))).startswith(b"HTTP/1.1 503")
            writer.write(b"x")
            refused = await asyncio.wait_for(early.read(), TIMEOUT_SECONDS)
            assert refused.startswith(b"HTTP/1.1 503")
            while later.answer():
                pass
            assert all(map(is_answered, await asyncio.gather(*asked)))
            late = asyncio.create_task(clients.ask())
            await until(lambda: not later.answer() and late.done())
            assert is_answered(await late)

    run(scenario())


def test_a_body_that_is_too_long_for_a_page_is_refused_and_skipped():
    """The next request of the connection is answered."""

    async def scenario():
        async with clients_of(make_dispatcher()) as clients:
            too_long = whole(b"x" * 2000, b"/page").replace(b"close", b"keep-alive")
            answer = await clients.ask(too_long[:-1000])
            assert answer.startswith(b"HTTP/1.1 413")
            reader, writer = await clients.connect(too_long)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413")
            writer.write(HONEST)
            assert is_answered(await asyncio.wait_for(reader.read(), TIMEOUT_SECONDS))

    run(scenario())


def test_a_body_that_makes_progress_is_awaited(monkeypatch):
    """It may take several periods, but not more than the last one."""
    monkeypatch.setattr(worker, "_PERIOD_SECONDS", 0.5)
    monkeypatch.setattr(worker, "_LEAST_BYTES", 10)

    async def send(clients, parts):
        reader, writer = await clients.connect(whole(b"x" * 100 * parts)[: -100 * parts])
        for _ in range(parts):
            await asyncio.sleep(0.1)
            if reader.at_eof() or writer.is_closing():
                break
            writer.write(b"x" * 100)
        with contextlib.suppress(ConnectionError):
            return await asyncio.wait_for(reader.read(), TIMEOUT_SECONDS)

    async def scenario():
        async with clients_of(make_dispatcher()) as clients:
            assert (await send(clients, 7)).startswith(b"HTTP/1.1 200")
            assert not await send(clients, 40)

    run(scenario())


def test_a_client_that_reads_late_gets_all_responses():
    """The server reads on once its responses are read."""
    dispatcher = make_dispatcher(lambda _, start: start("200 OK", []) and [b"x" * 3_000_000])

    async def scenario():
        async with clients_of(dispatcher) as clients:
            said = HONEST.replace(b"close", b"keep-alive") * 3 + HONEST
            reader, writer = await clients.connect(said[:-1])
            await asyncio.sleep(0.05)
            answer = await asyncio.wait_for(reader.readexactly(9_000_000), TIMEOUT_SECONDS)
            writer.write(said[-1:])
            answer += await asyncio.wait_for(reader.read(), TIMEOUT_SECONDS)
            assert answer.count(b"HTTP/1.1 200") == 4

    run(scenario())


WAYS = {
    "mid-head": b"POST / HTTP/1.1\r\nHost",
    "mid-body": SILENT % (b"/", 9) + b"x",
    "after 100 Continue": SILENT.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
    % (b"/", 9),
    "a whole request": HONEST,
    "a page": HONEST.replace(b"POST /", b"POST /page"),
    "pipelined": HONEST.replace(b"close", b"keep-alive") * 3,
    "pipelined, the first closes": HONEST * 3,
    "pipelined, then part of one": HONEST.replace(b"close", b"keep-alive") * 2 + HONEST[:-1],
    "pipelined pages": HONEST.replace(b"close", b"x").replace(b"POST /", b"POST /page") * 3,
    "nonsense": b"\x16\x03\x01\r\n\r\n" + HONEST,
}


@pytest.mark.parametrize("how", ["reset", "close", "half-close"])
@pytest.mark.parametrize("said", WAYS.values(), ids=WAYS)
def test_a_client_that_leaves_is_no_error(said, how, caplog):
    """However a client leaves, nothing is logged as an error, so no crash report is sent."""
    later = Later()
    dispatcher = make_dispatcher(later)

    async def scenario():
        async with serving(dispatcher) as port:
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(said)
            await asyncio.sleep(0.05)
            if how == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if how == "half-close":
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_WR)
            else:
                client.close()
            await asyncio.sleep(0.02)
            await until(lambda: not later.answer() and dispatcher.connections._count == 0)

    with contextlib.ExitStack() as clients:
        run(scenario())
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_budget_gives_way_to_the_younger():
    """The oldest unfinished body makes room; a complete one stays."""
    budget = BodyBudget(10)

    class Sender:
        refused = False

        def refuse(self):
            self.refused = True
            budget.abandon(self)

    done, old, young = Sender(), Sender(), Sender()
    assert budget.book(done, 4)
    assert budget.complete(done) == 4
    assert budget.book(old, 4)
    assert budget.book(young, 4)
    assert (done.refused, old.refused, young.refused) == (False, True, False)
    assert not budget.book(young, 4)
    assert (budget.could_hold(6), budget.could_hold(7)) == (True, False)
    budget.release(4)
    assert budget.could_hold(10)


def test_connections_are_shed_by_age():
    """A connection that was answered counts as new."""
    connections, shed = Connections(2), []

    class Connection:
        def shed(self):
            shed.append(self)

    first, second, third = Connection(), Connection(), Connection()
    assert connections.opened(first)
    assert connections.opened(second)
    connections.answering(first)
    connections.renewed(first)
    assert connections.opened(third)
    assert shed == [second]
