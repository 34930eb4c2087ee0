"""Seeds of the fuzzer: GitHub's examples, and ordinary cases of everything else."""

import json
from collections.abc import Iterable, Iterator

from bot.settings.files import FILE
from tests.support.octokit import NotInstalledError, cache_directory, examples, installed
from tests.support.running import ROOT

_SMALLEST = {
    "action": "opened",
    "installation": {"id": 1},
    "organization": {"login": "a"},
    "repository": {"full_name": "a/b", "default_branch": "main"},
    "issue": {"number": 7, "body": "/ping", "user": {"login": "c"}, "labels": [{"name": "x"}]},
    "sender": {"login": "c"},
}
_OF_INTEREST = (
    "installation", "issue_comment", "issues", "organization", "ping", "pull_request",
    "pull_request_review", "pull_request_review_comment", "push",
)  # fmt: skip
_SEALED = (
    "sealed:0fbc2b4d:"
    "bm90IGEgY2lwaGVydGV4dCwgYnV0IGxvbmcgZW5vdWdoIHRvIGJlIG9uZSBieSBpdHMgbGVuZ3RoIGFsb25l"
)


# Nested too deeply for Python.
_DEEP = 3000


def deliveries() -> Iterator[bytes]:
    """An event and its payload: the two shortest of each relevant event."""
    yield b"issues\n" + json.dumps(_SMALLEST).encode()
    yield b'issues\n{"action": 1, "action": "x", "a": "\\ud800", "b": 1e999}'
    yield b'issues\n{"action": 1, "action": "x"}'
    yield b'issues\n{"a": "\xff", "b": ' + b"[" * _DEEP
    try:
        installed(cache_directory())
    except NotInstalledError:
        return
    for event in _OF_INTEREST:
        texts = (json.dumps(one.payload) for one in examples() if one.event == event)
        for text in sorted(texts, key=len)[:2]:
            yield f"{event}\n{text}".encode()


def signatures() -> Iterable[bytes]:
    """Three headers: signature, event, delivery."""
    return [
        b"sha256=" + b"0" * 64 + b"\nissues\nguid",
        b"sha1=" + b"0" * 40 + b"\nissues\nguid",
        b"\n\n",
    ]


def comments() -> Iterable[bytes]:
    """Comments with commands, and with text that only looks like one."""
    return [
        b"/ping",
        b"Thanks!\n\n/label bug\n/unlabel `x`\n\n> /ping\n\n```\n/ping\n```\n",
        b"- /ping\n\n| a |\n|---|\n| /ping |\n\n<!-- /ping -->\n/ping &#47; \\/ping\n[/x](/y)",
        b"# /ping\n***\n1. a\n   /b\n\n[x]: /y '/z'\n/ping <b>\n<div>\n/c\n</div>\n![/a](/b)",
    ]


def settings() -> Iterable[bytes]:
    """A settings file with every rule, and one with each kind of mistake."""
    return [
        b"[invite]\nenabled = true\nmerged_pull_requests = 2\n\n[ping]\nenabled = false\n",
        b'[label.paths]\n"docs/**" = ["documentation"]\n[label.sizes]\nlarge = 500\n',
        b'invite = 5\n[[label]]\nx = {a = [1, "b", 1979-05-27T07:32:00Z, 0x1f, inf]}\n',
        b'[invite]\nunknown = \'\'\'\n\'\'\'\nmerged_pull_requests = """two"""\nx.y."z" = -0.1e9\n',
        b"x = " + b"[" * _DEEP,
        (ROOT / FILE).read_bytes() if (ROOT / FILE).exists() else b"",
    ]


def documents() -> Iterator[bytes]:
    """The shipped config.toml, and one with sealed values."""
    sealed = f'private_key = "{_SEALED}"\nwebhook_secrets = ["{_SEALED}"]\n'
    yield f'[github]\n# app_id = "1"\n{sealed}'.encode()
    yield b"# only a comment"
    yield b"x = " + b"[" * _DEEP
    yield b'[github]\napp_id = 1\n\n[keys]\ncurrent = "0fbc2b4d"\n\n[a.b]\nc = [[1], {d = "e"}]\n'
    yield b'github.x = 1\n[a]\nb = """\nlong"""\n[[c]]\nd = 1\n[[c]]\ne = {f.g = 2}\n'


