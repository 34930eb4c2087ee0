"""Fields left out: each field that the bot reads, and GitHub may leave out, null or missing once.

The fields are found by watching which ones the bot reads, in all stories; what GitHub may leave out
is in its descriptions of REST and of GraphQL.
"""

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from luggage.fake_github.messages import Answer
from tests.support import octokit
from tests.support.openapi import Description, description
from tests.sweep.answers import Reply
from tests.sweep.fields import (
    Path,
    Schema,
    alternatives_of,
    leaving_out,
    odd_ways,
    schema_of_answer,
    watched,
)
from tests.sweep.judge import ENDS, Verdict, judge, life_of
from tests.sweep.play import at, usual
from tests.sweep.stage import Asked, Place, staged
from tests.sweep.stories import STORIES, tell


@dataclass(frozen=True)
class Read:
    """A field that the bot reads, and the first answer in which it did, of which story."""

    place: Place
    path: Path
    story: str
    asked: Asked
    answer: Answer

    def __str__(self) -> str:
        """Return the place and the path."""
        return f"{self.place} ({self.place.maker}): {'.'.join(self.path)}"

    def schema(self, of: Description) -> Schema | None:
        """What a description says of the answer; None if it does not describe it."""
        method, address, _ = self.asked.exact
        path = address.partition("?")[0]
        if path == "/graphql":
            return graphql_schema()
        # Not Modified stands for the cached answer.
        status = 200 if self.answer.status == 304 else self.answer.status
        schema = schema_of_answer(of, method, path, status)
        return schema and schema.like(self.answer.body)


@functools.cache
def reads() -> tuple[Read, ...]:
    """All fields that the bot reads from answers, each once for each place."""
    found: dict[tuple[Place, Path], Read] = {}
    for story in STORIES:
        with staged() as stage:

            def note(index: int, path: Path, story: str = story) -> None:
                asked, answer = stage.answers[index]
                read = Read(asked.place, path, story, asked, answer)
                found.setdefault((asked.place, path), read)

            with watched(stage, note):
                tell(story, stage)
    return tuple(found.values())


def cells() -> Iterator[tuple[Read, str]]:
    """Each field that GitHub may leave out, and how."""
    for read in reads():
        schema = read.schema(description())
        if schema is not None:
            yield from ((read, how) for how in odd_ways(schema, read.path))


def verdict(read: Read, how: str) -> Verdict:
    """What comes of an answer without that field; the bot must do without it, not end."""
    reply = Reply(how, leaving_out(read.path, how), passes=False)
    with staged(at(read.asked, reply)) as stage:
        tell(read.story, stage)
        odd = life_of(stage)
    found = judge(usual(read.story), odd, read.asked, reply)
    wrongs = [each for each in found.wrong.split("; ") if each and each != "lost without a word"]
    if found.outcome == ENDS:
        wrongs.append("ends, although the field may be left out")
    return Verdict(found.outcome, "; ".join(wrongs))


@functools.cache
def graphql_schema() -> Schema:
    """GitHub's GraphQL schema, as the schema of the answer to a query; skips without npm."""
    text = (octokit.package("graphql-schema") / "schema.json").read_text()
    types = json.loads(text)["__schema"]["types"]
    document = {"types": {one["name"]: _object(one) for one in types}}
    query = {"properties": {"data": {"$ref": "#/types/Query", "nullable": True}, "errors": {}}}
    alternatives, _ = alternatives_of(document, {**query, "required": ["data"]})
    return Schema(document, alternatives)


def _object(one: Mapping[str, object]) -> dict[str, object]:
    fields: list[Mapping[str, object]] = one.get("fields") or []  # type: ignore[assignment]
    names = {str(field["name"]): _typed(field["type"]) for field in fields}
    return {"properties": {"__typename": {}, **names}, "required": [*names, "__typename"]}


def _typed(kind: object) -> dict[str, object]:
    """A type of GraphQL as JSON Schema: what is not NON_NULL may be null."""
    assert isinstance(kind, Mapping)
    if kind["kind"] == "NON_NULL":
        return {**_typed(kind["ofType"]), "nullable": False}
    if kind["kind"] == "LIST":
        return {"items": _typed(kind["ofType"]), "nullable": True}
    return {"allOf": [{"$ref": f"#/types/{kind['name']}"}], "nullable": True}
