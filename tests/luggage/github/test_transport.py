"""Tests of the transport over local sockets: whether anything was sent."""

import ipaddress
import socket
import ssl
import struct
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
import urllib3.util.connection
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from luggage.github import transport
from luggage.github.answers import ApiResponse
from luggage.github.errors import Ambiguous, RequestFailed, Unreachable
from luggage.github.transport import Transport, make_session

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Serve = Callable[[socket.socket], None]
PATIENCE_SECONDS = 30


@contextmanager
def served(serve: Serve, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Yield the port of a server that handles each connection with `serve`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                with (
                    context.wrap_socket(connection, server_side=True)
                    if context
                    else connection as plain
                ):
                    serve(plain)
            except OSError:
                connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def read_request(connection: socket.socket) -> bytes:
    """Read the whole request: closing a socket with unread bytes would reset the connection."""
    received = b""
    while b"\r\n\r\n" not in received or (
        b"Content-Length: 2" in received and received[-2:] != b"{}"
    ):
        received += connection.recv(65536)
    return received


def answering(answer: bytes) -> Serve:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    return serve


def reset(connection: socket.socket) -> None:
    read_request(connection)
    # Zero linger makes close() send RST instead of FIN.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def close(connection: socket.socket) -> None:
    read_request(connection)


def send(
    url: str, session: requests.Session | None = None, body: bytes | None = b"{}"
) -> ApiResponse:
    with session or make_session() as used:
        carrier = Transport(used, clock=lambda: 5.0)
        return carrier.send("POST", url, path="/x", headers={"User-Agent": "test"}, body=body)


def failure_of(url: str, session: requests.Session | None = None) -> RequestFailed:
    with pytest.raises(RequestFailed) as caught:
        send(url, session)
    return caught.value


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_nothing_is_sent_after_the_deadline() -> None:
    """After its deadline a request is not sent, and the error says so."""
    with make_session() as session, pytest.raises(Unreachable, match="deadline"):
        Transport(session, clock=lambda: 5.0).send(
            "POST", "http://127.0.0.1:1/x", path="/x", headers={}, body=None, not_after=4.9
        )


def test_deadline_is_checked_just_before_the_body() -> None:
    """If the process stalls while connecting, GitHub gets at most a head without a body."""
    received: list[bytes] = []
    hung_up = threading.Event()

    def serve(connection: socket.socket) -> None:
        while part := connection.recv(65536):
            received.append(part)
        hung_up.set()

    times = iter([5.0, 5.1])  # before it connects, and when all is ready
    with served(serve) as port, make_session() as session:
        carrier = Transport(session, clock=lambda: next(times))
        with pytest.raises(Unreachable, match="deadline"):
            send_in_time(carrier, port, b"{}")
        assert hung_up.wait(PATIENCE_SECONDS)
    head, _, body = b"".join(received).partition(b"\r\n\r\n")
    assert b"Content-Length: 2" in head
    assert body == b""


def test_response_may_come_after_the_deadline() -> None:
    """A request sent before its deadline may be answered after it."""
    times = iter([5.0, 5.0, 20.0])  # before it connects, before the body, at the answer
    with served(answering(OK)) as port, make_session() as session:
        answer = send_in_time(Transport(session, clock=lambda: next(times)), port, b"{}")
    assert answer.received_at == 20.0


def test_body_is_sent_whole_before_the_deadline() -> None:
    """Before the deadline a large body is sent whole, with its length."""
    received: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        while not b"".join(received).endswith(b"."):
            received.append(connection.recv(65536))
        connection.sendall(OK)

    body = b"x" * 100_000 + b"."
    with served(serve) as port, make_session() as session:
        answer = send_in_time(Transport(session, clock=lambda: 5.0), port, body)
    assert answer.status == 200
    head, _, sent = b"".join(received).partition(b"\r\n\r\n")
    assert b"Content-Length: 100001" in head
    assert b"Transfer-Encoding" not in head
    assert sent == body


def send_in_time(carrier: Transport, port: int, body: bytes) -> ApiResponse:
    url = f"http://127.0.0.1:{port}/x"
    return carrier.send("POST", url, path="/x", headers={}, body=body, not_after=5.0)


def test_unacknowledged_requests_time_out() -> None:
    """The kernel drops unacknowledged requests after ten seconds."""
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with served(answering(page)) as port, make_session() as session:
        answer = session.get(f"http://127.0.0.1:{port}/x", stream=True)
        kernel = answer.raw.connection.sock
        assert kernel.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
        answer.close()


def test_response_of_any_status_is_returned() -> None:
    """A response of any status is returned; header names are lower case."""
    page = b"HTTP/1.1 502 Bad Gateway\r\nX-Thing: One\r\nContent-Length: 4\r\n\r\noops"
    with served(answering(page)) as port:
        answer = send(f"http://127.0.0.1:{port}/x")
    assert (answer.status, answer.body, answer.received_at) == (502, b"oops", 5.0)
    assert answer.headers["x-thing"] == "One"


def test_refused_connection_sent_nothing() -> None:
    """A refused connection is Unreachable."""
    error = failure_of(f"http://127.0.0.1:{free_port()}/x")
    assert (type(error), error.message) == (Unreachable, "the connection was refused")


def test_unknown_host_sent_nothing(monkeypatch) -> None:
    """An unknown host is Unreachable."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failure_of("http://api.github.test/x")
    assert (type(error), error.message) == (Unreachable, "the host name could not be resolved")


@pytest.mark.parametrize(
    ("cause", "words"),
    [(TimeoutError("timed out"), "timed out"), (OSError("no route"), "the connection failed")],
)
def test_failed_connection_sent_nothing(monkeypatch, cause, words) -> None:
    """A connection timeout, or no route, is Unreachable."""

    def fail(*_: object, **__: object) -> None:
        raise cause

    monkeypatch.setattr(urllib3.util.connection, "create_connection", fail)
    error = failure_of("http://127.0.0.1:9/x")
    assert type(error) is Unreachable
    assert words in error.message


def test_reset_after_the_request_is_ambiguous() -> None:
    """A reset after the request is Ambiguous."""
    with served(reset) as port:
        error = failure_of(f"http://127.0.0.1:{port}/x")
    assert type(error) is Ambiguous


def test_close_without_a_response_is_ambiguous() -> None:
    """A connection closed without a response is Ambiguous."""
    with served(close) as port:
        assert type(failure_of(f"http://127.0.0.1:{port}/x")) is Ambiguous


def test_read_timeout_is_ambiguous(monkeypatch) -> None:
    """A read timeout is Ambiguous."""
    monkeypatch.setattr(transport, "READ_SECONDS", 0.05)
    over = threading.Event()

    def hang(_: socket.socket) -> None:
        over.wait(30)

    with served(hang) as port:
        error = failure_of(f"http://127.0.0.1:{port}/x")
        over.set()
    assert type(error) is Ambiguous


@pytest.mark.parametrize(
    "page",
    [
        b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 201 Created\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 301 X\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 301 X\r\nLocation: \xff\xff\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_broken_responses_are_ambiguous(page) -> None:
    """A truncated or malformed response is Ambiguous or a response, never another error."""
    with served(answering(page)) as port:
        try:
            kind = send(f"http://127.0.0.1:{port}/x").status
        except RequestFailed as error:
            kind = type(error)
    assert kind in (301, Ambiguous)


def test_redirects_are_left_to_the_caller() -> None:
    """A redirect is returned and not followed."""
    received: list[bytes] = []
    with served(lambda c: received.append(read_request(c))) as other:
        page = f"HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:{other}/\r\nContent-Length: 0\r\n\r\n"
        with served(answering(page.encode())) as port:
            assert send(f"http://127.0.0.1:{port}/x").status == 307
    assert received == []


def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2099, 1, 1, tzinfo=UTC))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = tmp_path / "cert.pem", tmp_path / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem, key_pem


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Yield the port of a TLS server, and its certificate."""
    pem, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    with served(answering(OK), context) as port:
        yield port, pem


def test_untrusted_certificate_sent_nothing(tls) -> None:
    """A server with an untrusted certificate gets no request."""
    error = failure_of(f"https://127.0.0.1:{tls[0]}/x")
    assert (type(error), error.message) == (Unreachable, "the TLS handshake failed")


def test_own_ca_bundle_is_trusted(tls) -> None:
    """A server is trusted with its own CA bundle, as on Enterprise Server."""
    session = make_session(verify=str(tls[1]))
    assert send(f"https://127.0.0.1:{tls[0]}/x", session).status == 200


def test_server_without_tls_sent_nothing() -> None:
    """An https URL of a plain HTTP server is Unreachable."""
    with served(lambda c: c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        assert type(failure_of(f"https://127.0.0.1:{port}/x")) is Unreachable


def test_unreachable_proxy_sent_nothing_and_hides_its_password() -> None:
    """An unreachable proxy is Unreachable, and the error does not contain its password."""
    proxy = f"http://user:hush@127.0.0.1:{free_port()}"
    error = failure_of("http://api.github.test/x", make_session(proxies={"http": proxy}))
    assert type(error) is Unreachable
    assert "hush" not in "".join(traceback.format_exception(error))


def test_proxy_is_used() -> None:
    """Requests go through the given proxy."""
    received: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        received.append(read_request(connection))
        connection.sendall(OK)

    with served(serve) as port:
        session = make_session(proxies={"http": f"http://127.0.0.1:{port}"})
        send("http://api.github.test/x", session)
    assert received[0].startswith(b"POST http://api.github.test/x HTTP/1.1")


def test_environment_is_not_read(monkeypatch) -> None:
    """Proxies and CA bundles in the environment are ignored."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    with served(answering(OK)) as port:
        assert send(f"http://127.0.0.1:{port}/x").status == 200


def test_cookies_are_not_stored() -> None:
    """Cookies are not stored."""
    received: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        for _ in range(2):
            received.append(read_request(connection))
            connection.sendall(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n"))

    with served(serve) as port, make_session() as session:
        carrier = Transport(session, clock=lambda: 5.0)
        for _ in range(2):
            carrier.send("GET", f"http://127.0.0.1:{port}/x", path="/x", headers={}, body=None)
    assert [b"cookie" in one.lower() for one in received] == [False, False]


def test_the_cause_is_kept() -> None:
    """The network error is the cause of the raised one."""
    error = failure_of(f"http://127.0.0.1:{free_port()}/x")
    assert isinstance(error.__cause__, requests.ConnectionError)
