"""TOML document editor that keeps comments, order and blank lines.

tomlkit parses and writes. `_place` adds what it lacks: a new value replaces its commented example,
or else goes to the end of its section, before the comments that introduce the next one.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tomlkit
import tomlkit.exceptions
import tomlkit.items

from luggage.crypto.errors import DocumentError, KeyMissing, KeyPresent, NameUnknown, ValueCount
from luggage.crypto.keys import PrivateKey, PublicKey
from luggage.crypto.opening import (
    CURRENT,
    KEYS_SECTION,
    Place,
    leaves,
    live_keys,
    open_secrets,
    part_ids,
    texts,
)
from luggage.crypto.sealed import is_sealed, split

_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_MARK = "portmanteau: new value"


@dataclass(frozen=True)
class Entry:
    """One value, or number `number` of the `count` values of a list; a plain one has no key_id."""

    name: str
    number: int
    count: int
    key_id: str | None


class Document:
    """A TOML text with sealed values; each change parses it again, so that it stays valid."""

    def __init__(self, text: str, source: str = "the document", place: Place | None = None) -> None:
        """Raise DocumentError when `text` is not TOML.

        `source` is its name in messages, `place` returns where a name was in it.
        """
        self._source = source
        self._place = place
        self._load(text)

    @property
    def text(self) -> str:
        """The document's current text."""
        return tomlkit.dumps(self._toml)

    def names(self) -> tuple[str, ...]:
        """Return the dotted names of all values, in order; raise DocumentError."""
        return tuple(leaves(self._toml.unwrap()))

    def entries(self) -> Iterator[Entry]:
        """Yield each value, elements of lists one by one; raise DocumentError."""
        for name, value in leaves(self._toml.unwrap()).items():
            items = texts(value)
            for number, item in enumerate(items, start=1):
                yield Entry(name, number, len(items), split(item)[0] if is_sealed(item) else None)

    def is_list(self, name: str) -> bool:
        """Return whether `name` exists and is a list."""
        return isinstance(leaves(self._toml.unwrap()).get(name), list)

    def live_keys(self) -> dict[str, PublicKey]:
        """Return the public keys of accepted pairs, by id; raise NotAKey."""
        return live_keys(self._toml.unwrap())

    def part_keys(self) -> dict[str, PublicKey]:
        """Return the public keys of the parts that have one; raise KeyMissing or NotAKey."""
        keys = self.live_keys()
        parts = part_ids(self._toml.unwrap())
        for part, key_id in parts.items():
            if key_id not in keys:
                raise KeyMissing(
                    f"{self._source}: [keys] lacks {key_id}, the pair of {part}: `rotate` makes one"
                )
        return {part: keys[key_id] for part, key_id in parts.items()}

    def key_for(self, part: str) -> PublicKey:
        """Return the key for new values of a part: its own, or else the current one.

        Raises KeyMissing or NotAKey.
        """
        return self.part_keys().get(part) or self.current_key()

    def current_key(self) -> PublicKey:
        """Return the key for new values; raise KeyMissing or NotAKey."""
        keys = self.live_keys()
        current = str(self._toml.unwrap().get(KEYS_SECTION, {}).get(CURRENT))
        if current not in keys:
            raise KeyMissing(
                f"{self._source}: [keys] names no current public key: make a pair with `keygen`"
            )
        return keys[current]

    def add_key(
        self,
        key: PublicKey,
        *,
        beside_others: bool = False,
        parts: Mapping[str, PublicKey] | None = None,
    ) -> None:
        """Make `key` the current one; raise KeyPresent if there are others, unless allowed.

        `parts` are the pairs for values that only one part of the program uses.
        """
        others = self.live_keys()
        if others and not beside_others:
            raise KeyPresent(
                f"[keys] already has the pair {', '.join(others)}: `rotate` replaces it and seals "
                "everything again (`keygen --add` adds another pair)"
            )
        parts = {**self.part_keys(), **(parts or {})}
        self._list_keys([*others.values(), key], current=key, parts=parts)

    def put(self, name: str, sealed: str) -> None:
        """Set the value of `name`, old or new, to a sealed value.

        Raises NameUnknown, or ValueCount when `name` is a list. Callers seal values first, so that
        no error report from here can hold a plain one.
        """
        if self.is_list(name):
            raise ValueCount(
                f"{name} is a list: add to it with --append, or overwrite it with --replace"
            )
        self._put(_path(name), sealed)

    def put_in_list(self, name: str, sealed: str, *, keep: bool) -> None:
        """Append a sealed value to the list of `name` (`keep`), or overwrite the list with it.

        Raises NameUnknown, or ValueCount when `name` exists and is not a list.
        """
        values = leaves(self._toml.unwrap())
        if name in values and not isinstance(values[name], list):
            raise ValueCount(f"{name} is one value, not a list: omit --append and --replace")
        if keep and values.get(name):
            path = _path(name)
            self._section(path)[path[-1]].append(sealed)
            self._load(self.text)
        else:
            self._put(_path(name), [sealed])

    def reseal(
        self,
        keys: Iterable[PrivateKey],
        new: PublicKey,
        *,
        parts: Mapping[str, PublicKey] | None = None,
        part_of: Callable[[str], str] = lambda _: "",
    ) -> int:
        """Seal every sealed value again, and retire the old keys; return how many.

        `new` seals each value, except those of a part in `parts`; `part_of` tells the part that
        alone uses a name. Raises the errors of `Secret.reveal`, before it changes anything.
        """
        parts = parts or {}
        secrets = open_secrets(self._toml.unwrap(), keys, self._place)
        sealed = [entry for entry in self.entries() if entry.key_id is not None]
        resealed = [
            parts.get(part_of(entry.name), new).seal(
                entry.name, secrets[entry.name].reveal_all()[entry.number - 1]
            )
            for entry in sealed
        ]
        for entry, value in zip(sealed, resealed, strict=True):
            self._replace(entry, value)
        self._list_keys([new], current=new, parts=parts)
        return len(sealed)

    def _load(self, text: str) -> None:
        # A value put after an unterminated comment line would become part of the comment.
        text = text if text.endswith("\n") else f"{text}\n"
        try:
            parsed = tomlkit.parse(text)
            # The bot reads with tomllib, which may support an older TOML than tomlkit.
            tomllib.loads(text)
        except (tomlkit.exceptions.TOMLKitError, ValueError, RecursionError) as error:
            problem = str(error)
        else:
            self._toml = parsed
            return
        raise DocumentError(f"{self._source} is not valid TOML ({problem}): fix it by hand")

    def _replace(self, entry: Entry, sealed: str) -> None:
        section, key = self._section(_path(entry.name)), _path(entry.name)[-1]
        if isinstance(section[key], list):
            section[key][entry.number - 1] = sealed
        else:
            section[key] = sealed

    def _put(self, path: tuple[str, ...], value: str | list[str]) -> None:
        section, key, rendered = self._section(path), path[-1], _render(value)
        if isinstance(section.get(key), dict):
            raise NameUnknown(f"{'.'.join(path)} is a section: name a value inside it")
        if key not in section and _can_place(section):
            _place(section, key)
            self._load(self.text.replace(f"# {_MARK}", f"{key} = {rendered.as_string()}"))
        else:
            section[key] = rendered
            self._load(self.text)

    def _section(self, path: tuple[str, ...]) -> Any:  # tomlkit's sections share no public class
        section: Any = self._toml
        for part in path[:-1]:
            section = section.setdefault(part, tomlkit.table())
            if not isinstance(section, dict):
                raise NameUnknown(f"{part} is a value, not a section: choose another name")
        return section

    def _list_keys(
        self, keys: Iterable[PublicKey], *, current: PublicKey, parts: Mapping[str, PublicKey]
    ) -> None:
        section = self._section((KEYS_SECTION, CURRENT))
        for listed in list(section):
            del section[listed]
        self._load(self.text)
        self._put((KEYS_SECTION, CURRENT), current.id)
        for part, key in parts.items():
            self._put((KEYS_SECTION, part), key.id)
        for key_id, text in {key.id: key.text for key in (*keys, *parts.values())}.items():
            self._put((KEYS_SECTION, key_id), text)


