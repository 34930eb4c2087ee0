"""Targets of the fuzzer: parsers of strangers' bytes, and their promises.

A target takes an input, and raises if a promise is broken. A parser returns or raises its
documented error, and nothing else.
"""

import hmac
import json
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from bot.events import view
from bot.options.kinds import changed, digest
from bot.parse import BoardAway, _line, _read
from bot.rules import RULES
from bot.settings.layers import Settings, SettingsError, read_text
from bot.store.enqueue import job_of
from luggage.crypto import PrivateKey, open_secrets
from luggage.crypto.document import Document
from luggage.crypto.errors import SecretError
from luggage.crypto.sealed import conceal
from luggage.github import DeliveryRejected, manifest, oauth, webhooks
from luggage.github.answers import ApiResponse, failure, github_time, graphql_failure, limited_until
from luggage.github.client import ApiCall, Page, _items, _next_link, _query_of, decode
from luggage.github.conversations import parse_commands
from luggage.github.deliveries import Missed, Progress, Recovery
from luggage.github.errors import RequestFailed
from luggage.github.payload import Payload
from luggage.github.transport import BadAddress, Origin
from luggage.telemetry import redact
from tests.faults.fuzzing import seeds

_SECRET = b"known to the fuzzer alone"
_NOW = 1_800_000_000.0
_ORIGIN = Origin("https://api.github.com")


@dataclass(frozen=True)
class Target:
    """A target; `prepare` returns a function of an input of at most `longest` bytes.

    `form` selects the mutation, see `mutation`. `about` names the modules whose coverage guides the
    fuzzer, `libraries` their third-party parsers; C code is not covered. A target runs `pace` times
    as often as others.
    """

    name: str
    prepare: Callable[[], Callable[[bytes], None]]
    seeds: Callable[[], Iterable[bytes]]
    about: tuple[str, ...]
    libraries: tuple[str, ...] = ()
    longest: int = 4096
    form: Literal["bytes", "json", "request"] = "bytes"
    pace: float = 1.0


def _deliveries(data: bytes) -> None:
    """`read_shallow` and later readers accept what `read` accepts, with the same values."""
    event, _, body = data.partition(b"\n")
    headers = {
        "X-GitHub-Event": event.decode("latin-1"),
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-Hub-Signature-256": "sha256=" + hmac.new(_SECRET, body, "sha256").hexdigest(),
    }
    seen, refused = _taken(webhooks.read_shallow, headers, body)
    whole, reason = _taken(webhooks.read, headers, body)
    if whole is None:
        assert seen is None or _is_unseen(reason, body), reason
        return
    if seen is None:
        assert _has_twins(body), refused
        return
    assert seen.payload == _as_shallow(whole.payload)
    assert job_of(whole, body, run_at=_NOW) == job_of(seen, body, run_at=_NOW)
    found = view(whole.event, whole.payload)
    if found.message is not None:
        found.message.commands()


def _taken(
    read: Callable[..., webhooks.Delivery], headers: Mapping[str, str], body: bytes
) -> tuple[webhooks.Delivery | None, str]:
    try:
        return read(headers, body, [_SECRET]), ""
    except DeliveryRejected as error:
        return None, str(error)


def _is_unseen(reason: str, body: bytes) -> bool:
    """Whether it is a documented fault that `read_shallow` does not detect."""
    text = body.decode()  # of what is not UTF-8, nothing is seen at all
    if "nested too deeply" in reason:
        return True
    if "not UTF-8 text" in reason:
        return "\\ud" in text.lower()  # half of a surrogate pair
    return "not JSON" in reason and json.loads(body, parse_int=str, parse_float=str) is not None


