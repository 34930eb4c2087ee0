"""Writer of luggage/github/event_table.py: what GitHub's description says of its events.

`python -m tests.support.event_table` writes it anew, after an update of the description.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.support import octokit

MODULE = Path(__file__).parents[2] / "luggage/github/event_table.py"
_MARK = '_TEXT = """\\\n'
_WIDTH = 100


def table() -> dict[str, tuple[set[str], set[str]]]:
    """The actions and the top-level fields of each event, from github.com's description."""
    path = octokit.package("openapi") / "generated/api.github.com.json"
    document = json.loads(path.read_text())
    schemas = document["components"]["schemas"]
    found: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for each in document["x-webhooks"].values():
        operation = each["post"]
        event = operation["operationId"].partition("/")[0].replace("-", "_")
        actions, fields = found[event]
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        for payload in _alternatives(body, schemas):
            properties = payload.get("properties", {})
            fields.update(properties)
            actions.update(_resolved(properties.get("action", {}), schemas).get("enum", ()))
    return dict(sorted(found.items()))


def _alternatives(schema: Any, schemas: Mapping[str, Any]) -> Iterator[Any]:
    schema = _resolved(schema, schemas)
    for each in schema.get("oneOf", schema.get("anyOf", [schema])):
        yield _resolved(each, schemas)


def _resolved(schema: Any, schemas: Mapping[str, Any]) -> Any:
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    return schema


def written(module: str) -> str:
    """The module's text with a new table."""
    head, _, rest = module.partition(_MARK)
    tail = rest.partition('"""\n')[2]
    lines = [
        line
        for event, (actions, fields) in table().items()
        for line in (event, *_wrapped("actions", actions), *_wrapped("fields", fields))
    ]
    return head + _MARK + "".join(f"{line}\n" for line in lines) + '"""\n' + tail


def _wrapped(kind: str, words: set[str]) -> Iterator[str]:
    """The words in lines that begin with their kind."""
    line = f" {kind}:"
    for word in sorted(words):
        if len(line) + len(word) >= _WIDTH:
            yield line
            line = f" {kind}:"
        line += f" {word}"
    if words:
        yield line


def main() -> int:
    """Write the module."""
    MODULE.write_text(written(MODULE.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
