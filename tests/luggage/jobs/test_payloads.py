"""luggage.jobs.inserts: storage of bodies and texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luggage.jobs.inserts import UnknownCodec, pack, storable, unpack


@given(st.binary())
def test_any_body_comes_back(body):
    """A packed body unpacks to the same bytes."""
    assert unpack(*pack(body)) == body


@given(st.binary())
def test_packing_never_makes_it_larger(body):
    """A body that does not compress is stored as it is."""
    assert len(pack(body)[1]) <= len(body)


def test_a_codec_of_another_release_is_named():
    """The error for an unreadable body names its codec."""
    with pytest.raises(UnknownCodec, match="brotli"):
        unpack("brotli", b"")


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_can_be_stored(words):
    """The result has no NUL, is valid UTF-8, and is not longer."""
    stored = storable(words)
    assert "\0" not in stored.encode().decode()
    assert len(stored) <= len(words)


def test_ordinary_text_stays_as_it_is():
    """Only characters that a database would refuse are replaced."""
    assert storable("naïve 🐍") == "naïve 🐍"
