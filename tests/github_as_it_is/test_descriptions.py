"""Answers and payloads against GitHub's descriptions: what the bot reads exists, and may be absent.

The program watches which fields the bot reads in all stories. GitHub's OpenAPI descriptions (of
github.com, of Enterprise Cloud and of each Enterprise Server) and its GraphQL schema say which of
them exist, and which may be null or missing.
"""

import json
import logging

import pytest

from tests.support import octokit
from tests.support.openapi import Description, description
from tests.sweep import left_out, payloads
from tests.sweep.fields import MISSING, NULL, Schema, alternatives_of, odd_ways, without

pytestmark = pytest.mark.xdist_group("sweep")

# What GitHub may leave out by its description, and never does with the App's requests.
ARGUED = {
    "[].body": "only the media types for text and HTML leave it out, and the bot asks for neither; "
    "without it, a comment of its own would look missing, and the bot would say it twice",
}


@pytest.fixture(autouse=True)
def _quiet():
    """A sweep is all warnings."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def editions():
    """GitHub's descriptions by name: that of github.com, and the other editions that may be."""
    folder = octokit.package("openapi") / "generated"
    paths = [each for each in folder.glob("*.json") if ".deref" not in each.name]
    return {path.stem: path for path in sorted(paths)}


def undescribed(edition: Description) -> list[str]:
    """The fields that the bot reads from answers, and the description does not have."""
    return [
        str(read)
        for read in left_out.reads()
        if (schema := read.schema(edition)) is None or schema.at(read.path) is None
    ]


def test_every_field_that_the_bot_reads_is_in_githubs_description():
    """No rule, action or task reads a field that github.com does not send."""
    assert len(left_out.reads()) > 100
    assert undescribed(description()) == []


def test_the_other_editions_have_these_fields_too():
    """Enterprise Cloud and each Enterprise Server that GitHub describes send them as well."""
    others = {name: path for name, path in editions().items() if name != "api.github.com"}
    assert "ghec" in others
    for name, path in others.items():
        assert (name, undescribed(Description(json.loads(path.read_text())))) == (name, [])


def test_an_answer_may_lack_what_githubs_description_lets_it_lack():
    """A field that is null or missing, as it may be, ends nothing, and leads to no other act."""
    cells = list(left_out.cells())
    assert len(cells) > 20
    wrongs = [
        f"{read} {how}: {verdict}"
        for read, how in cells
        if ".".join(read.path) not in ARGUED and (verdict := left_out.verdict(read, how)).wrong
    ]
    assert wrongs == []


def test_each_argued_field_is_read_and_may_be_absent():
    """An argument goes when the field goes."""
    assert {".".join(read.path) for read, _ in left_out.cells()} >= ARGUED.keys()


def test_each_event_that_a_rule_hears_has_an_example():
    """A rule that hears a new event needs it in a story, or among GitHub's examples."""
    examples = {
        (each.event, each.action or "") for each in (*payloads.of_stories(), *payloads.of_github())
    }
    assert payloads.heard_events() - examples == set()


def test_a_payload_may_lack_what_githubs_description_lets_it_lack():
    """No field that is null or missing, as it may be, stops the webhook or the view of an event."""
    tried = 0
    for heard in (*payloads.of_github(), *payloads.of_stories()):
        if payloads.is_heard(heard.event, heard.action):
            for path, how in payloads.left_out(heard):
                payloads.seen(heard.event, without(heard.payload, path, how))
                tried += 1
    assert tried > 1000


def test_a_rule_does_nothing_else_for_a_payload_that_lacks_a_field():
    """Where the absence shows, no rule crashes, and none does what it would not have done."""
    cells = list(payloads.cells())
    assert len(cells) > 20
    wrongs = [
        f"{heard.name} {'.'.join(path)} {how}: {verdict}"
        for heard, path, how in cells
        if (verdict := payloads.verdict(heard, path, how)).wrong
    ]
    assert wrongs == []


def test_the_description_is_read_as_openapi_means_it():
    """Alternatives, references and parts together say whether a field may be null or missing."""
    document = {
        "user": {"properties": {"login": {"type": "string"}}, "required": ["login"]},
        "thing": {
            "properties": {
                "user": {"anyOf": [{"$ref": "#/user"}, {"nullable": True, "type": "string"}]},
                "name": {"type": ["string", "null"]},
                "tags": {"type": "array", "items": {"$ref": "#/user"}},
            },
            "required": ["user", "tags"],
        },
        "part": {"allOf": [{"$ref": "#/thing"}], "properties": {"size": {}}},
    }
    alternatives, nullable = alternatives_of(document, {"$ref": "#/part"})
    schema = Schema(document, alternatives)
    assert not nullable
    assert list(odd_ways(schema, ("user",))) == [NULL]
    assert list(odd_ways(schema, ("name",))) == [NULL, MISSING]
    assert list(odd_ways(schema, ("tags", "[]", "login"))) == []
    assert list(odd_ways(schema, ("size",))) == [MISSING]
    assert schema.at(("user", "name")) is None
