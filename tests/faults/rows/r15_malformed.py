"""Malformed requests: no 5xx, nothing stored, and no parser crashes.

Three fuzzers: our own for bytes on a socket, with wrong lengths and chunks; hypothesis for texts
and headers; atheris, guided by coverage, for each parser that strangers reach.
"""

import contextlib
import hmac
import json
import random
import socket
from collections import Counter
from collections.abc import Callable

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from luggage.github import DeliveryRejected, webhooks
from luggage.github.conversations import parse_commands
from tests.faults.campaign import Row, Run
from tests.faults.fuzzing import guided
from tests.faults.load import together
from tests.faults.site import Site
from tests.support import needs

_THREADS = 4
_HOOK = "/webhook/github"
_GOOD = {"action": "opened", "installation": {"id": 1}, "repository": {"full_name": "a/b"}}


def run(run: Run) -> None:
    """Fuzz real sockets byte by byte, then the parsers alone."""
    fake = run.github()
    with run.site(fake) as site:
        web = site.web()
        statuses: Counter[int] = Counter()
        share = run.count // _THREADS
        together(*(lambda n=n: _attack(run, site, n, share, statuses) for n in range(_THREADS)))
        stored = site.ask("SELECT count(*) FROM job")[0][0]
        found = " ".join(f"{status or 'closed'}:{n}" for status, n in sorted(statuses.items()))
        wrong = sum(count for status, count in statuses.items() if status >= 500 and status != 501)
        run.note(requests=sum(statuses.values()), stored=stored, answers_5xx=wrong, answers=found)
        run.expect(not stored, f"{stored} deliveries were stored")
        run.expect(not wrong, f"answers: {found}")
        run.expect(202 not in statuses, "one was accepted")
        run.expect(web.lives, "the web process has ended")
        run.expect("Traceback" not in web.output, "a traceback in the log")
    run.note(parsed=2 * _parsers(run.seed, run.count // 10))
    _guided(run)


def _attack(run: Run, site: Site, number: int, count: int, statuses: Counter[int]) -> None:
    rng = random.Random(f"{run.seed} {number}")
    secret = site.fake.webhook_secret.encode()
    for _ in range(count):
        make = rng.choice(_KINDS)
        statuses[_exchange(site.port, make(rng, secret))] += 1


def _exchange(port: int, request: bytes) -> int:
    """The status of the response; 0 if the connection was closed without one."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
            line.sendall(request)
            line.shutdown(socket.SHUT_WR)
            words = line.recv(4096).split()
    except OSError:
        return 0
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def _post(
    body: bytes,
    headers: dict[str, str],
    *,
    method: str = "POST",
    path: str = _HOOK,
    length: int | None = None,
) -> bytes:
    size = len(body) if length is None else length
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {size}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


def _headers(body: bytes, secret: bytes, **changed: str) -> dict[str, str]:
    digest = hmac.new(secret, body, "sha256").hexdigest()
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": "guid",
        "X-Hub-Signature-256": f"sha256={digest}",
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }


def _noise(rng: random.Random, _secret: bytes) -> bytes:
    return rng.randbytes(rng.randint(1, 300))


def _mangled(rng: random.Random, secret: bytes) -> bytes:
    """A valid request with changed bytes in its body: its signature is wrong."""
    body = json.dumps(_GOOD).encode()
    spoilt = bytearray(body)
    for _ in range(rng.randint(1, 9)):
        spoilt[rng.randrange(len(spoilt))] ^= rng.randint(1, 255)
    return _post(bytes(spoilt) + b" ", _headers(body, secret))


def _unsigned(rng: random.Random, secret: bytes) -> bytes:
    body = json.dumps(_GOOD).encode()
    headers = _headers(body, secret)
    wrong = ("", "sha256=", "sha1=" + "0" * 40, "sha256=" + "0" * 64, "sha256=\xff", "x" * 5000)
    headers["X-Hub-Signature-256"] = rng.choice(wrong)
    if rng.random() < 0.2:
        del headers["X-Hub-Signature-256"]
    return _post(body, headers)


def _signed_nonsense(rng: random.Random, secret: bytes) -> bytes:
    """Correctly signed, but not a delivery."""
    deep = b"[" * rng.choice((10, 1000, 100_000))
    bodies = (
        b"", b"null", b"[]", b"1", b'"x"', b"{", b"{}}", b'{"a": NaN}', b'{"a": Infinity}',
        b"\xff\xfe{}", b'{"a": "\xff"}', b'{"a": "\\ud800"}', deep, b'{"a":' + deep,
        rng.randbytes(rng.randint(1, 200)),
    )  # fmt: skip
    body = rng.choice(bodies)
    return _post(body, _headers(body, secret))


def _wrong_types(rng: random.Random, secret: bytes) -> bytes:
    values = [5, 1.5, True, "x", [], ["x"], -1, 10**400]
    field = rng.choice(("repository", "organization", "sender", "issue", "installation", "comment"))
    spoilt = {**_GOOD, field: rng.choice(values)}
    if rng.random() < 0.4:
        names = ("", "a", "a/b/c", "../..", "a/b\n", "a b/c", "a/b?x", 7, {})
        spoilt = {**_GOOD, "repository": {"full_name": rng.choice(names)}}
    elif rng.random() < 0.3:
        ids = ("1", 1.5, True, [], {})
        spoilt = {**_GOOD, "installation": {"id": rng.choice(ids)}}
    elif rng.random() < 0.3:
        spoilt = {**_GOOD, "action": rng.choice((1, True, [], {}, 1.5))}
    body = json.dumps(spoilt).encode()
    return _post(body, _headers(body, secret))


def _bad_names(rng: random.Random, secret: bytes) -> bytes:
    body = json.dumps(_GOOD).encode()
    headers = _headers(body, secret)
    name = rng.choice(("X-GitHub-Event", "X-GitHub-Delivery"))
    headers[name] = rng.choice(("", " ", "a b", "../x", "x" * 101, "\xe9", "a\x00b", "a;b", "'"))
    if rng.random() < 0.2:
        del headers[name]
    return _post(body, headers)


def _framing(rng: random.Random, secret: bytes) -> bytes:
    """Wrong lengths, chunks, duplicate headers."""
    body = json.dumps(_GOOD).encode()
    headers = _headers(body, secret)
    kind = rng.randrange(6)
    if kind == 0:
        return _post(body, headers, length=rng.choice((len(body) + 1, 10**9, 26 * 1024 * 1024)))
    if kind == 1:
        return _post(body[: len(body) // 2], headers, length=len(body))
    if kind == 2:
        return _post(body, {**headers, "Transfer-Encoding": "chunked"})
    if kind == 3:
        return _post(body, headers).replace(b"Content-Length: ", b"Content-Length: -")
    if kind == 4:
        return _post(body, headers).replace(
            b"Content-Length: ", b"Content-Length: 1\r\nContent-Length: "
        )
    return _post(body, headers | {f"X-{n}": "y" * 200 for n in range(rng.choice((70, 200)))})


def _elsewhere(rng: random.Random, secret: bytes) -> bytes:
    """Other paths and methods; pages respond and store nothing."""
    body = json.dumps(_GOOD).encode()
    paths = (
        "/", "/healthz", "/x", "//", "/../etc/passwd", "/%00", "/%ff", "/webhook/github/", "*",
        "http://evil/", "/static/../web.py", "/" + "a" * 5000, _HOOK + "?x=%", "/static/%2e%2e/",
    )  # fmt: skip
    methods = ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get")
    path, method = rng.choice(paths), rng.choice(methods)
    return _post(body, _headers(body, secret), method=method, path=path)


_KINDS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _noise, _mangled, _unsigned, _signed_nonsense, _wrong_types, _bad_names, _framing, _elsewhere,
)  # fmt: skip


def _parsers(number: int, examples: int) -> int:
    """Run the parsers on hypothesis's examples; returns the number of each."""
    quiet = settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=HealthCheck
    )

    @seed(number)
    @quiet
    @given(st.text() | st.text("/`>*-# \n\tabc<!->[]()"))
    def commands(text: str) -> None:
        assert all(words[0].startswith("/") for words in parse_commands(text))

    @seed(number)
    @quiet
    @given(st.binary(), st.dictionaries(st.text(), st.text()))
    def deliveries(body: bytes, headers: dict[str, str]) -> None:
        signed = {**headers, **_headers(body, b"secret")}
        with contextlib.suppress(DeliveryRejected):
            webhooks.read(signed, body, [b"secret"])

    commands()
    deliveries()
    return examples


def _guided(run: Run) -> None:
    """Fuzz each parser, guided by coverage; the short form runs some."""
    try:
        needs.need("atheris")
    except needs.AbsentError as error:
        run.leave_out("guided by coverage", error)
        return
    run.say("guided by coverage")
    names, home = guided.QUICK if run.short else (), run.home / "fuzzing"
    runs = run.count // 4 if run.short else 2 * run.count
    told = guided.fuzz(names, runs=runs, seed=run.seed, home=home, light=run.short)
    for one in told:
        run.say(f"{one['target']}: {one['runs']} inputs, {one['covered']} ways covered")
        run.expect(not one["found"], guided.words(one))
    run.note(
        guided_targets=len(told),
        guided_inputs=sum(one["runs"] for one in told),
        ways_covered=sum(one["covered"] for one in told),
        inputs_that_broke_a_promise=sum(bool(one["found"]) for one in told),
    )


ROW = Row(
    name="malformed-requests",
    fault="10,000 malformed requests by a fuzzer",
    target="no 5xx, nothing stored",
    size="requests",
    full=10_000,
    short=400,
    run=run,
)
