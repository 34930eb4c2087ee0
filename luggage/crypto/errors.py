"""What can go wrong with a secret: one class for each thing that a person would do about it.

    SecretError
      KeyMissing          hand in the private key
      NotAKey             copy the key again: it is cut, mistyped, or something else
      KeyOfAnotherPair    find the key of the pair that is named
      KeyRetired          seal the value again: its pair was rotated away
      KeyPresent          rotate instead of making a second pair
      ValueDamaged        take the value from the history, or seal it again
      ValueMoved          put the value back under its own name, or seal it again
      ValueCount          one value where a list stands, or a list where one stands
      NameUnknown         mend the name
      DocumentError       mend the document

Each message is one line and ends with the remedy, in the words of the subcommands and variables
that people see. No error holds a key, a value, or a library's exception that would hold one: they
are raised outside of `except` blocks, so that not even `__context__` leads back to one. The classes
are named by what happened; the suffix Error would add nothing.
"""

from collections.abc import Iterable


class SecretError(Exception):
    """Something about a key, a sealed value or their document; the message ends with the remedy."""


class KeyMissing(SecretError):  # noqa: N818
    """A sealed value was to be opened, or a value sealed, and there is no key to do it with."""


class NotAKey(SecretError):  # noqa: N818
    """A text that was given as a key is none; the text itself is not repeated."""


class KeyOfAnotherPair(SecretError):  # noqa: N818
    """Private keys were given, but none of the pair that a value is sealed for."""

    def __init__(self, name: str, wanted: str, given: Iterable[str]) -> None:
        super().__init__(
            f"{name} is sealed for the pair {wanted}, and the private key given belongs to "
            f"{', '.join(given)}: set SECRET_KEY_FILE to the key of {wanted}"
        )


class KeyRetired(SecretError):  # noqa: N818
    """A value is sealed for a pair that [keys] lacks, as after a merge across a rotation."""

    def __init__(self, name: str, key_id: str) -> None:
        super().__init__(
            f"{name} is sealed for the pair {key_id}, which is not among the live ones in [keys]: "
            f"seal it again with `encrypt {name}`"
        )


class KeyPresent(SecretError):  # noqa: N818
    """The document has a current key already."""


class ValueDamaged(SecretError):  # noqa: N818
    """The right key does not open the value: it was cut, mistyped or changed."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is damaged, its key does not open it: take the value back from the history "
            f"of the file, or seal it again with `encrypt {name}`"
        )


class ValueMoved(SecretError):  # noqa: N818
    """The value opens, but it was sealed under another name."""

    def __init__(self, name: str, sealed_as: str) -> None:
        super().__init__(
            f"{name} holds the value that was sealed as {sealed_as}: move it back, "
            f"or seal the right one with `encrypt {name}`"
        )


class ValueCount(SecretError):  # noqa: N818
    """One value was wanted where the document has a list, or the other way round."""


class NameUnknown(SecretError):  # noqa: N818
    """No value has this name, or none can have it."""


class DocumentError(SecretError):
    """The document is not TOML, or holds a sealed value where no name leads."""
