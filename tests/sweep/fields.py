"""Fields of answers and payloads: which of them the bot reads, and what GitHub's description says.

A path names a field: `("items", "[]", "user", "login")`; "[]" stands for each element of a list.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from luggage.fake_github.messages import Answer, Request
from luggage.github.answers import ApiResponse, Fields
from tests.support.openapi import Description
from tests.sweep.stage import Stage

Path = tuple[str, ...]
EACH = "[]"
NULL, MISSING = "null", "missing"


class Watched(Fields):
    """A JSON object that notes which of its fields are read."""

    def __init__(self, fields: Fields, note: Callable[[Path], object], path: Path) -> None:
        super().__init__({}, fields._answer)
        self._note = note
        self._path = path
        self.update({name: _watched(value, note, (*path, name)) for name, value in fields.items()})

    def __getitem__(self, name: str) -> Any:
        self._note((*self._path, name))
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Note the field, and return it."""
        self._note((*self._path, name))
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self._note((*self._path, str(name)))
        return super().__contains__(name)


def _watched(value: Any, note: Callable[[Path], object], path: Path) -> Any:
    if isinstance(value, list):
        return [_watched(each, note, (*path, EACH)) for each in value]
    return Watched(value, note, path) if isinstance(value, Fields) else value


@contextmanager
def watched(stage: Stage, note: Callable[[int, Path], object]) -> Iterator[None]:
    """Call `note` with the index of the answer in `stage.answers`, and each path read from it."""
    decoded = ApiResponse.decoded

    def decoded_and_watched(answer: ApiResponse) -> Any:
        index = len(stage.answers) - 1
        value = decoded(answer)
        return _watched(value, lambda path: note(index, path), ()) if answer.ok else value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ApiResponse, "decoded", decoded_and_watched)
        yield


# What the description says


@dataclass(frozen=True)
class Described:
    """What GitHub's description says of a field."""

    nullable: bool
    optional: bool


@dataclass(frozen=True)
class Schema:
    """The alternatives of a schema, each with `properties`, `items` and `required` resolved."""

    document: Mapping[str, Any]
    alternatives: Sequence[Mapping[str, Any]]
    nullable: bool = False
    optional: bool = False

    def step(self, name: str) -> "Schema | None":
        """The schema of a field, or of the elements of a list; None if no alternative has it."""
        found: list[Mapping[str, Any]] = []
        nullable = optional = False
        for each in self.alternatives:
            if each.get("type") == ("object" if name == EACH else "array"):
                continue
            child = each.get("items") if name == EACH else each.get("properties", {}).get(name)
            if child is None:
                optional = True
                continue
            alternatives, is_nullable = alternatives_of(self.document, child)
            found += alternatives
            nullable |= is_nullable
            optional |= name != EACH and name not in each.get("required", ())
        return Schema(self.document, found, nullable, optional) if found else None

    def like(self, value: Any) -> "Schema":
        """The alternatives whose constant fields this value has: a file is no symbolic link."""
        if not isinstance(value, dict):
            return self
        fitting = [each for each in self.alternatives if _is_like(each, value)]
        return replace(self, alternatives=fitting)

    def at(self, path: Path) -> "Schema | None":
        """The schema of a field further down; None if it is not described."""
        schema: Schema | None = self
        for name in path:
            schema = schema and schema.step(name)
        return schema


