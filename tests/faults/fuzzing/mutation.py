"""Mutations of inputs: of bytes, of a value in JSON, or of a request.

Most byte changes break JSON and requests, so code behind the parsers would not be reached. In an
input, JSON follows a line of something else. A request has four lines: method and address, cookie,
and body.
"""

import copy
import json
import random
import string
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import atheris

# Values that GitHub would not send there.
_ODD = (
    None, True, False, 0, -1, 7, 1.5, 10**30, 1e308, float("inf"), "", "x", "a/b", "a/..", "\ud800",
    "é\0", " \n", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00", "https://evil.example/",
    [], {}, [[]], ["x"], [None], {"id": "x"}, {"login": 5}, {"x": {}}, [{}], "9" * 5000,
)  # fmt: skip
_BYTES_IN_TEN = 3
_IN_ADDRESS = string.punctuation


def plain(data: bytes, most: int, _seed: int) -> bytes:
    """Change the bytes, as libFuzzer does."""
    return atheris.Mutate(data, most)


def request(data: bytes, most: int, seed: int) -> bytes:
    """Change the method, the address, the cookie or the body; the address stays valid."""
    rng = random.Random(seed)
    line, *rest = data.split(b"\n", 2)
    method, _, target = line.partition(b" ")
    parts = [method, target, *rest]
    # The method is usually a common one.
    number = rng.choice([0, *range(1, len(parts)), *range(1, len(parts))])
    parts[number] = atheris.Mutate(parts[number], len(parts[number]) + 20)
    parts[1] = quote(parts[1], safe=_IN_ADDRESS).encode()
    changed = b"\n".join([b" ".join(parts[:2]), *parts[2:]])
    return changed if len(changed) <= most else data


def structured(data: bytes, most: int, seed: int) -> bytes:
    """Change a value of the JSON after the first line; sometimes the bytes, or the line."""
    rng = random.Random(seed)
    head, _, body = data.partition(b"\n")
    if rng.randrange(10) < _BYTES_IN_TEN:
        return atheris.Mutate(data, most)
    if not rng.randrange(10):
        return atheris.Mutate(head, max(1, len(head) + 20)).replace(b"\n", b"") + b"\n" + body
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return atheris.Mutate(data, most)
    for _ in range(rng.choice((1, 1, 2, 5))):
        _change(value, rng)
    changed = head + b"\n" + json.dumps(value).encode()
    return changed if len(changed) <= most else data


def _change(value: Any, rng: random.Random) -> None:
    places = list(_places(value))
    if not places:
        return
    holder, key = rng.choice(places)
    other, its = rng.choice(places)
    match rng.randrange(5):
        case 0:
            del holder[key]
        case 1:
            holder[key] = other[its] if not isinstance(other[its], dict | list) else None
        case 2 if isinstance(holder[key], str):
            text = atheris.Mutate(holder[key].encode(errors="replace"), len(holder[key]) + 9)
            holder[key] = text.decode(errors="replace")
        case _:
            holder[key] = copy.deepcopy(rng.choice(_ODD))  # it may be changed itself, later


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each value's container, and its key or index."""
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict | list):
            for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
                yield holder, key
                waiting.append(holder[key])


CHANGES = {"bytes": plain, "json": structured, "request": request}
