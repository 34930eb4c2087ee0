"""Secrets of a document, opened on demand."""

import copy
import pickle
import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from luggage.crypto import (
    DocumentError,
    KeyMissing,
    KeyOfAnotherPair,
    KeyRetired,
    NotAKey,
    PrivateKey,
    Secrets,
    ValueCount,
    ValueDamaged,
    ValueMoved,
    open_secrets,
)

KEY = PrivateKey(b"1" * 32)
OTHER = PrivateKey(b"2" * 32)
KEYS = {"current": KEY.id, KEY.id: KEY.public.text}


def document(**values: Any) -> dict[str, Any]:
    """Return a parsed document with [keys] and `values` in [github]."""
    return {"keys": KEYS, "github": values}


def opened(*keys: PrivateKey, **values: Any) -> Secrets:
    """Return the secrets of a document of `values`, with `keys`."""
    return open_secrets(document(**values), keys)


def sealed(name: str, value: str, key: PrivateKey = KEY) -> str:
    """Return `value` sealed under github.`name`."""
    return key.public.seal(f"github.{name}", value)


def test_reveal() -> None:
    """A sealed value opens under its dotted name."""
    assert opened(KEY, token=sealed("token", "hunter2"))["github.token"].reveal() == "hunter2"


def test_reveal_all() -> None:
    """The values of a list open in order, sealed and plain ones together."""
    secrets = opened(KEY, hooks=[sealed("hooks", "one"), "two"])
    assert secrets["github.hooks"].reveal_all() == ("one", "two")


def test_one_value_is_a_list_of_one() -> None:
    """A single value can be read as a list of one."""
    assert opened(KEY, hook=sealed("hook", "one"))["github.hook"].reveal_all() == ("one",)


def test_a_list_is_not_one_value() -> None:
    """A list instead of one value is refused, even with one element."""
    with pytest.raises(ValueCount, match=r"github\.hooks must be one value"):
        opened(KEY, hooks=[sealed("hooks", "one")])["github.hooks"].reveal()


@pytest.mark.parametrize(("value", "text"), [("x", "x"), (7, "7"), ("", "")])
def test_plain_values_need_no_key(value: object, text: str) -> None:
    """A plain value is returned as text, without any key."""
    assert opened(app_id=value)["github.app_id"].reveal() == text


def test_the_mapping_holds_all_but_the_keys() -> None:
    """It has the names of all values, in order, except the public keys."""
    found = open_secrets(
        tomllib.loads("[b]\nx = 1\n[keys]\n[a.deep]\ny = []\nz = [[1], [2]]\n"), ()
    )
    assert (list(found), len(found)) == (["b.x", "a.deep.y", "a.deep.z"], 3)


def test_get() -> None:
    """A missing name behaves as in any mapping."""
    assert opened().get("github.token") is None


def test_opens_late() -> None:
    """Values that cannot be opened do no harm until they are used."""
    assert "github.token" in opened(token=sealed("token", "hunter2"))


def test_several_live_keys() -> None:
    """With two accepted pairs, each value opens with its pair's key."""
    two = document(a=sealed("a", "one"), b=sealed("b", "two", OTHER))
    two["keys"] = {**KEYS, OTHER.id: OTHER.public.text}
    secrets = open_secrets(two, [OTHER, KEY])
    assert [secret.reveal() for secret in secrets.values()] == ["one", "two"]


@pytest.mark.parametrize(
    ("keys", "value", "error", "remedy"),
    [
        ((), sealed("token", "x"), KeyMissing, "set SECRET_KEY_FILE"),
        ((OTHER,), sealed("token", "x"), KeyOfAnotherPair, f"to the key of {KEY.id}"),
        ((KEY, OTHER), sealed("token", "x", OTHER), KeyRetired, "seal it again"),
        ((KEY,), sealed("token", "x")[:-8], ValueDamaged, "seal it again"),
        ((KEY,), sealed("other", "x"), ValueMoved, "move it back"),
        ((KEY,), "sealed:", KeyRetired, "seal it again"),
    ],
)
def test_each_failure_has_its_class_and_remedy(
    keys: tuple[PrivateKey, ...], value: str, error: type[Exception], remedy: str
) -> None:
    """Each reason for which a value does not open has a class and a one-line remedy."""
    with pytest.raises(error, match=rf"^github.token .*: .*{remedy}[^\n]*$"):
        opened(*keys, token=value)["github.token"].reveal()


@pytest.mark.parametrize(
    ("broken", "error", "message"),
    [
        ({"keys": "x"}, DocumentError, "must be a section"),
        ({"keys": {"12345678": KEY.public.text}}, NotAKey, f"lists the key {KEY.id} as 12345678"),
        ({"keys": {KEY.id: "x"}}, NotAKey, "not a public key"),
        ({"keys": {KEY.id: KEY.reveal()}}, NotAKey, "the other half"),
        ({"a": {"b.c": 1}}, DocumentError, r'"a\.b\.c" is not a valid name'),
        ({"a": [{"b": "sealed:1:x"}]}, DocumentError, "a has a sealed value in a nested list"),
        ({"a": [[["sealed:1:x"]]]}, DocumentError, "give it its own name"),
    ],
)
def test_broken_documents(broken: dict[str, Any], error: type[Exception], message: str) -> None:
    """A document with a value or key that cannot be addressed is refused as a whole."""
    with pytest.raises(error, match=message):
        open_secrets(broken, ())


@pytest.mark.parametrize("use", [pickle.dumps, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("pick", [lambda s: s, lambda s: s["github.a"]], ids=["mapping", "value"])
def test_not_copied(use: Callable[[object], object], pick: Callable[[Secrets], object]) -> None:
    """Neither the mapping nor a value in it can be pickled or copied by accident."""
    with pytest.raises(TypeError, match="pass on the object itself"):
        use(pick(opened(a="x")))
