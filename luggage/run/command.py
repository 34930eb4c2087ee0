"""How was I started? The answer is how my children are started."""

from collections.abc import Sequence


def command_prefix(
    *, executable: str, original: Sequence[str], arguments: Sequence[str]
) -> list[str]:
    """Return the words that run this program again, to which its arguments are added.

    `original` is `sys.orig_argv`, `arguments` is `sys.argv[1:]`: what stands before these in the
    former is how Python was started, with `-m PACKAGE`, on a pex, or on what a pex unpacked itself
    to; and so it is with Python's own options. Against the variable PEX: each program that is run
    from a shell inside a pex has it too, and `sys.argv[0]` tells nothing, runpy rewrites it.
    """
    return [executable, *original[1 : len(original) - len(arguments)]]
