"""luggage.jobs.payloads: how bodies and words lie in the database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luggage.jobs.payloads import UnknownCodec, pack, storable, unpack


@given(st.binary())
def test_any_body_comes_back(body):
    """What is packed can be unpacked."""
    assert unpack(*pack(body)) == body


@given(st.binary())
def test_packing_never_makes_it_larger(body):
    """A body that does not compress is stored as it is."""
    assert len(pack(body)[1]) <= len(body)


def test_a_codec_of_another_release_is_named():
    """A body that this release cannot read says which codec it would take."""
    with pytest.raises(UnknownCodec, match="brotli"):
        unpack("brotli", b"")


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_words_can_be_stored(words):
    """What comes out has no NUL, is UTF-8, and is no longer than it was."""
    stored = storable(words)
    assert "\0" not in stored.encode().decode()
    assert len(stored) <= len(words)


def test_ordinary_words_stay_as_they_are():
    """Only what a database would refuse is replaced."""
    assert storable("naïve 🐍") == "naïve 🐍"
