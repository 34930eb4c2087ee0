"""Limits of GitHub on what the bot sends. A longer text is cut, and says so.

GitHub counts characters for some, and bytes for others. These count bytes, which fit either way.
What GitHub cannot store (NUL, halves of surrogate pairs) is replaced.
"""

from collections.abc import Sequence

# GitHub: "body is too long (maximum is 65536 characters)", of comments and issues.
_BODY_BYTES = 65_536
# GitHub: "Create a check run", `summary` and `text` of its output.
_OUTPUT_BYTES = 65_535
# GitHub: "title is too long (maximum is 256 characters)".
_TITLE_CHARACTERS = 256
# GitHub: an issue has a hundred labels at most.
MOST_LABELS = 100
# A list of lines leaves room for the text around it.
_LIST_BYTES = 40_000


def body(text: str, mark: str) -> str:
    """The body of a comment or an issue, with the hidden line `mark` at its end."""
    ending = f"\n\n{mark}"
    return _cut(_storable(text), _BODY_BYTES - len(ending.encode())) + ending


def output(text: str) -> str:
    """The summary or the text of a check run."""
    return _cut(_storable(text), _OUTPUT_BYTES)


def lines(texts: Sequence[str], *, most: int = 1000) -> str:
    """The first lines that fit, and how many more there are: code around them stays whole."""
    kept: list[str] = []
    left = _LIST_BYTES
    for text in texts[:most]:
        left -= len(_storable(text).encode()) + 1
        if left < 0:
            break
        kept.append(text)
    more = len(texts) - len(kept)
    return "\n".join([*kept, *([f"... and {more:,} more"] if more else [])])


def title(text: str) -> str:
    """The title of an issue or a check run."""
    text = _storable(text)
    return text if len(text) <= _TITLE_CHARACTERS else f"{text[: _TITLE_CHARACTERS - 1]}…"


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def _cut(text: str, most: int) -> str:
    if len(text.encode()) <= most:
        return text
    # The ending is at its longest with the longest number.
    room = most - len(_ending(len(text)).encode())
    kept = text.encode()[:room].decode(errors="ignore")
    return kept + _ending(len(text) - len(kept))


def _ending(count: int) -> str:
    return f"…\n\n(and {count:,} more characters)"
