"""Secrets sealed with NaCl, stored with plain settings in one TOML document. No I/O.

The document may be public: names are readable, values are not. Anyone with the document can seal a
value; only the holder of a private key can open one (docs/decisions/0050).

To edit documents, import `luggage.crypto.document` too. It loads tomlkit, which the bot's processes
do not need.
"""

from luggage.crypto.errors import (
    DocumentError,
    KeyMissing,
    KeyOfAnotherPair,
    KeyPresent,
    KeyRetired,
    NameUnknown,
    NotAKey,
    SecretError,
    ValueCount,
    ValueDamaged,
    ValueMoved,
)
from luggage.crypto.keys import PrivateKey, PublicKey, parse_private_keys
from luggage.crypto.opening import KEYS_SECTION, Secret, Secrets, open_secrets
from luggage.crypto.sealed import conceal, is_sealed

__all__ = [
    "KEYS_SECTION",
    "DocumentError",
    "KeyMissing",
    "KeyOfAnotherPair",
    "KeyPresent",
    "KeyRetired",
    "NameUnknown",
    "NotAKey",
    "PrivateKey",
    "PublicKey",
    "Secret",
    "SecretError",
    "Secrets",
    "ValueCount",
    "ValueDamaged",
    "ValueMoved",
    "conceal",
    "is_sealed",
    "open_secrets",
    "parse_private_keys",
]
