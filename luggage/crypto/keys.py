"""Key pairs: their text format, and sealing and opening of values.

A key's text is a prefix for its half, which scanners for leaked secrets can search for, and 48
characters of base64: 32 bytes of key and 4 of checksum, so that a mistyped key is recognised
(docs/decisions/0050). A pair's id is derived from the public half.

Some error reporters send the local variables of every frame. So no frame here that raises has a key
or a plain value in its variables, and NaCl's exceptions, whose frames do, are not chained.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from typing import NoReturn, Self

import nacl.exceptions
import nacl.public

from luggage.crypto.errors import KeyMissing, KeyOfAnotherPair, NotAKey, ValueDamaged, ValueMoved
from luggage.crypto.sealed import join, split

_PUBLIC = "luggage_public_"
_PRIVATE = "luggage_private_"
_KEY_BYTES = 32
_CHECKSUM_BYTES = 4
_ID_BYTES = 4
_BETWEEN = re.compile(r"[\s,]+")
_AROUND = " \t\r\n,"


class PublicKey:
    """The half that seals, not secret: `id` is 8 hexadecimal digits, `text` its written form."""

    __slots__ = ("_box", "id", "text")

    def __init__(self, raw: bytes) -> None:
        """Raise NotAKey unless `raw` is 32 bytes."""
        if len(raw) != _KEY_BYTES:
            raise NotAKey(f"a public key has {_KEY_BYTES} bytes, not {len(raw)}: copy it again")
        self._box = nacl.public.SealedBox(nacl.public.PublicKey(raw))
        self.id = hashlib.blake2b(raw, digest_size=_ID_BYTES).hexdigest()
        self.text = _to_text(_PUBLIC, raw)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a key's text; raise NotAKey."""
        raw, text = _from_text(_PUBLIC, text), ""  # clears it: it may be a private key by mistake
        if isinstance(raw, str):
            raise NotAKey(f"not a public key ({raw}): copy it again, or make a pair with `keygen`")
        return cls(raw)

    def seal(self, name: str, value: str) -> str:
        """Return `value` sealed under `name`: `sealed:<id>:<base64>`, different at each call.

        The box contains name and id, so that a value opens under its own name only. It does not
        hide the value's length, nor prove who sealed it. Raises ValueError for a name with a NUL.
        """
        plain, value = value.encode(errors="surrogatepass"), ""
        if "\0" in name:
            del plain
            raise ValueError("a name cannot contain NUL")
        head = f"{name}\0{self.id}\0".encode(errors="surrogatepass")
        return join(self.id, self._box.encrypt(head + plain))

    def __repr__(self) -> str:
        return f"<PublicKey {getattr(self, 'id', 'unmade')}>"


class PrivateKey:
    """The half that opens. Only `reveal` shows it; repr, str, format, pickle and copy do not."""

    __slots__ = ("_box", "_raw", "public")

    def __init__(self, raw: bytes) -> None:
        """Raise NotAKey unless `raw` is 32 bytes."""
        if len(raw) != _KEY_BYTES:
            del raw
            raise NotAKey(f"a private key has {_KEY_BYTES} bytes: copy it again")
        key = nacl.public.PrivateKey(raw)
        self._raw = raw
        self._box = nacl.public.SealedBox(key)
        self.public = PublicKey(bytes(key.public_key))

    @classmethod
    def generate(cls) -> Self:
        """Return a new random key, made by libsodium."""
        return cls(bytes(nacl.public.PrivateKey.generate()))

    @property
    def id(self) -> str:
        """The id of the pair, 8 hexadecimal digits."""
        return self.public.id

    def reveal(self) -> str:
        """Return the key's text for a key file: the secret itself."""
        return _to_text(_PRIVATE, self._raw)

    def open(self, name: str, sealed: str) -> str:
        """Return the plain value that was sealed under `name` for this pair.

        Raises KeyOfAnotherPair, ValueDamaged, or ValueMoved for a value sealed under another name.
        """
        key_id, ciphertext = split(sealed)
        if key_id != self.id:
            raise KeyOfAnotherPair(name, key_id, [self.id])
        contents = self._unpack(ciphertext) if ciphertext else None
        if contents is None:
            raise ValueDamaged(name)
        sealed_as, value = contents
        if sealed_as == name:
            return value
        del value, contents
        raise ValueMoved(name, sealed_as)

    def _unpack(self, ciphertext: bytes) -> tuple[str, str] | None:
        """Return the name and the value inside; None when it does not open or has another id."""
        try:
            name, key_id, value = self._box.decrypt(ciphertext).split(b"\0", 2)
            if key_id.decode() != self.id:
                return None
            return name.decode(errors="surrogatepass"), value.decode(errors="surrogatepass")
        except (nacl.exceptions.CryptoError, ValueError):
            return None

    def __repr__(self) -> str:
        return f"<PrivateKey {getattr(self, 'id', 'unmade')}>"  # a report may show a half-made key

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key cannot be pickled: pass on the text of reveal() instead")


