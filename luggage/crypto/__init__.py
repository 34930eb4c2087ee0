"""Secrets sealed with NaCl, kept beside plain settings in one TOML document.

The document can be public: names are readable, values are not. Whoever holds the document can seal
a value; only the holder of a private key can open one. Everything here is pure: texts and keys
are handed in, nothing is read from a file or from the environment.

Who changes documents imports `luggage.crypto.document` beside this: tomlkit, which the bot's
processes never need, since all they do is open what tomllib has read.

Chosen against one encrypted file (a change of one secret would change all of it, and no review
could say which) and against a symmetric key (whoever adds a secret could read all the others).
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
from luggage.crypto.opening import Secret, Secrets, open_secrets
from luggage.crypto.sealed import conceal, is_sealed

__all__ = [
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
