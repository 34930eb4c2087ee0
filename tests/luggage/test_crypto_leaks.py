"""Keys and plain values do not leak through reprs, logs and error reports."""

import json
import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from sentry_sdk.consts import DEFAULT_OPTIONS
from sentry_sdk.serializer import serialize
from sentry_sdk.utils import event_from_exception

from luggage.crypto import PrivateKey, PublicKey, Secret, Secrets, open_secrets
from luggage.crypto import parse_private_keys as parse
from luggage.crypto.document import Document

VALUE = "hunter2-is-my-value"
KEY = PrivateKey(b"my-private-key-is-made-of-these!")
OTHER = PrivateKey(b"and-another-is-of-these-letters!")
SEALED = KEY.public.seal("a.token", VALUE)
NEARLY_A_KEY = KEY.reveal()[:-1]
KEYS = f'[keys]\ncurrent = "{KEY.id}"\n{KEY.id} = "{KEY.public.text}"\n'
NEEDLES = (VALUE, "my-private-key", "and-another", KEY.reveal()[20:40], OTHER.reveal()[20:40])


def opened(*keys: PrivateKey, plain: bool = False, name: str = "token") -> Secrets:
    """Return a document with one value, sealed unless `plain`, and its `keys`."""
    token = VALUE if plain else SEALED
    return open_secrets({"keys": {KEY.id: KEY.public.text}, "a": {name: token}}, keys)


def holders() -> dict[str, PrivateKey | Secrets | Secret]:
    """Return one object of each kind that holds a key or a value."""
    found: dict[str, PrivateKey | Secrets | Secret] = {"key": KEY}
    for plain in (False, True):
        secrets = opened(KEY, plain=plain)
        found |= {f"secrets {plain=}": secrets, f"secret {plain=}": secrets["a.token"]}
    return found


def needles_in(text: str) -> list[str]:
    """Return the parts of secrets that occur in `text`."""
    return [needle for needle in NEEDLES if needle in text]


def logged(value: object) -> str:
    """Return the log line of `value`."""
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s %r", (value, value), None)
    return logging.Formatter().format(record)


def walked(value: Any) -> str:
    """Return what an eager printer finds: reprs of mappings' items too."""
    items = list(value.items()) if isinstance(value, Secrets) else value
    return f"{items!r} {items} {[items]!r}"


@pytest.mark.parametrize(
    "show",
    [repr, str, lambda v: f"{v}", lambda v: f"{v!r:>99}", logged, walked, serialize, dir],
    ids=["repr", "str", "format", "padded", "log", "walk", "sentry", "dir"],
)
@pytest.mark.parametrize("holder", list(holders()))
def test_holders_do_not_show_what_they_hold(holder: str, show: Callable[[object], object]) -> None:
    """No way of printing, logging or reporting an object shows its secret."""
    assert needles_in(str(show(holders()[holder]))) == []


@pytest.mark.parametrize("encode", [json.dumps, lambda v: json.dumps(dict(v))])
def test_secrets_are_not_json(encode: Callable[[object], str]) -> None:
    """Secrets cannot be dumped as JSON."""
    with pytest.raises(TypeError):
        encode(opened(KEY))


FAILURES: dict[str, Callable[[], object]] = {
    "key missing": opened()["a.token"].reveal,
    "another pair": opened(OTHER)["a.token"].reveal,
    "moved": opened(KEY, name="other")["a.other"].reveal,
    "damaged": lambda: KEY.open("a.token", SEALED[:-8]),
    "moved, by the key alone": lambda: KEY.open("a.other", SEALED),
    "list": open_secrets({"a": [VALUE]}, [KEY])["a"].reveal,
    "not a key": lambda: parse(NEARLY_A_KEY),
    "not a key, beside one": lambda: parse(f"{KEY.reveal()} {NEARLY_A_KEY} {OTHER.reveal()}"),
    "not a public key": lambda: PublicKey.parse(KEY.reveal()),
    "short key": lambda: PrivateKey(b"my-private-key"),
    "NUL in the name": lambda: KEY.public.seal("a\0b", VALUE),
    "resealed with another": lambda: Document(f'{KEYS}[a]\ntoken = "{SEALED}"\n').reseal(
        [OTHER], OTHER.public
    ),
    "pickled": KEY.__reduce__,
}


def failure(name: str) -> BaseException:
    """Return the exception of a failure, without this file's frames."""
    try:
        FAILURES[name]()
    except Exception as error:  # noqa: BLE001  # any: the next line tells ours from others
        frames = error.__traceback__
        while frames and frames.tb_frame.f_code.co_filename == __file__:
            frames = frames.tb_next
        return error.with_traceback(frames)
    pytest.fail(f"{name} did not fail")


def traceback_of(error: BaseException) -> str:
    """Return the traceback of an error and its causes, with local variables."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(shown.format())


def sentry_event_of(error: BaseException) -> str:
    """Return Sentry's event of an error, with the local variables of every frame."""
    event, _ = event_from_exception(error, client_options=DEFAULT_OPTIONS)
    return json.dumps(serialize(event), default=repr)


REPORTS = pytest.mark.parametrize("report", [traceback_of, sentry_event_of])


@REPORTS
@pytest.mark.parametrize("name", list(FAILURES))
def test_reports_of_errors(name: str, report: Callable[[BaseException], str]) -> None:
    """A report with the local variables of every frame has no secret."""
    assert needles_in(report(failure(name))) == []


@pytest.mark.parametrize("name", list(FAILURES))
def test_nothing_is_chained(name: str) -> None:
    """No error has a cause or context that could hold a secret."""
    error = failure(name)
    assert (error.__cause__, error.__context__) == (None, None)


@REPORTS
def test_these_reports_can_fail(report: Callable[[BaseException], str]) -> None:
    """Both kinds of report show a secret in a local variable."""

    def careless(value: str) -> None:
        raise ValueError(len(value))

    with pytest.raises(ValueError, match="19") as caught:
        careless(VALUE)
    assert needles_in(report(caught.value)) == [VALUE]
