"""How a sealed value looks: `sealed:<key id>:<base64>`; and how it looks to a reader of a diff.

The text says by itself that it is sealed and for which pair, so that plain and sealed values can
stand side by side in one document. Base64 in the standard alphabet, padded, checked strictly.
"""

import base64
import binascii
import hashlib
import re
from typing import TypeGuard

_PREFIX = "sealed:"
# Up to a quote or white space, damaged or not: a diff must show a damaged value as well.
_ANYWHERE = re.compile(r"\bsealed:([0-9A-Za-z_-]+):[^\s\"']*")
_FINGERPRINT_DIGITS = 12


def is_sealed(value: object) -> TypeGuard[str]:
    """Return whether `value` is a text that claims to be sealed; it may still be damaged."""
    return isinstance(value, str) and value.startswith(_PREFIX)


def join(key_id: str, ciphertext: bytes) -> str:
    """Return the text of a sealed value."""
    return f"{_PREFIX}{key_id}:{base64.b64encode(ciphertext).decode()}"


def split(sealed: str) -> tuple[str, bytes | None]:
    """Return the key's id ("" when absent) and the ciphertext, None when that is not base64."""
    key_id, _, encoded = sealed.removeprefix(_PREFIX).partition(":")
    try:
        return key_id, base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return key_id, None


def conceal(text: str) -> str:
    """Return `text` with each sealed value cut to `sealed:<key id>:<fingerprint>`.

    The fingerprint is 12 hexadecimal digits of the SHA-256 of the *sealed* value: stable, and
    different after each sealing. One of the plain value would let anybody try out likely passwords.
    The text need not be TOML, so that a diff works on comments and on a merge conflict.
    """
    return _ANYWHERE.sub(_fingerprint, text)


def _fingerprint(match: re.Match[str]) -> str:
    digest = hashlib.sha256(match[0].encode(errors="surrogatepass")).hexdigest()
    return f"{_PREFIX}{match[1]}:{digest[:_FINGERPRINT_DIGITS]}"