class Keyring:
    """Private keys, and the ids of the pairs that a document accepts."""

    def __init__(self, keys: Iterable[PrivateKey], live: Iterable[str]) -> None:
        self._keys = {key.id: key for key in keys}
        self.live = frozenset(live)

    def has_key(self, sealed: str) -> bool:
        """Return whether one of the keys belongs to the pair that `sealed` is sealed for."""
        return split(sealed)[0] in self._keys

    def key_for(self, name: str, sealed: str) -> PrivateKey:
        """Return the key that opens `sealed`; raise KeyMissing or KeyOfAnotherPair."""
        key_id = split(sealed)[0]
        if not self._keys:
            raise KeyMissing(
                f"{name} is sealed for the pair {key_id}, but no private key is set: "
                "set SECRET_KEY_FILE to its file (or SECRET_KEY to the key itself)"
            ).about(name)
        if key_id not in self._keys:
            raise KeyOfAnotherPair(name, key_id, self._keys)
        return self._keys[key_id]


def parse_private_keys(text: str, *, source: str = "the key") -> tuple[PrivateKey, ...]:
    """Parse keys separated by white space or commas; during a rotation there are several.

    Raises NotAKey, which names `source` but does not quote the text, when one of them is not a key
    or `text` is empty.
    """
    words, text = _BETWEEN.split(text.strip(_AROUND)), ""
    results, words = [_from_text(_PRIVATE, word) for word in words], []
    problems = [problem for problem in results if isinstance(problem, str)]
    if problems:
        del results
        raise NotAKey(
            f"{source} is not a private key ({problems[0]}): "
            "copy it again from where `keygen` or `rotate` wrote it"
        )
    return tuple(PrivateKey(raw) for raw in results if isinstance(raw, bytes))


def _to_text(prefix: str, raw: bytes) -> str:
    return prefix + base64.urlsafe_b64encode(raw + _checksum(prefix, raw)).decode()


def _from_text(prefix: str, text: str) -> bytes | str:
    """Return the 32 bytes, or a problem in words; never raise, never quote the text."""
    text = text.strip()
    if not text:
        return "it is empty"
    if not text.startswith(prefix):
        other = {_PUBLIC: _PRIVATE, _PRIVATE: _PUBLIC}[prefix]
        is_other_half = text.startswith(other)
        return "it is the other half" if is_other_half else f"it does not begin with {prefix}"
    try:
        decoded = base64.b64decode(text.removeprefix(prefix), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return "it is cut or mistyped"
    raw, checksum = decoded[:_KEY_BYTES], decoded[_KEY_BYTES:]
    intact = len(raw) == _KEY_BYTES and checksum == _checksum(prefix, raw)
    return raw if intact else "it is cut or mistyped"


def _checksum(prefix: str, raw: bytes) -> bytes:
    return hashlib.blake2b(raw, digest_size=_CHECKSUM_BYTES, key=prefix.encode()).digest()