def alternatives_of(
    document: Mapping[str, Any], schema: Mapping[str, Any]
) -> tuple[list[Mapping[str, Any]], bool]:
    """The alternatives of a schema, and whether it may be null."""
    schema = _resolved(document, schema)
    kind = schema.get("type")
    nullable = bool(schema.get("nullable")) or kind == "null" or None in schema.get("enum", ())
    nullable |= isinstance(kind, list) and "null" in kind
    parts = [alternatives_of(document, each) for each in schema.get("allOf", ())]
    merged: dict[str, Any] = dict(schema)
    for alternatives, is_nullable in parts:
        nullable |= is_nullable
        for each in alternatives:
            merged["properties"] = {**each.get("properties", {}), **merged.get("properties", {})}
            merged["required"] = [*each.get("required", ()), *merged.get("required", ())]
            merged.setdefault("items", each.get("items"))
    choices = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
    if not choices:
        return [merged], nullable
    found: list[Mapping[str, Any]] = []
    for choice in choices:
        alternatives, is_nullable = alternatives_of(document, choice)
        nullable |= is_nullable
        found += [_with_common(merged, each) for each in alternatives]
    return found, nullable


def _is_like(schema: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    fields: Mapping[str, Any] = schema.get("properties", {})
    return all(
        value[name] in field["enum"]
        for name, field in fields.items()
        if name in value and len(field.get("enum", ())) == 1
    )


def _with_common(common: Mapping[str, Any], choice: Mapping[str, Any]) -> Mapping[str, Any]:
    """A choice, with what stands beside the choices: `anyOf` may list only what is required."""
    properties = {**common.get("properties", {}), **choice.get("properties", {})}
    required = [*common.get("required", ()), *choice.get("required", ())]
    return {**choice, "properties": properties, "required": required}


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        found: Any = document
        for segment in schema["$ref"].removeprefix("#/").split("/"):
            found = found[segment.replace("~1", "/").replace("~0", "~")]
        schema = found
    return schema


def schema_of_answer(
    description: Description, method: str, path: str, status: int
) -> Schema | None:
    """The schema of an answer, or None if the operation or its content is not described."""
    operation = description.operation(method, path)
    if operation is None:
        return None
    document = description.document
    item = document["paths"][operation.template][method.lower()]
    response = _resolved(document, item["responses"].get(str(status), {}))
    content = response.get("content", {}).get("application/json")
    return content and _schema(document, content["schema"])


def schema_of_payload(description: Description, event: str, action: str | None) -> Schema | None:
    """The schema of a webhook's payload, or None if it is not described."""
    name = "-".join([event, action] if action else [event]).replace("_", "-")
    item = description.document["x-webhooks"].get(name)
    if item is None:
        return None
    content = item["post"]["requestBody"]["content"]["application/json"]
    return _schema(description.document, content["schema"])


def _schema(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Schema:
    alternatives, nullable = alternatives_of(document, schema)
    return Schema(document, alternatives, nullable)


# Taking fields away


def without(value: Any, path: Path, how: str) -> Any:
    """A copy in which a field is null or missing, in each element of the lists on its way."""
    value = copy.deepcopy(value)
    _take(value, path, how)
    return value


def _take(value: Any, path: Path, how: str) -> None:
    name, *rest = path
    if name == EACH:
        for each in value if isinstance(value, list) and rest else ():
            _take(each, tuple(rest), how)
    elif isinstance(value, dict) and name in value:
        if rest:
            _take(value[name], tuple(rest), how)
        elif how == NULL:
            value[name] = None
        else:
            del value[name]


def paths_of(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all fields of a JSON value, each once."""
    yield from dict.fromkeys(_paths_of(value, path))


def _paths_of(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield (*path, name)
            yield from _paths_of(each, (*path, name))
    elif isinstance(value, list):
        for each in value:
            yield from _paths_of(each, (*path, EACH))


def odd_ways(schema: Schema, path: Path) -> Iterator[str]:
    """The ways in which GitHub may leave a field out: null, missing, both or neither."""
    found = schema.at(path)
    if found is not None and found.nullable:
        yield NULL
    if found is not None and found.optional:
        yield MISSING


def leaving_out(path: Path, how: str) -> Callable[[Request, Callable[[], Answer]], Answer]:
    """What an interference does: GitHub's answer without that field, never a 304."""

    def does(request: Request, ask: Callable[[], Answer]) -> Answer:
        answer = ask()
        return replace(answer, body=without(answer.body, path, how), headers={})

    return does