def links() -> Iterable[bytes]:
    """Values of Link and Location."""
    here = b"https://api.github.com/app/hook/deliveries?per_page=100&cursor=v1_123"
    return [
        b"<" + here + b'>; rel="next"',
        b"<" + here + b'>; rel="first", <' + here + b'>; rel="next"',
        here,
        b"/app/hook/deliveries",
        b"https://api.github.com:443@evil.example/x#y",
    ]


def answers() -> Iterable[bytes]:
    """Status, headers, and a body."""
    app = {
        "id": 1, "slug": "s", "name": "n", "owner": {"login": "o"}, "html_url": "u", "pem": "p",
        "client_id": "c", "client_secret": "d", "webhook_secret": None,
    }  # fmt: skip
    wrong = {"message": "secondary rate limit", "errors": [{"code": "x"}, "y"]}
    graph = {"errors": [{"type": "RATE_LIMITED", "path": ["a", 1], "message": "m"}], "data": None}
    limited = (
        b"403 retry-after: 60; x-ratelimit-limit: 5000; x-ratelimit-remaining: 0; "
        b"x-ratelimit-reset: 1800000100; date: Sat, 21 Nov 2026 20:00:00 GMT\n"
    )
    return [
        b"201 \n" + json.dumps(app).encode(),
        limited + json.dumps(wrong).encode(),
        b"200 \n" + json.dumps(graph).encode(),
        b"200 \n" + json.dumps({"access_token": "t", "error": "e"}).encode(),
        b"200 \n" + json.dumps({"total_count": 1, "items": [{"id": 1}]}).encode(),
        b"502 \n<html>",
    ]


def board() -> Iterable[bytes]:
    """Answers of a Parse Server."""
    line = {"status": "I'm bored", "saidAt": {"__type": "Date", "iso": "2026-01-01T00:00:00.000Z"}}
    foreign = {"status": "hello", "createdAt": "2026-01-01T00:00:00.000Z"}
    return [
        b"200 \n" + json.dumps({"results": [line, foreign]}).encode(),
        b"400 \n" + json.dumps({"code": 1, "error": "no"}).encode(),
    ]


def log() -> Iterable[bytes]:
    """A page of the log of deliveries, and a delivery of it."""
    items = [
        {
            "id": number, "guid": f"guid-{number}", "event": "issues", "action": "opened",
            "delivered_at": "2027-01-15T08:00:00Z", "status": "OK", "status_code": 202,
        }
        for number in (3, 2, 1)
    ]  # fmt: skip
    delivery = {"event": "issues", "request": {"headers": {}, "payload": _SMALLEST}}
    return [b"\n" + json.dumps({"items": items, "delivery": delivery}).encode()]


def shown() -> Iterable[bytes]:
    """Payloads with secrets."""
    return [
        json.dumps({**_SMALLEST, "webhook_secret": "x", "text": "ghs_0123456789abcdef"}).encode(),
        b'{"a": "\\u001b[31m\\u202e", "b": ["https://a:b@c/", "Bearer 0123456789abcdef"]}',
        b"\x1b]0;x\x07 -----BEGIN RSA PRIVATE KEY----- eyJhbGciOi.eyJpc3Mi.x",
    ]


def pages() -> Iterator[bytes]:
    """Requests: method and address, cookie, body."""
    signed_in = b"\nconsole=$SESSION\n"
    for path in (
        b"",
        b"deliveries?state=dead&event=issues&text=x&before=7",
        b"deliveries/1",
        b"github",
    ):
        yield b"GET /console/" + path + signed_in
    for path in (b"pause", b"resume", b"parts/resume", b"deliveries/1/retry", b"actions/1/bury"):
        yield b"POST /console/" + path + signed_in + b"token=$TOKEN&part=x"
    for path in (
        b"",
        b"healthz",
        b"readyz",
        b"metrics",
        b"style.css",
        b"nothing",
        b"console/sign-in",
    ):
        yield b"GET /" + path
    yield b"GET //readyz"
    yield b"POST /console/sign-in/link/x"
    yield b"GET /%ff%00/../console/%2e?%ff=%00"
    yield b"GET /console/sign-in/callback?state=a&code=b\nconsole-sign-in=a.v"
    yield b'POST /webhook/github\n\n{"action": "opened"}'
