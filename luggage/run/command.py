"""Command line of this program, to start it again as a child."""

from collections.abc import Sequence


def command_prefix(
    *, executable: str, original: Sequence[str], arguments: Sequence[str]
) -> list[str]:
    """Return the words that run this program again; append its arguments.

    `original` is `sys.orig_argv`, `arguments` is `sys.argv[1:]`. The words of `original` before the
    arguments say how Python was started: its options, and `-m PACKAGE`, a pex, or what a pex
    unpacked. Neither PEX nor `sys.argv[0]` can tell: a shell started from a pex inherits PEX, and
    runpy rewrites `sys.argv[0]`.
    """
    return [executable, *original[1 : len(original) - len(arguments)]]
