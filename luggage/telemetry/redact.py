"""Redaction of untrusted text for display: removes secrets and control characters, cuts length.

Pure. Secrets are recognised by name (`client_secret`) and by format (`ghs_...`), so others may
remain. A scanner that guesses from entropy, such as detect-secrets, would redact the hashes that
payloads are full of.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

REDACTED = "[redacted]"
# Limits for display, in characters of a line and lines of a payload.
LONGEST_LINE = 2000
MOST_LINES = 5000
# A larger payload takes seconds to redact. Real ones seldom have a tenth of that.
MOST_BYTES = 2_000_000

_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_SECRET_NAMES = frozenset(
    (
        *("secret", "secrets", "token", "tokens", "password", "passwords", "passwd", "passphrase"),
        *("authorization", "credential", "credentials", "cookie", "cookies", "apikey"),
    )
)
_SECRET_KEYS = frozenset(["private", "api", "access", "signing", "encryption"])

# Each starts at the beginning of a run of its own characters, so that matching takes linear time.
_SHAPES = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        # GitHub: "About authentication to GitHub", token formats. A JWT may follow those of
        # installations.
        r"(?<![A-Za-z0-9])gh[oprsu]_[A-Za-z0-9_.=-]{10,}",
        r"(?<![A-Za-z0-9])github_pat_[A-Za-z0-9_]{10,}",
        r"(?<![A-Za-z0-9.])v1\.[0-9a-f]{40}(?![0-9a-f])",
        # A JWT (RFC 7519): three parts in base64url; the first begins with {"
        r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*",
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
        # Others that people paste into issues: AWS, Slack, npm, PyPI.
        r"(?<![A-Za-z0-9])AKIA[0-9A-Z]{16}(?![0-9A-Z])",
        r"(?<![A-Za-z0-9])xox[a-z]-[A-Za-z0-9-]{10,}",
        r"(?<![A-Za-z0-9])npm_[A-Za-z0-9]{30,}",
        r"(?<![A-Za-z0-9])pypi-AgE[A-Za-z0-9_-]{30,}",
    )
)
# Prefixes that stay; the secret follows them.
_PREFIXED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<![A-Za-z0-9])((?:bearer|basic) {1,4})[A-Za-z0-9+/_.~=-]{12,}",
        r"([?&](?:access_token|token|client_secret|secret|password|signature|sig)=)[^&\s\"'<>]+",
        r"(://[^/\s:@]{1,200}:)[^/\s@]{1,500}(?=@)",
    )
)


def moment(seconds: float) -> str:
    """Format `seconds` since the epoch as `2026-01-31 06:00:00 UTC`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(seconds: float) -> str:
    """Format `seconds` since the epoch for programs: `2026-01-31T06:00:00.000Z`, ISO 8601."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def without_secrets(value: Any) -> Any:
    """Return a copy of a JSON value with its secrets redacted; safe to repeat.

    It redacts texts and numbers at any depth below a secret's name, and secrets by format in any
    text, names included.
    """
    match value:
        case dict():
            return {
                scrub(str(name)): (
                    _blank(item) if _is_secret_name(str(name)) else without_secrets(item)
                )
                for name, item in value.items()
            }
        case list():
            return [without_secrets(item) for item in value]
        case str():
            return scrub(value)
    return value


def scrub(text: str) -> str:
    """Return `text` with secrets redacted by format, in linear time."""
    for pattern in _SHAPES:
        text = pattern.sub(REDACTED, text)
    for pattern in _PREFIXED:
        text = pattern.sub(rf"\g<1>{REDACTED}", text)
    return text


def visible(text: str) -> str:
    r"""Return `text` with invisible characters escaped, such as `\x1b`, safe for a terminal.

    It escapes control characters, bidirectional marks and zero-width characters. Line feeds and the
    joiner of emoji stay.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(char if _is_harmless(char) else _escaped(char) for char in text)


def cut(text: str, longest: int = LONGEST_LINE) -> str:
    """Cut each line of `text` to `longest` characters, and append how many were cut."""
    return "\n".join(_cut_line(line, longest) for line in text.split("\n"))


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """Return `text` as one line, scrubbed and visible, with an ellipsis beyond `longest`."""
    line = visible(" ".join(scrub(text).split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def pretty(body: bytes, *, most_lines: int = MOST_LINES) -> str:
    """Format a payload as indented JSON: without secrets, visible and cut.

    The result is plain text, which a page must escape. A body that is not JSON stays text, and one
    of more than MOST_BYTES is not shown. Never raises.
    """
    if len(body) > MOST_BYTES:
        return f"[{len(body):,} bytes are too many to show]"
    text = body.decode(errors="replace")
    try:
        text = json.dumps(without_secrets(json.loads(text)), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = scrub(text)
    return visible(_fewer(cut(text).split("\n"), most_lines))


def _is_secret_name(name: str) -> bool:
    """Return whether the last word names a secret: `webhook_secret` does, `secret_type` not."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words:
        return False
    is_key = words[-1] == "key" and bool(_SECRET_KEYS.intersection(words[:-1]))
    return is_key or words[-1] in _SECRET_NAMES


def _blank(value: Any) -> Any:
    """Redact every text and number in `value`; empty texts, null and booleans stay."""
    match value:
        case dict():
            return {scrub(str(name)): _blank(item) for name, item in value.items()}
        case list():
            return [_blank(item) for item in value]
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
