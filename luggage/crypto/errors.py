"""Errors about secrets: one class for each remedy.

    SecretError
      KeyMissing          set the private key
      NotAKey             copy the key again: it is cut, mistyped, or something else
      KeyOfAnotherPair    find the key of the named pair
      KeyRetired          seal the value again: its pair was rotated away
      KeyPresent          rotate instead of making a second pair
      ValueDamaged        restore the value from the file's history, or seal it again
      ValueMoved          put the value back under its own name, or seal it again
      ValueCount          pass one value instead of a list, or a list instead of one value
      NameUnknown         fix the name
      DocumentError       fix the document

Each message is one line and ends with the remedy. No error holds a key, a value, or a library's
exception that would hold one: they are raised outside `except` blocks, so that `__context__` is
empty.
"""

from collections.abc import Iterable
from typing import Self


class SecretError(Exception):
    """A problem with a key, a sealed value or a document; the message ends with the remedy.

    `name` is the dotted name of the value that it is about, "" for none.
    """

    name = ""

    def about(self, name: str) -> Self:
        """Set the name, and return the error."""
        self.name = name
        return self

    def placed(self, place: str) -> Self:
        """Put a place such as FILE:LINE:COLUMN before the message, and return the error."""
        self.args = (f"{place}: {self}",)
        return self


class KeyMissing(SecretError):  # noqa: N818
    """There is no key to open or seal a value with."""


class NotAKey(SecretError):  # noqa: N818
    """The text is not a key; the message does not repeat it."""


class KeyOfAnotherPair(SecretError):  # noqa: N818
    """None of the private keys belongs to the pair that a value is sealed for."""

    def __init__(self, name: str, expected: str, actual: Iterable[str]) -> None:
        super().__init__(
            f"{name} is sealed for the pair {expected}, but the private key belongs to "
            f"{', '.join(actual)}: set SECRET_KEY_FILE to the key of {expected}"
        )
        self.about(name)


class KeyRetired(SecretError):  # noqa: N818
    """A value is sealed for a pair that [keys] lacks, as after a merge across a rotation."""

    def __init__(self, name: str, key_id: str) -> None:
        super().__init__(
            f"{name} is sealed for the pair {key_id}, which [keys] no longer lists: "
            f"seal it again with `encrypt {name}`"
        )
        self.about(name)


class KeyPresent(SecretError):  # noqa: N818
    """The document already has a current key."""


class ValueDamaged(SecretError):  # noqa: N818
    """The right key does not open the value: it was cut, mistyped or changed."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is damaged, so its key does not open it: restore the value from the file's "
            f"history, or seal it again with `encrypt {name}`"
        )
        self.about(name)


class ValueMoved(SecretError):  # noqa: N818
    """The value opens, but it was sealed under another name."""

    def __init__(self, name: str, sealed_as: str) -> None:
        super().__init__(
            f"{name} holds the value that was sealed as {sealed_as}: move it back, "
            f"or seal the right one with `encrypt {name}`"
        )
        self.about(name)


class ValueCount(SecretError):  # noqa: N818
    """The document has a list instead of one value, or one value instead of a list."""


class NameUnknown(SecretError):  # noqa: N818
    """No value has this name, or the name is not valid."""


class DocumentError(SecretError):
    """The document is not TOML, or has a sealed value that no name can address."""
