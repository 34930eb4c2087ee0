"""A document whose sealed values open when they are asked for, and at no other time.

The mapping gives wrapped values, not plain ones: error reporters and pretty printers walk through
every Mapping they meet (sentry_sdk's serializer does), and a plain value would be on its way.
Nothing opened is kept, so that a dump of the process's objects holds the ciphertext alone.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

from luggage.crypto.errors import DocumentError, KeyRetired, NotAKey, ValueCount
from luggage.crypto.keys import Keyring, PrivateKey, PublicKey
from luggage.crypto.sealed import is_sealed, split

KEYS_SECTION = "keys"
CURRENT = "current"
_NAME_PART = re.compile(r"[A-Za-z0-9_-]+")


class Secret:
    """The value or values under one name, sealed or plain; only `reveal` and `reveal_all` show."""

    __slots__ = ("_keyring", "_values", "is_list", "name")

    def __init__(
        self, name: str, values: tuple[str, ...], keyring: Keyring, *, is_list: bool
    ) -> None:
        self.name = name
        self.is_list = is_list
        self._values = values
        self._keyring = keyring

    def reveal(self) -> str:
        """Return the one plain value, opened now; a number or a date as TOML's plain text has it.

        Raises ValueCount for a list, and what `reveal_all` raises.
        """
        if self.is_list:
            raise ValueCount(
                f"{self.name} is a list and one value is wanted: take the brackets away"
            )
        return self._open(self._values[0])

    def reveal_all(self) -> tuple[str, ...]:
        """Return all plain values, opened now, in their order; one for a name that is no list.

        Raises KeyMissing, KeyOfAnotherPair, KeyRetired, ValueDamaged or ValueMoved.
        """
        return tuple(map(self._open, self._values))

    def _open(self, value: str) -> str:
        if not is_sealed(value):
            return value
        self._require_live(value)
        return self._keyring.key_for(self.name, value).open(self.name, value)

    def _require_live(self, value: str) -> None:
        key_id = split(value)[0]
        if key_id not in self._keyring.live:
            raise KeyRetired(self.name, key_id)

    def __repr__(self) -> str:
        return f"<Secret {self.name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled or copied: hand the object itself on")


class Secrets(Mapping[str, Secret]):
    """A name (`github.private_key`) -> `Secret`, for each value of a document but those of [keys].

    Plain values are in it too, so that a reader need not know which are sealed.
    """

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Mapping[str, Secret]) -> None:
        self._secrets = dict(secrets)

    def __getitem__(self, name: str) -> Secret:
        return self._secrets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._secrets)

    def __len__(self) -> int:
        return len(self._secrets)

    def __repr__(self) -> str:
        return f"<Secrets: {len(self)} names>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets are not pickled or copied: hand the object itself on")


def open_secrets(document: Mapping[str, Any], keys: Iterable[PrivateKey]) -> Secrets:
    """Return the values of a parsed TOML document, to be opened with `keys` (none is allowed).

    Opens nothing yet. Raises DocumentError for a name that cannot be addressed or a sealed value
    where no name leads, NotAKey for a broken [keys].
    """
    keyring = Keyring(keys, live_keys(document))
    found = leaves(document)
    return Secrets(
        {
            name: Secret(name, texts(value), keyring, is_list=isinstance(value, list))
            for name, value in found.items()
        }
    )


def live_keys(document: Mapping[str, Any]) -> dict[str, PublicKey]:
    """Return the pairs that [keys] lists, by id; raise NotAKey where the two do not match."""
    section = document.get(KEYS_SECTION, {})
    if not isinstance(section, Mapping):
        raise DocumentError("[keys] must be a section of public keys: make a pair with `keygen`")
    keys = {
        key_id: PublicKey.parse(str(text)) for key_id, text in section.items() if key_id != CURRENT
    }
    for key_id, key in keys.items():
        if key.id != key_id:
            raise NotAKey(f"[keys] calls the key {key.id} {key_id}: write {key.id} before it")
    return keys


def leaves(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return dotted name -> value for each value outside of [keys], in the document's order.

    Raises DocumentError for a part of a name with other characters than `A-Za-z0-9_-`, and for a
    sealed value in a nested list or in a list of sections, which no command could seal again.
    """
    found: dict[str, Any] = {}
    for key, value in document.items():
        if not prefix and key == KEYS_SECTION:
            continue
        if not _NAME_PART.fullmatch(key):
            raise DocumentError(f'the key "{prefix}{key}" is no name: use letters, digits, _ and -')
        if isinstance(value, Mapping):
            found |= leaves(value, f"{prefix}{key}.")
        else:
            _require_in_place(f"{prefix}{key}", value)
            found[f"{prefix}{key}"] = value
    return found


def texts(value: object) -> tuple[str, ...]:
    """Return a leaf as texts: one for a single value, one for each element of a list."""
    return tuple(str(item) for item in (value if isinstance(value, list) else [value]))


def _require_in_place(name: str, value: object) -> None:
    if isinstance(value, list) and any(_hides_sealed(item) for item in value):
        raise DocumentError(
            f"{name} has a sealed value in a nested list: give it a name of its own"
        )


def _hides_sealed(item: object) -> bool:
    inner = item.values() if isinstance(item, Mapping) else item if isinstance(item, list) else ()
    return any(is_sealed(value) or _hides_sealed(value) for value in inner)
