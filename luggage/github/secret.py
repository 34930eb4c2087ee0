"""Strings and bytes whose repr is hidden, so crash reports do not show them as local variables.

They work wherever a str or bytes does. Formatting one into a longer string reveals it; wrap the
result again.
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
