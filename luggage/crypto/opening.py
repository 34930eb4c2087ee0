"""Secrets of a document, opened at each `reveal`.

The mapping holds wrapped values, because error reporters and pretty printers walk through every
Mapping (sentry_sdk's serializer does). Plain values are not kept, so that a dump of the process's
objects holds only ciphertext.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

from luggage.crypto.errors import DocumentError, KeyRetired, NotAKey, SecretError, ValueCount
from luggage.crypto.keys import Keyring, PrivateKey, PublicKey
from luggage.crypto.sealed import is_sealed, split

#: The table of the document with the public keys.
KEYS_SECTION = "keys"
CURRENT = "current"
_PAIR_ID = re.compile("[0-9a-f]{8}")
_NAME_PART = re.compile(r"[A-Za-z0-9_-]+")

# Returns the place of a dotted name in the document's file, for messages.
Place = Callable[[str], str]


class Secret:
    """The values of one name, sealed or plain; only `reveal` and `reveal_all` show them."""

    __slots__ = ("_keyring", "_place", "_values", "is_list", "name")

    def __init__(
        self,
        name: str,
        values: tuple[str, ...],
        keyring: Keyring,
        *,
        is_list: bool,
        place: Place | None = None,
    ) -> None:
        self.name = name
        self.is_list = is_list
        self._values = values
        self._keyring = keyring
        self._place = place

    def reveal(self) -> str:
        """Open and return the plain value. Raises ValueCount for a list, and as `reveal_all`."""
        if self.is_list:
            problem = ValueCount(f"{self.name} must be one value, not a list: remove the brackets")
            raise _placed(problem.about(self.name), self._place)
        return self._open(self._values[0])

    def reveal_all(self) -> tuple[str, ...]:
        """Open and return all plain values, in order; one value if the name is not a list.

        Raises KeyMissing, KeyOfAnotherPair, KeyRetired, ValueDamaged or ValueMoved.
        """
        return tuple(map(self._open, self._values))

    def is_sealed(self) -> bool:
        """Return whether any of the values is sealed."""
        return any(map(is_sealed, self._values))

    def can_be_opened(self) -> bool:
        """Return whether any of the values is plain or has its key; opens nothing."""
        return any(not is_sealed(each) or self._keyring.has_key(each) for each in self._values)

    def _open(self, value: str) -> str:
        if not is_sealed(value):
            return value
        try:
            self._require_live(value)
            return self._keyring.key_for(self.name, value).open(self.name, value)
        except SecretError as error:
            raise _placed(error, self._place)  # noqa: B904  it is the same error

    def _require_live(self, value: str) -> None:
        key_id = split(value)[0]
        if key_id not in self._keyring.live:
            raise KeyRetired(self.name, key_id)

    def __repr__(self) -> str:
        return f"<Secret {self.name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied: pass on the object itself")


class Secrets(Mapping[str, Secret]):
    """Name (`github.private_key`) -> `Secret`, for plain values too, but not for [keys]."""

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
        raise TypeError("secrets cannot be pickled or copied: pass on the object itself")


def open_secrets(
    document: Mapping[str, Any], keys: Iterable[PrivateKey], place: Place | None = None
) -> Secrets:
    """Return the secrets of a parsed TOML document, which `keys` (perhaps none) will open.

    Nothing is opened yet. `place` returns where a name is in the document's file: errors then begin
    with it. Raises DocumentError for an invalid name or a sealed value that no name can address,
    NotAKey for a broken [keys].
    """
    try:
        keyring, values = Keyring(keys, live_keys(document)), leaves(document)
    except SecretError as error:
        raise _placed(error, place)  # noqa: B904  it is the same error
    return Secrets(
        {
            name: Secret(name, texts(value), keyring, is_list=isinstance(value, list), place=place)
            for name, value in values.items()
        }
    )


def _placed(error: SecretError, place: Place | None) -> SecretError:
    return error.placed(place(error.name)) if place else error


def live_keys(document: Mapping[str, Any]) -> dict[str, PublicKey]:
    """Return the public keys in [keys], by id.

    Raises DocumentError unless [keys] is a table, NotAKey for an invalid key or a wrong id.
    """
    section = document.get(KEYS_SECTION, {})
    if not isinstance(section, Mapping):
        problem = "[keys] must be a section of public keys: make a pair with `keygen`"
        raise DocumentError(problem).about(KEYS_SECTION)
    return {
        key_id: _public_key(key_id, str(text))
        for key_id, text in section.items()
        if key_id != CURRENT and not _is_pair_id(text)
    }


def _public_key(key_id: str, text: str) -> PublicKey:
    name = f"{KEYS_SECTION}.{key_id}"
    try:
        key, text = PublicKey.parse(text), ""
    except NotAKey as error:
        text = ""  # it may be a private key
        raise error.about(name)  # noqa: B904  it is the same error
    if key.id != key_id:
        problem = f"[keys] lists the key {key.id} as {key_id}: rename it to {key.id}"
        raise NotAKey(problem).about(name)
    return key


def part_ids(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the ids of the pairs of parts in [keys], by part; most documents have none."""
    section = document.get(KEYS_SECTION, {})
    return {part: id_ for part, id_ in section.items() if part != CURRENT and _is_pair_id(id_)}


def leaves(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return dotted name -> value for each value outside [keys], in the document's order.

    Raises DocumentError for a name with characters other than `A-Za-z0-9_-`, and for a sealed value
    in a nested list or in a list of sections, which no command could seal again.
    """
    values: dict[str, Any] = {}
    for key, value in document.items():
        if not prefix and key == KEYS_SECTION:
            continue
        if not _NAME_PART.fullmatch(key):
            problem = f'"{prefix}{key}" is not a valid name: use only letters, digits, _ and -'
            raise DocumentError(problem).about(f"{prefix}{key}")
        if isinstance(value, Mapping):
            values |= leaves(value, f"{prefix}{key}.")
        else:
            _refuse_hidden_sealed(f"{prefix}{key}", value)
            values[f"{prefix}{key}"] = value
    return values


def texts(value: object) -> tuple[str, ...]:
    """Return a leaf's values as texts, one for each element of a list."""
    return tuple(str(item) for item in (value if isinstance(value, list) else [value]))


def _is_pair_id(text: object) -> bool:
    return isinstance(text, str) and _PAIR_ID.fullmatch(text) is not None


def _refuse_hidden_sealed(name: str, value: object) -> None:
    if isinstance(value, list) and any(_hides_sealed(item) for item in value):
        problem = f"{name} has a sealed value in a nested list: give it its own name"
        raise DocumentError(problem).about(name)


def _hides_sealed(item: object) -> bool:
    inner = item.values() if isinstance(item, Mapping) else item if isinstance(item, list) else ()
    return any(is_sealed(value) or _hides_sealed(value) for value in inner)
