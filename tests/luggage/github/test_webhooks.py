"""Tests of delivery verification and decoding."""

import hashlib
import hmac
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luggage.github.errors import (
    BadSignature,
    ConfigurationError,
    DeliveryRejected,
    Malformed,
    Unsigned,
)
from luggage.github.webhooks import Delivery, decode, read, verify

SECRET = b"a secret"
GOOD = {
    "action": "opened",
    "installation": {"id": 7},
    "repository": {"full_name": "o/r", "id": 1},
    "sender": {"login": "alice", "type": "User"},
}


def sign(body: bytes, secret: bytes = SECRET) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def headers_for(body: bytes, **changed: str) -> dict[str, str]:
    headers = {
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-Hub-Signature-256": sign(body),
    }
    return headers | {name.replace("_", "-"): value for name, value in changed.items()}


def read_signed(body: bytes, **changed: str) -> Delivery:
    return read(headers_for(body, **changed), body, [SECRET])


def read_object(**changed: object) -> Delivery:
    return read_signed(json.dumps(GOOD | changed).encode())


def test_good_delivery_becomes_a_value() -> None:
    """A signed delivery has an id, event, action, installation and payload."""
    delivery = read_object()
    assert (delivery.id, delivery.event) == ("72d3162e-cc78-11e3-81ab-4c9367dc0958", "issues")
    assert (delivery.action, delivery.installation_id) == ("opened", 7)
    assert delivery.payload == GOOD


def test_delivery_without_installation_has_none() -> None:
    """A delivery of a plain webhook has no action and no installation."""
    delivery = read_signed(b'{"zen": "Keep it logically awesome."}')
    assert (delivery.action, delivery.installation_id) == (None, None)


def test_delivery_from_the_log_needs_no_signature() -> None:
    """`decode` checks the shape but needs no signature."""
    delivery = decode("guid-1", "issues", b'{"action": "opened"}')
    assert delivery == Delivery("guid-1", "issues", {"action": "opened"})
    with pytest.raises(Malformed, match=r"`str \| null`, got `int` - at `\$\.action`"):
        decode("guid-1", "issues", b'{"action": 7}')
    with pytest.raises(Malformed, match="X-GitHub-Delivery must be"):
        decode("", "issues", b"{}")


def test_repr_does_not_show_the_payload() -> None:
    """The repr of a delivery does not contain its payload."""
    assert "alice" not in repr(read_object())


def test_header_names_are_case_insensitive() -> None:
    """Header names are case-insensitive."""
    body = b"{}"
    lowered = {name.lower(): value for name, value in headers_for(body).items()}
    assert read(lowered, body, [SECRET]).event == "issues"


def test_known_answer_of_githubs_documentation() -> None:
    """The example of "Validating webhook deliveries" verifies."""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    verify(signature, b"Hello, World!", ["It's a Secret to Everybody"])


def test_both_secrets_are_valid_during_rotation() -> None:
    """During a rotation, deliveries signed with either secret are accepted."""
    body = b"{}"
    for secret in (b"old", b"new"):
        verify(sign(body, secret), body, ["old", b"new"])


@pytest.mark.parametrize("missing", ["", None])
def test_unsigned_is_401(missing) -> None:
    """A delivery without a signature is Unsigned."""
    headers = {k: v for k, v in headers_for(b"{}").items() if k != "X-Hub-Signature-256"}
    headers |= {} if missing is None else {"X-Hub-Signature-256": missing}
    with pytest.raises(Unsigned) as caught:
        read(headers, b"{}", [SECRET])
    assert caught.value.status == 401


@pytest.mark.parametrize(
    "signature",
    [
        sign(b"{}", b"another"),
        sign(b"{} "),
        sign(b"{}").upper(),
        sign(b"{}") + " ",
        sign(b"{}") + "\n",
        sign(b"{}")[:-1],
        sign(b"{}").replace("sha256", "sha1"),
        "sha256=",
        "sha256=" + "é" * 64,
        "\ud800",
        "x" * 100_000,
    ],
)
def test_bad_signature_is_401(signature) -> None:
    """A signature by another key, in another form, or not in ASCII is a BadSignature."""
    with pytest.raises(BadSignature) as caught:
        read_signed(b"{}", X_Hub_Signature_256=signature)
    assert caught.value.status == 401


def test_sha1_signature_is_ignored() -> None:
    """The old X-Hub-Signature header is ignored."""
    headers = headers_for(b"{}") | {"X-Hub-Signature": "sha1=" + "0" * 40}
    del headers["X-Hub-Signature-256"]
    with pytest.raises(Unsigned):
        read(headers, b"{}", [SECRET])


@pytest.mark.parametrize("secrets", [[], [""], [b"  "], ["good", ""], "a string", b"bytes"])
def test_missing_secret_raises(secrets) -> None:
    """Without a usable secret nothing is accepted, and the error says what to do."""
    with pytest.raises(ConfigurationError, match="secret"):
        read(headers_for(b"{}"), b"{}", secrets)


