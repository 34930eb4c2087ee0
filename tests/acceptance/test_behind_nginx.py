"""The bot behind nginx with the documented configuration, over each protocol."""

import json
import socketserver
import struct
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.acceptance.test_main_job import settings
from tests.support import needs
from tests.support.nginx import running_nginx
from tests.support.running import free_port, running, until

TRIO = "snakes/trio"
ODD_PATH = "/x/../a%2Fb?c=%20d"
# For a body above a megabyte curl sends Expect first.
LONG = "x" * 1_100_000


@pytest.fixture
def proxy(github, judge, tmp_path):
    """The addresses of a bot's proxy: plain, and with TLS and HTTP/2."""
    needs.need("nginx", "curl", "openssl")
    plain, tls = free_port(), free_port()
    subject = ("-subj", "/CN=127.0.0.1", "-days", "1", "-nodes", "-newkey", "rsa:2048")
    command = ["openssl", "req", "-x509", *subject, "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    more = (
        f"listen 127.0.0.1:{tls} ssl http2; gzip on; gzip_types *; gzip_min_length 1; "
        f"ssl_certificate {tmp_path}/cert.pem; ssl_certificate_key {tmp_path}/key.pem;"
    )
    environ = settings(github, judge.url)
    with running(tmp_path / "var", environ) as bot:
        bot.wait_until_ready()
        bot_port = int(bot.url.rpartition(":")[2])
        program = needs.program("nginx")
        nginx = running_nginx(program, tmp_path, port=plain, bot_port=bot_port, more=more)
        with nginx:
            yield {"http": f"http://127.0.0.1:{plain}", "https": f"https://127.0.0.1:{tls}"}


def curl(url, *arguments, body=None):
    """Return the status and the version of HTTP that curl sees."""
    said = ("--silent", "--show-error", "--insecure", "--output", "/dev/null")
    told = ("--write-out", "%{http_code} %{http_version}")
    given = ("--data-binary", "@-") if body is not None else ()
    done = subprocess.run(
        ["curl", *said, *told, *given, *arguments, url],
        input=body, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout.decode()


WAYS = {
    "HTTP/1.1": ("http", ("--http1.1",), "1.1"),
    "HTTP/1.0": ("http", ("--http1.0",), "1.1"),
    "HTTP/2, so lower-case names": ("https", ("--http2",), "2"),
    "asked first": ("http", ("-H", "Expect: 100-continue"), "1.1"),
    "chunked": ("http", ("-H", "Transfer-Encoding: chunked"), "1.1"),
    "an answer to be packed": ("https", ("--http2", "--compressed"), "2"),
}


@pytest.mark.parametrize("body", ["/ping", f"/ping\n\n{LONG}"], ids=["short", "long"])
def test_a_delivery_gets_through_however_it_is_sent(proxy, github, body):
    """Signed bytes arrive unchanged, and each request is answered once."""
    for number, (scheme, arguments, _) in enumerate(WAYS.values(), 1):
        happening = github.open_issue(TRIO, "alice", body=body)
        headers, payload = github.signed(*happening, delivery_id=f"guid-{number}")
        named = [word for pair in headers.items() for word in ("-H", ": ".join(pair))]
        hook = f"{proxy[scheme]}/webhook/github"
        assert curl(hook, *named, *arguments, body=payload).split()[0] == "202"
    until(
        lambda: all(github.comments(TRIO, number) for number in range(1, len(WAYS) + 1)),
        "all are answered",
    )
    assert {len(github.comments(TRIO, number + 1)) for number in range(len(WAYS))} == {1}


@pytest.mark.parametrize("way", ["HTTP/1.1", "HTTP/1.0", "HTTP/2, so lower-case names"])
def test_each_way_is_what_it_is_called(proxy, way):
    """The proxy offers the expected versions of HTTP, and hides metrics."""
    scheme, arguments, version = WAYS[way]
    assert curl(f"{proxy[scheme]}/healthz", *arguments) == f"200 {version}"
    assert curl(f"{proxy[scheme]}/metrics", *arguments).split()[0] == "404"


@contextmanager
def serving(server):
    """Run a server in a thread; give its port."""
    with server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


class Echo(BaseHTTPRequestHandler):
    """Answers with its own address, the path and the headers that it got, as JSON."""

    def do_GET(self):
        told = {"at": self.server.server_address[0], "path": self.path, **self.headers}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words):
        """Print nothing."""


class Names(socketserver.BaseRequestHandler):
    """A name server: the one address of its server for each name, which may be kept for an hour."""

    def handle(self):
        query, connection = self.request
        question = query[12 : query.index(0, 12) + 5]
        head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0)
        address = bytes(map(int, self.server.address.split(".")))
        record = struct.pack(">HHHIH", 0xC00C, 1, 1, 3600, 4) + address
        connection.sendto(head + question + record, self.client_address)


@pytest.fixture
def echo(tmp_path):
    """The proxy's address before two bots at addresses of their own, and the name server."""
    needs.need("nginx", "curl")
    port, bot_port = free_port(), free_port()
    names = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Names)
    names.address = "127.0.0.2"
    with ExitStack() as stack:
        dns_port = stack.enter_context(serving(names))
        for address in ("127.0.0.2", "127.0.0.3"):
            stack.enter_context(serving(ThreadingHTTPServer((address, bot_port), Echo)))
        nginx = running_nginx(
            needs.program("nginx"), tmp_path, port=port, bot_port=bot_port, dns_port=dns_port
        )
        stack.enter_context(nginx)
        yield f"http://127.0.0.1:{port}{ODD_PATH}", names


def asked(url, *arguments):
    """Return what Echo said."""
    command = ["curl", "--silent", "--show-error", "--fail", "--path-as-is", *arguments, url]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def test_a_bot_at_another_address_is_found(echo):
    """As after `docker compose up` has created its container again; the proxy keeps running."""
    url, names = echo
    first = asked(url)
    assert (first["at"], first["path"]) == ("127.0.0.2", ODD_PATH)
    names.address = "127.0.0.3"
    until(lambda: asked(url)["at"] == "127.0.0.3", "the new address is used")


@pytest.mark.parametrize(
    ("said", "passed_on"),
    [
        (None, "http"),
        ("https", "https"),
        ("https, http", "https"),
        ("httpsx", "http"),
        ("", "http"),
    ],
)
def test_the_scheme_of_an_outer_proxy_is_passed_on(echo, said, passed_on):
    """The bot then sends the console's cookie over https only."""
    url, _ = echo
    arguments = () if said is None else ("-H", f"X-Forwarded-Proto: {said}")
    assert asked(url, *arguments)["X-Forwarded-Proto"] == passed_on
