"""What came from outside, made fit for people's eyes: no secrets, no control characters, no walls.

Pure. Secrets are known by their names (`client_secret`) and by their shapes (`ghs_...`); what is
shown is therefore no proof that a text holds none. Chosen: a list of shapes that are known well.
Against: a scanner such as detect-secrets, which guesses from entropy, and would black out the
hashes that payloads are full of.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

REDACTED = "[redacted]"
# What a person reads of one line, and of one payload; the rest is counted.
LONGEST_LINE = 2000
MOST_LINES = 5000

_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_SECRET_NAMES = frozenset(
    (
        *("secret", "secrets", "token", "tokens", "password", "passwords", "passwd", "passphrase"),
        *("authorization", "credential", "credentials", "cookie", "cookies", "apikey"),
    )
)
_SECRET_KEYS = frozenset(["private", "api", "access", "signing", "encryption"])

# Each begins only where a run of its own letters begins, so that a long text costs one look.
_SHAPES = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        # GitHub: "About authentication to GitHub", token formats. Those of installations may be
        # followed by a JWT.
        r"(?<![A-Za-z0-9])gh[oprsu]_[A-Za-z0-9_.=-]{10,}",
        r"(?<![A-Za-z0-9])github_pat_[A-Za-z0-9_]{10,}",
        r"(?<![A-Za-z0-9.])v1\.[0-9a-f]{40}(?![0-9a-f])",
        # A JWT: RFC 7519, three parts in base64url, of which the first begins with {"
        r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*",
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
        # Others that are pasted into issues: AWS, Slack, npm, PyPI.
        r"(?<![A-Za-z0-9])AKIA[0-9A-Z]{16}(?![0-9A-Z])",
        r"(?<![A-Za-z0-9])xox[a-z]-[A-Za-z0-9-]{10,}",
        r"(?<![A-Za-z0-9])npm_[A-Za-z0-9]{30,}",
        r"(?<![A-Za-z0-9])pypi-AgE[A-Za-z0-9_-]{30,}",
    )
)
# What stands behind one of these is the secret; they themselves are shown.
_BEHIND = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<![A-Za-z0-9])((?:bearer|basic) {1,4})[A-Za-z0-9+/_.~=-]{12,}",
        r"([?&](?:access_token|token|client_secret|secret|password|signature|sig)=)[^&\s\"'<>]+",
        r"(://[^/\s:@]{1,200}:)[^/\s@]{1,500}(?=@)",
    )
)


def moment(seconds: float) -> str:
    """A time for people, to the second: `2026-01-31 06:00:00 UTC`; `seconds` since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def without_secrets(value: Any) -> Any:
    """`value`, as json.loads gives it, with secrets replaced; a copy, safe to repeat.

    Replaced are texts and numbers under a name that promises a secret, however deep, and, in any
    text (names too), what has the shape of one.
    """
    match value:
        case dict():
            return {
                scrub(str(name)): (
                    _blank(held) if _promises_a_secret(str(name)) else without_secrets(held)
                )
                for name, held in value.items()
            }
        case list():
            return [without_secrets(held) for held in value]
        case str():
            return scrub(value)
    return value


def scrub(text: str) -> str:
    """`text` with what has the shape of a secret replaced; takes time in proportion to it."""
    for shape in _SHAPES:
        text = shape.sub(REDACTED, text)
    for behind in _BEHIND:
        text = behind.sub(rf"\g<1>{REDACTED}", text)
    return text


def visible(text: str) -> str:
    r"""`text` as a terminal shows it harmlessly: what acts and is not seen stands as `\x1b`.

    Controls (ANSI sequences begin with one), marks that turn the direction of writing, and
    characters of no width; only line feeds stay, and the joiner that emoji are made with.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(char if _is_harmless(char) else _escaped(char) for char in text)


def cut(text: str, longest: int = LONGEST_LINE) -> str:
    """`text` with each line at most `longest` characters long, and a count of those left out."""
    return "\n".join(_cut_line(line, longest) for line in text.split("\n"))


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """`text` for one line of a table: scrubbed, visible, cut; white space of any kind is a space.

    A line that is cut ends with an ellipsis and has `longest` characters with it.
    """
    line = visible(" ".join(scrub(text).split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def pretty(body: bytes, *, most_lines: int = MOST_LINES) -> str:
    """A payload for people: indented JSON, without secrets, visible, cut to lines that can be read.

    Plain text: a page has to escape it as it does any other. A body that is no JSON is shown as the
    text that it is. Never raises.
    """
    text = body.decode(errors="replace")
    try:
        text = json.dumps(without_secrets(json.loads(text)), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = scrub(text)
    return visible(_fewer(cut(text).split("\n"), most_lines))


def _promises_a_secret(name: str) -> bool:
    """Whether the last word of a name says so: `webhook_secret` does, `secret_type` does not."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words:
        return False
    is_key = words[-1] == "key" and bool(_SECRET_KEYS.intersection(words[:-1]))
    return is_key or words[-1] in _SECRET_NAMES


def _blank(value: Any) -> Any:
    """`value` with every text and number in it replaced; what is empty, true or false is shown."""
    match value:
        case dict():
            return {scrub(str(name)): _blank(held) for name, held in value.items()}
        case list():
            return [_blank(held) for held in value]
        case None | bool() | "":
            return value
    return REDACTED


def _is_harmless(char: str) -> bool:
    if char in "\n\N{ZERO WIDTH JOINER}":
        return True
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


def _cut_line(line: str, longest: int) -> str:
    if len(line) <= longest:
        return line
    return f"{line[:longest]}… [{len(line) - longest:,} more characters]"


def _fewer(lines: Sequence[str], most: int) -> str:
    shown = list(lines[:most])
    if len(lines) > most:
        shown.append(f"… [{len(lines) - most:,} more lines]")
    return "\n".join(shown)
