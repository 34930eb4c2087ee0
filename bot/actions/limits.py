"""Limits of GitHub on what the bot sends. A longer text is cut, and says so.

GitHub counts characters for some, and bytes for others. These count bytes, which fit either way.
"""

# GitHub: "body is too long (maximum is 65536 characters)", of comments and issues.
_BODY_BYTES = 65_536
# GitHub: "Create a check run", `summary` and `text` of its output.
_OUTPUT_BYTES = 65_535
# GitHub: "title is too long (maximum is 256 characters)".
_TITLE_CHARACTERS = 256
# GitHub: an issue has a hundred labels at most.
MOST_LABELS = 100


def body(text: str, mark: str) -> str:
    """The body of a comment or an issue, with the hidden line `mark` at its end."""
    ending = f"\n\n{mark}"
    return _cut(text, _BODY_BYTES - len(ending.encode())) + ending


def output(text: str) -> str:
    """The summary or the text of a check run."""
    return _cut(text, _OUTPUT_BYTES)


def title(text: str) -> str:
    """The title of an issue or a check run."""
    return text if len(text) <= _TITLE_CHARACTERS else f"{text[: _TITLE_CHARACTERS - 1]}…"


def _cut(text: str, most: int) -> str:
    if len(text.encode()) <= most:
        return text
    # The ending is at its longest with the longest number.
    room = most - len(_ending(len(text)).encode())
    kept = text.encode()[:room].decode(errors="ignore")
    return kept + _ending(len(text) - len(kept))


def _ending(count: int) -> str:
    return f"…\n\n(and {count:,} more characters)"
