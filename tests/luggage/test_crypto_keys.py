"""Key pairs: their texts, and sealing and opening of values."""

import base64
import copy
import pickle

import nacl.public
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luggage.crypto import (
    KeyOfAnotherPair,
    NotAKey,
    PrivateKey,
    PublicKey,
    ValueDamaged,
    ValueMoved,
    conceal,
    is_sealed,
    parse_private_keys,
)

KEY = PrivateKey(b"1" * 32)
OTHER = PrivateKey(b"2" * 32)
NAMES = st.text(st.characters(exclude_characters="\0"))
TEXTS = st.text(st.characters())  # lone surrogates as well


@given(NAMES, TEXTS)
def test_round_trip(name: str, value: str) -> None:
    """A sealed value opens under its name, with any characters in either."""
    assert KEY.open(name, KEY.public.seal(name, value)) == value


@given(st.binary(min_size=32, max_size=32))
def test_key_texts_round_trip(raw: bytes) -> None:
    """Both halves of a pair can be parsed from their texts."""
    key = PrivateKey(raw)
    again = parse_private_keys(key.reveal())[0]
    assert (again.id, PublicKey.parse(key.public.text).id) == (key.id, key.id)


@given(st.integers(0, 47), st.sampled_from("ABCxyz019_-"))
def test_mistyped_key(place: int, letter: str) -> None:
    """One wrong character makes a private key's text invalid, not another pair's key."""
    prefix, body = "luggage_private_", KEY.reveal().removeprefix("luggage_private_")
    mistyped = body[:place] + letter + body[place + 1 :]
    if mistyped == body:
        return
    with pytest.raises(NotAKey, match="cut or mistyped"):
        parse_private_keys(prefix + mistyped)


@given(st.data())
def test_any_changed_byte_is_damage(data: st.DataObject) -> None:
    """A value with one changed byte, anywhere in its ciphertext, is damaged."""
    key_id, encoded = KEY.public.seal("a", "hello").removeprefix("sealed:").split(":")
    ciphertext = bytearray(base64.b64decode(encoded))
    place = data.draw(st.integers(0, len(ciphertext) - 1))
    ciphertext[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueDamaged, match="encrypt a"):
        KEY.open("a", f"sealed:{key_id}:{base64.b64encode(ciphertext).decode()}")


@pytest.mark.parametrize("rest", ["", "AAAA", "not base64!", "AAA", "é"])
def test_cut_or_garbled(rest: str) -> None:
    """A value that was cut, or is not base64, is damaged."""
    with pytest.raises(ValueDamaged):
        KEY.open("a", f"sealed:{KEY.id}:{rest}")


@pytest.mark.parametrize(
    "inside", [b"", b"a", b"a\0value", b"a\0wrong id\0value", b"\xff\0%s\0v" % KEY.id.encode()]
)
def test_a_foreign_box(inside: bytes) -> None:
    """A box for the right key with other contents is damaged, and not shown as a value."""
    box = nacl.public.SealedBox(nacl.public.PrivateKey(b"1" * 32).public_key).encrypt(inside)
    with pytest.raises(ValueDamaged):
        KEY.open("a", f"sealed:{KEY.id}:{base64.b64encode(box).decode()}")


def test_moved() -> None:
    """A value under another name is refused, and the error has its own name."""
    with pytest.raises(ValueMoved, match=r"github\.private_key .* was sealed as sentry\.dsn"):
        KEY.open("github.private_key", KEY.public.seal("sentry.dsn", "hunter2"))


def test_another_pair() -> None:
    """Another pair's key is not reported as damage; the error has both ids."""
    with pytest.raises(KeyOfAnotherPair, match=rf"{KEY.id}.*{OTHER.id}"):
        OTHER.open("a", KEY.public.seal("a", "hunter2"))


def test_a_relabelled_value_is_not_opened() -> None:
    """A value labelled with another pair's id does not open with that pair."""
    relabelled = KEY.public.seal("a", "hunter2").replace(KEY.id, OTHER.id)
    with pytest.raises(ValueDamaged):
        OTHER.open("a", relabelled)