def _path(name: str) -> tuple[str, ...]:
    if not _NAME.fullmatch(name) or name.split(".", maxsplit=1)[0] == KEYS_SECTION:
        raise NameUnknown(
            f"{name!r} is not a valid name: write section.key, as in github.private_key"
        )
    return tuple(name.split("."))


def _render(value: str | list[str]) -> tomlkit.items.Item:
    if isinstance(value, str):
        return tomlkit.string(value)
    array = tomlkit.array()
    array.extend(value)
    return array.multiline(multiline=True)


def _can_place(section: object) -> bool:
    return isinstance(section, tomlkit.items.Table) and not section.is_super_table()


def _place(section: tomlkit.items.Table, key: str) -> None:
    """Insert a comment that marks the place for `key`."""
    body = section.value.body
    mark = (None, tomlkit.comment(_MARK))
    example = re.compile(rf"#+\s*{re.escape(key)}\s*=")
    for index, (_, item) in enumerate(body):
        if isinstance(item, tomlkit.items.Comment) and example.match(item.trivia.comment):
            body[index] = mark
            return
    body.insert(_end([item for _, item in body]), mark)


def _end(items: list[tomlkit.items.Item]) -> int:
    """Return the index after a section's own lines, before the comments of the next section."""
    inner = (tomlkit.items.Table, tomlkit.items.AoT)
    end = next((i for i, item in enumerate(items) if isinstance(item, inner)), len(items))
    blank = end
    while blank and isinstance(items[blank - 1], tomlkit.items.Comment):
        blank -= 1
    while blank and isinstance(items[blank - 1], tomlkit.items.Whitespace):
        blank -= 1
        end = blank
    return end
