"""Values that do not show themselves: not in a repr, so not in the locals of a crash report either.

Against a wrapper with a `reveal()`: these pass through any library that wants a string or
bytes, and only what is printed differs. Formatting one into a longer string shows it; that string
is made a Secret again.
"""


class SecretText(str):
    """A string whose repr is a placeholder."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return a placeholder."""
        return "'***'"


class SecretBytes(bytes):
    """Bytes whose repr is a placeholder."""

    def __repr__(self) -> str:
        """Return a placeholder."""
        return "b'***'"