def test_sealing_is_random() -> None:
    """The same value sealed twice differs, so that guesses cannot be compared."""
    assert KEY.public.seal("a", "hunter2") != KEY.public.seal("a", "hunter2")


def test_no_nul_in_names() -> None:
    """A name with a NUL, the separator inside the box, is refused."""
    with pytest.raises(ValueError, match="NUL"):
        KEY.public.seal("a\0b", "hunter2")


@pytest.mark.parametrize("between", [" ", "\n", ",", " ,\n\t, "])
def test_several_keys(between: str) -> None:
    """White space or commas separate several private keys in one text."""
    keys = parse_private_keys(f"\n{KEY.reveal()}{between}{OTHER.reveal()}\n")
    assert [key.id for key in keys] == [KEY.id, OTHER.id]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        (" \n,", "it is empty"),
        ("hunter2", "does not begin with luggage_private_"),
        (KEY.public.text, "it is the other half"),
        (KEY.reveal()[:-1], "cut or mistyped"),
        (KEY.reveal()[:-4], "cut or mistyped"),
        (KEY.reveal() + "AAAA", "cut or mistyped"),
        (KEY.reveal() + "é", "cut or mistyped"),
        (f"{KEY.reveal()} hunter2", "does not begin with luggage_private_"),
    ],
)
def test_not_a_private_key(text: str, reason: str) -> None:
    """An invalid private key is refused with the reason, the source, and a remedy."""
    with pytest.raises(NotAKey, match=rf"THE_SOURCE is not .*{reason}.*: copy it again"):
        parse_private_keys(text, source="THE_SOURCE")


def test_not_a_public_key() -> None:
    """A private key instead of a public one is refused, and not repeated."""
    with pytest.raises(NotAKey, match="the other half") as caught:
        PublicKey.parse(KEY.reveal())
    assert KEY.reveal() not in str(caught.value)


@pytest.mark.parametrize("kind", [PrivateKey, PublicKey])
def test_wrong_number_of_bytes(kind: type[PrivateKey | PublicKey]) -> None:
    """A key must have 32 bytes."""
    with pytest.raises(NotAKey, match="32 bytes"):
        kind(b"short")


def test_generate() -> None:
    """Two generated keys are different pairs."""
    assert PrivateKey.generate().id != PrivateKey.generate().id


@pytest.mark.parametrize("use", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_private_key_is_not_copied(use: object) -> None:
    """A private key can be neither pickled nor copied by accident."""
    with pytest.raises(TypeError, match="reveal"):
        use(KEY)  # type: ignore[operator]


def test_a_public_key_shows_its_id() -> None:
    """Its repr has the id, which identifies the pair."""
    assert repr(KEY.public) == f"<PublicKey {KEY.id}>"


@pytest.mark.parametrize(
    ("value", "sealed"), [("sealed:1:AA", True), ("plain", False), (7, False), (None, False)]
)
def test_is_sealed(value: object, sealed: bool) -> None:
    """A sealed value is recognised by its prefix."""
    assert is_sealed(value) is sealed


def test_conceal_keeps_all_but_the_values() -> None:
    """Each sealed value is cut to its fingerprint, and the other text stays."""
    one, two = KEY.public.seal("a", "1"), KEY.public.seal("b", "2")
    text = f"a = \"{one}\"  # was {two}\n<<<<<<< mine\n\tb = [ '{one}' ]\n"
    shown = conceal(text).replace(conceal(one), one).replace(conceal(two), two)
    assert (shown, len(conceal(one))) == (text, len("sealed:") + 8 + 1 + 12)


def test_conceal_shows_which_changed() -> None:
    """A value's fingerprint changes with each sealing only."""
    one, two = KEY.public.seal("a", "hunter2"), KEY.public.seal("a", "hunter2")
    assert conceal(one) == conceal(one) != conceal(two)


def test_conceal_hides_damaged_values() -> None:
    """A damaged value is cut too: most of it may still be intact."""
    assert "AAAA" not in conceal('a = "sealed:12345678:AAAA!!!AAAA"')
