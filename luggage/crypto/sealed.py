"""Text format of sealed values, `sealed:<key id>:<base64>`, and their short form in diffs.

The prefix lets plain and sealed values share one document. Base64 has the standard alphabet and
padding, and is validated.
"""

import base64
import binascii
import hashlib
import re
from typing import TypeGuard

_PREFIX = "sealed:"
# Also matches a damaged value, up to a quote or white space.
_ANYWHERE = re.compile(r"\bsealed:([0-9A-Za-z_-]+):[^\s\"']*")
_FINGERPRINT_DIGITS = 12


def is_sealed(value: object) -> TypeGuard[str]:
    """Return whether `value` has the format of a sealed value; it may still be damaged."""
    return isinstance(value, str) and value.startswith(_PREFIX)


def join(key_id: str, ciphertext: bytes) -> str:
    """Return the text of a sealed value."""
    return f"{_PREFIX}{key_id}:{base64.b64encode(ciphertext).decode()}"


def split(sealed: str) -> tuple[str, bytes | None]:
    """Return the key's id ("" if absent) and the ciphertext, or None if that is not base64."""
    key_id, _, encoded = sealed.removeprefix(_PREFIX).partition(":")
    try:
        return key_id, base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return key_id, None


def conceal(text: str) -> str:
    """Return `text` with each sealed value cut to `sealed:<key id>:<fingerprint>`.

    The fingerprint is 12 hexadecimal digits of the SHA-256 of the *sealed* value. One of the plain
    value would let anyone test likely passwords. The text need not be TOML: a diff may contain
    comments and merge conflicts.
    """
    return _ANYWHERE.sub(_fingerprint, text)


def _fingerprint(match: re.Match[str]) -> str:
    digest = hashlib.sha256(match[0].encode(errors="surrogatepass")).hexdigest()
    return f"{_PREFIX}{match[1]}:{digest[:_FINGERPRINT_DIGITS]}"