def test_signature_is_checked_before_anything_is_parsed() -> None:
    """An unsigned body that is not JSON is rejected for its signature."""
    with pytest.raises(BadSignature):
        read({"X-Hub-Signature-256": sign(b"other")}, b"\xff", [SECRET])


@pytest.mark.parametrize("name", ["X-GitHub-Event", "X-GitHub-Delivery"])
@pytest.mark.parametrize("value", ["", "a b", "é", "x" * 101, "a\n", "a/b"])
def test_event_and_delivery_id_must_be_valid(name, value) -> None:
    """A missing or invalid event or delivery id is Malformed."""
    with pytest.raises(Malformed, match=name):
        read_signed(b"{}", **{name: value})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"7",
        b"\xff\xfe",
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b'{"a": "\\ud800"}',
        b'{"a": ["\\uDfff"]}',
        b'{"\\ud800": 1}',
        b"payload=%7B%7D",
    ],
)
def test_other_bodies_are_malformed(body) -> None:
    """A signed body that is not a sane JSON object is Malformed."""
    with pytest.raises(Malformed):
        read_signed(body)


def test_form_body_names_the_remedy() -> None:
    """The error for a form body names the setting to change."""
    with pytest.raises(Malformed, match="application/json"):
        read_signed(b"payload=%7B%7D")


def test_surrogate_pairs_are_text() -> None:
    """An emoji escaped as a surrogate pair is accepted."""
    assert read_signed(b'{"a": "\\ud83d\\ude00"}').payload == {"a": "\U0001f600"}


def test_sixty_four_levels_are_not_too_deep() -> None:
    """A body with the maximum nesting is accepted."""
    assert read_signed(b'{"a":' * 64 + b"1" + b"}" * 64)


@pytest.mark.parametrize(
    "changed",
    [
        {"action": 1},
        {"number": "7"},
        {"number": 7.0},
        {"installation": 7},
        {"installation": {"id": "7"}},
        {"installation": {"id": True}},
        {"installation": {"id": 7.5}},
        {"repository": "o/r"},
        {"repository": {"full_name": "o"}},
        {"repository": {"full_name": "o/r/x"}},
        {"repository": {"full_name": "../r"}},
        {"repository": {"full_name": "o/.."}},
        {"repository": {"full_name": "o/r\n"}},
        {"repository": {"full_name": "o/r?x"}},
        {"repository": {"full_name": 7}},
        {"organization": []},
        {"organization": {"login": 7}},
        {"sender": "alice"},
        {"sender": {"type": {}}},
        {"issue": 1},
        {"issue": {"number": "7"}},
        {"issue": {"body": 7}},
        {"pull_request": []},
        {"comment": ""},
        {"comment": {"id": 1.5}},
        {"review": {"body": {}}},
    ],
)
def test_fields_of_the_wrong_type(changed) -> None:
    """A known field of the wrong type is Malformed, and the error names it."""
    with pytest.raises(Malformed, match=next(iter(changed))):
        read_object(**changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"installation": None},
        {"repository": None},
        {"comment": None},
        {"issue": {"body": None, "number": 7}},
        {"repository": {"full_name": "o/.github"}},
        {"anything": [1.5, None, {"new": True}]},
    ],
)
def test_null_absent_and_new_fields_are_fine(changed) -> None:
    """Fields may be absent, null or new."""
    assert read_object(**changed).event == "issues"


HEADER_NAMES = st.sampled_from(
    ["X-GitHub-Event", "x-github-delivery", "X-Hub-Signature-256", "Content-Type"]
)


@given(body=st.binary(max_size=200), headers=st.dictionaries(HEADER_NAMES, st.text(), max_size=4))
def test_arbitrary_input_is_only_ever_rejected(body, headers) -> None:
    """Arbitrary bytes and headers only raise DeliveryRejected."""
    with pytest.raises(DeliveryRejected):
        read(headers, body, [SECRET])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from([*GOOD, "issue", "comment", "pull_request", "review", "number"])


@given(payload=st.dictionaries(FIELDS, JSON))
def test_signed_json_of_any_shape_is_read_or_malformed(payload) -> None:
    """A signed object of any shape gives a usable delivery, or Malformed."""
    try:
        delivery = read_signed(json.dumps(payload).encode())
    except Malformed:
        return
    assert delivery.action is None or isinstance(delivery.action, str)
    assert delivery.installation_id is None or type(delivery.installation_id) is int


@given(body=st.binary(max_size=100), secret=st.binary(min_size=1).filter(bytes.strip))
def test_own_signature_verifies(body, secret) -> None:
    """Any bytes signed with a current secret verify."""
    verify(sign(body, secret), body, [secret])


@given(body=st.binary(max_size=100), at=st.integers(0, 63), digit=st.sampled_from(string.hexdigits))
def test_one_changed_digit_is_enough(body, at, digit) -> None:
    """A signature that differs in one digit is rejected."""
    right = sign(body)
    wrong = right[: 7 + at] + digit + right[8 + at :]
    if wrong != right:
        with pytest.raises(BadSignature):
            verify(wrong, body, [SECRET])