def _has_twins(body: bytes) -> bool:
    """Whether an object has a key twice: `read` uses the last one, `read_shallow` checks both."""
    found: list[bool] = []

    def paired(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.append(len(pairs) > len(dict(pairs)))
        return dict(pairs)

    json.loads(body, object_pairs_hook=paired)
    return any(found)


def _as_shallow(payload: Mapping[str, Any]) -> Any:
    return msgspec.convert(payload, Payload)


def _signatures(data: bytes) -> None:
    """A header made without the secret verifies nothing."""
    signature, _, rest = data.decode("latin-1").partition("\n")
    event, _, delivery = rest.partition("\n")
    headers = {"X-Hub-Signature-256": signature, "X-GitHub-Event": event}
    headers |= {"X-GitHub-Delivery": delivery}
    for read in (webhooks.read, webhooks.read_shallow):
        delivery_taken, _ = _taken(read, headers, b"{}")
        assert delivery_taken is None


def _commands(data: bytes) -> None:
    """Commands start with a slash and a letter, and no text breaks the parser."""
    for words in parse_commands(data.decode(errors="replace")):
        assert words[0][0] == "/"
        assert words[0][1].isalpha()


def _settings(data: bytes) -> None:
    """A text is a valid layer for each rule, or refused in one line."""
    text = data.decode(errors="replace")
    try:
        layer = read_text(RULES, text, source="bot.toml")
    except SettingsError as error:
        said = str(error)
    else:
        said = ""
        for rule in RULES:
            told = Settings(layer).under(layer, "o/r").of(rule)
            json.dumps([changed(told), digest(told)]).encode()
    assert said.isprintable(), said


_KEY = PrivateKey(bytes(range(32)))


def _documents(data: bytes) -> None:
    """A document is refused, or an inserted value is there and nothing else has changed."""
    text = data.decode(errors="replace")
    conceal(text)
    with suppress(SecretError):
        document = Document(text)
        before = tomllib.loads(document.text)
        for secret in open_secrets(before, [_KEY]).values():
            with suppress(SecretError):
                secret.reveal_all()
        list(document.entries())
        document.put("github.app_id", "sealed:x:y")
        after = tomllib.loads(document.text)
        assert after["github"].pop("app_id") == "sealed:x:y"
        before.setdefault("github", {}).pop("app_id", None)
        assert repr(after) == repr(before)


def _links(data: bytes) -> None:
    """A link leads within the API, or is not followed."""
    header = data.decode("latin-1")
    link = _next_link(header)
    for one in (header, link):
        if one is not None:
            with suppress(BadAddress):
                url = _ORIGIN.within(one)
                assert urlsplit(one).hostname in (None, "api.github.com"), one
                assert urlsplit(url)[:2] == ("https", "api.github.com"), url
                _query_of(url).get("cursor", "")


def _answers(data: bytes) -> None:
    """Any response of GitHub yields a value, or our error with a time to retry."""
    answer = _answer(data)
    github_time(answer)
    until = limited_until(answer, skew_seconds=0.0)
    assert until is None or until > answer.received_at
    str(failure(answer, retry_at=until))
    with suppress(RequestFailed):
        told = decode(answer)
        str(graphql_failure(answer, told, retry_at=_NOW))
        _items(ApiCall("GET", "/x", "https://api.github.com/x", None, writes=False), told)
    for made in (manifest._registered, oauth._token):
        with suppress(RequestFailed):
            made(answer)


def _answer(data: bytes) -> ApiResponse:
    """`403 name: value; name: value`, a line feed, and the body."""
    head, _, body = data.partition(b"\n")
    status, _, rest = head.decode("latin-1").partition(" ")
    named = (each.partition(":") for each in rest.split(";"))
    headers = {name.strip().lower(): value.strip() for name, _, value in named}
    number = int(status) if status.isascii() and status.isdigit() and len(status) < 4 else 200
    return ApiResponse("GET", "/x", number, headers, body, _NOW)


def _board(data: bytes) -> None:
    """A Parse Server's response yields lines, or BoardAway."""
    answer = _answer(data)
    with suppress(BoardAway):
        results = _read(answer.status, answer.body).get("results")
        for each in results if isinstance(results, list) else ():
            if isinstance(each, dict):
                line = _line(each)
                assert line is None or datetime.fromtimestamp(line.said_at, UTC)


class _Inbox:
    """In memory, and strict about types, as the database is."""

    def __init__(self) -> None:
        self.waiting: dict[str, Missed] = {}
        self.there: set[str] = set()

    def known(self, guids: Iterable[str]) -> set[str]:
        return self.there.intersection(guids)

    def progress(self) -> Progress:
        return Progress()

    def note(self, missed: Iterable[Missed], progress: Progress) -> None:
        for each in missed:
            assert each.guid.encode(), each
            assert type(each.id) is int, each
            self.waiting[each.guid] = each

    def missed(self) -> list[Missed]:
        return list(self.waiting.values())

    def put(self, delivery: webhooks.Delivery, body: bytes) -> None:
        job_of(delivery, body, run_at=_NOW)
        self.arrived(delivery.id)

    def arrived(self, guid: str) -> None:
        self.there.add(guid)
        del self.waiting[guid]

    def tried(self, missed: Missed) -> None:
        raise AssertionError("nothing was unreachable")

    def lost(self, missed: Missed, reason: str) -> None:
        self.arrived(missed.guid)


def _log(data: bytes) -> None:
    """An unreadable entry of GitHub's log does not block the others."""
    try:
        told = json.loads(data.partition(b"\n")[2])
    except (ValueError, RecursionError):
        return
    if not isinstance(told, dict) or not isinstance(told.get("items"), list):
        return
    inbox = _Inbox()
    client: Any = SimpleNamespace(
        rate_limit=None,
        page=lambda _path, **_how: Page(told["items"], None),
        get=lambda _path, **_names: told.get("delivery"),
    )
    Recovery(client, inbox, wants=lambda _event, _action: True, clock=lambda: _NOW).run()
    assert not inbox.waiting


def _shown(data: bytes) -> None:
    """Any payload can be shown, and none controls a terminal."""
    for text in (redact.pretty(data), redact.one_line(data.decode(errors="replace"))):
        assert "\x1b" not in text
        text.encode()


def _pages() -> Callable[[bytes], None]:
    """The web app, used by a stranger and an operator: no 5xx, nothing stored."""
    from tests.faults.fuzzing.pages import Pages  # noqa: PLC0415  wires the whole bot

    return Pages(Path(tempfile.mkdtemp(prefix="fuzzing-"))).ask


def _canary(data: bytes) -> None:
    """A bug that only coverage-guided fuzzing finds."""
    if not data.startswith(b"/"):
        return
    if data[1:2] != b"b":
        return
    if data[2:3] == b"u":
        raise RuntimeError("the canary is found")


_WEBHOOKS = (
    "luggage.github.webhooks",
    "bot.events",
    "bot.store.enqueue",
    "luggage.github.conversations",
)
_ANSWERS = ("luggage.github.answers", "luggage.github.manifest", "luggage.github.oauth")
_SETTINGS = ("bot.settings.layers", "bot.options", "bot.rules")
_CONSOLE = (
    "bot.web.app",
    "bot.web.webhook",
    "bot.web.console",
    "bot.operations.history",
)
_ALL = (
    Target(
        "deliveries",
        lambda: _deliveries,
        seeds.deliveries,
        _WEBHOOKS,
        longest=60_000,
        form="json",
        pace=2,
    ),
    Target("signatures", lambda: _signatures, seeds.signatures, _WEBHOOKS, longest=300, pace=5),
    Target(
        "commands",
        lambda: _commands,
        seeds.comments,
        ("luggage.github.conversations",),
        ("markdown_it",),
        longest=1000,
        pace=0.25,
    ),
    Target("settings", lambda: _settings, seeds.settings, _SETTINGS, ("tomllib",)),
    Target("documents", lambda: _documents, seeds.documents, ("luggage.crypto",), ("tomlkit",)),
    Target("links", lambda: _links, seeds.links, ("luggage.github",), longest=1000, pace=5),
    Target("answers", lambda: _answers, seeds.answers, _ANSWERS, form="json", pace=5),
    Target("board", lambda: _board, seeds.board, ("bot.parse",), form="json", pace=5),
    Target("log", lambda: _log, seeds.log, ("luggage.github.deliveries",), form="json", pace=2),
    Target("shown", lambda: _shown, seeds.shown, ("luggage.telemetry.redact",), pace=2),
    Target("pages", _pages, seeds.pages, _CONSOLE, longest=1000, form="request"),
)
TARGETS: Mapping[str, Target] = {target.name: target for target in _ALL}
CANARY = Target(
    "canary", lambda: _canary, lambda: [b"x"], ("tests.faults.fuzzing.targets",), longest=20
)
