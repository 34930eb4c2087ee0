"""Key pairs, and the sealing and opening of one value."""

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
    """What is sealed under a name opens under it, whatever the characters of either."""
    assert KEY.open(name, KEY.public.seal(name, value)) == value


@given(st.binary(min_size=32, max_size=32))
def test_key_texts_round_trip(raw: bytes) -> None:
    """Both halves of a pair come back from their texts."""
    key = PrivateKey(raw)
    again = parse_private_keys(key.reveal())[0]
    assert (again.id, PublicKey.parse(key.public.text).id) == (key.id, key.id)


@given(st.integers(0, 47), st.sampled_from("ABCxyz019_-"))
def test_mistyped_key(place: int, letter: str) -> None:
    """One wrong character makes a private key's text no key, and not a key of another pair."""
    prefix, body = "luggage_private_", KEY.reveal().removeprefix("luggage_private_")
    mistyped = body[:place] + letter + body[place + 1 :]
    if mistyped == body:
        return
    with pytest.raises(NotAKey, match="cut or mistyped"):
        parse_private_keys(prefix + mistyped)


@given(st.data())
def test_any_changed_byte_is_damage(data: st.DataObject) -> None:
    """A value with one byte changed, anywhere in its ciphertext, is damaged."""
    key_id, encoded = KEY.public.seal("a", "hello").removeprefix("sealed:").split(":")
    ciphertext = bytearray(base64.b64decode(encoded))
    place = data.draw(st.integers(0, len(ciphertext) - 1))
    ciphertext[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueDamaged, match="encrypt a"):
        KEY.open("a", f"sealed:{key_id}:{base64.b64encode(ciphertext).decode()}")


@pytest.mark.parametrize("rest", ["", "AAAA", "not base64!", "AAA", "é"])
def test_cut_or_garbled(rest: str) -> None:
    """A value that was cut short, or is not base64 at all, is damaged."""
    with pytest.raises(ValueDamaged):
        KEY.open("a", f"sealed:{KEY.id}:{rest}")


@pytest.mark.parametrize(
    "inside", [b"", b"a", b"a\0value", b"a\0wrong id\0value", b"\xff\0%s\0v" % KEY.id.encode()]
)
def test_a_box_not_of_our_making(inside: bytes) -> None:
    """A box for the right key whose inside is not ours is damaged: it is never shown as a value."""
    box = nacl.public.SealedBox(nacl.public.PrivateKey(b"1" * 32).public_key).encrypt(inside)
    with pytest.raises(ValueDamaged):
        KEY.open("a", f"sealed:{KEY.id}:{base64.b64encode(box).decode()}")


def test_moved() -> None:
    """A value put under another name is refused, and the message says whose it is."""
    with pytest.raises(ValueMoved, match=r"github\.private_key .* was sealed as sentry\.dsn"):
        KEY.open("github.private_key", KEY.public.seal("sentry.dsn", "hunter2"))


def test_another_pair() -> None:
    """The key of another pair is told from damage, with both ids in the message."""
    with pytest.raises(KeyOfAnotherPair, match=rf"{KEY.id}.*{OTHER.id}"):
        OTHER.open("a", KEY.public.seal("a", "hunter2"))


def test_a_relabelled_value_is_not_opened() -> None:
    """A value relabelled with another pair's id does not open with that pair."""
    relabelled = KEY.public.seal("a", "hunter2").replace(KEY.id, OTHER.id)
    with pytest.raises(ValueDamaged):
        OTHER.open("a", relabelled)


def test_sealing_is_random() -> None:
    """The same value sealed twice looks different, so that nobody can compare guesses."""
    assert KEY.public.seal("a", "hunter2") != KEY.public.seal("a", "hunter2")


def test_no_nul_in_names() -> None:
    """A name with NUL, which divides the parts inside, is refused."""
    with pytest.raises(ValueError, match="NUL"):
        KEY.public.seal("a\0b", "hunter2")


@pytest.mark.parametrize("between", [" ", "\n", ",", " ,\n\t, "])
def test_several_keys(between: str) -> None:
    """Several private keys may stand in one text, with white space or commas between them."""
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
    """A text that is no private key is refused with the reason, the source, and a remedy."""
    with pytest.raises(NotAKey, match=rf"THE_SOURCE is not .*{reason}.*: copy it again"):
        parse_private_keys(text, source="THE_SOURCE")


def test_not_a_public_key() -> None:
    """The private half where the public one belongs is refused, and not repeated."""
    with pytest.raises(NotAKey, match="the other half") as caught:
        PublicKey.parse(KEY.reveal())
    assert KEY.reveal() not in str(caught.value)


@pytest.mark.parametrize("kind", [PrivateKey, PublicKey])
def test_wrong_number_of_bytes(kind: type[PrivateKey | PublicKey]) -> None:
    """A key of another length than 32 bytes is none."""
    with pytest.raises(NotAKey, match="32 bytes"):
        kind(b"short")


def test_generate() -> None:
    """Two generated keys are two pairs."""
    assert PrivateKey.generate().id != PrivateKey.generate().id


@pytest.mark.parametrize("use", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_private_key_is_not_copied(use: object) -> None:
    """A private key can be neither pickled nor copied by accident."""
    with pytest.raises(TypeError, match="reveal"):
        use(KEY)  # type: ignore[operator]


def test_a_public_key_shows_its_id() -> None:
    """A public key's repr is its id, which is enough to tell pairs apart."""
    assert repr(KEY.public) == f"<PublicKey {KEY.id}>"


@pytest.mark.parametrize(
    ("value", "sealed"), [("sealed:1:AA", True), ("plain", False), (7, False), (None, False)]
)
def test_is_sealed(value: object, sealed: bool) -> None:
    """A value says by its beginning that it is sealed."""
    assert is_sealed(value) is sealed


def test_conceal_keeps_all_but_the_values() -> None:
    """Each sealed value is cut to its fingerprint; the text around it stays as it is."""
    one, two = KEY.public.seal("a", "1"), KEY.public.seal("b", "2")
    text = f"a = \"{one}\"  # was {two}\n<<<<<<< mine\n\tb = [ '{one}' ]\n"
    shown = conceal(text).replace(conceal(one), one).replace(conceal(two), two)
    assert (shown, len(conceal(one))) == (text, len("sealed:") + 8 + 1 + 12)


def test_conceal_shows_which_changed() -> None:
    """A fingerprint stays while its value stays, and changes with each sealing of it."""
    one, two = KEY.public.seal("a", "hunter2"), KEY.public.seal("a", "hunter2")
    assert conceal(one) == conceal(one) != conceal(two)


def test_conceal_hides_damaged_values() -> None:
    """A damaged value is cut as well: most of it may still be there."""
    assert "AAAA" not in conceal('a = "sealed:12345678:AAAA!!!AAAA"')
