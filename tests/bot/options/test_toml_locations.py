"""Tests of bot.options.toml_locations."""

import tomllib

import pytest
import tomlkit
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from bot.options.toml_locations import DEEPEST, locations

DOCUMENT = '''\
# A comment with [brackets] and = signs.
[invite]
merged_pull_requests = 2  # [not.a.table]
message = """
[no header] here = "either"
"""
"quoted.key" = 'a # b'

[label.paths]
"docs/**" = ["documentation", "easy"]
[[sizes]]
lines = 1
[[sizes]]
lines = {least = 2, most = [3,
  4]}
[sizes.more]
a.b = true
'''


def test_each_key_has_its_line_and_column():
    """Keys, headers, list items and tables in lists have locations."""
    found = locations(DOCUMENT)
    assert found["invite",] == (2, 1)
    assert found["invite", "merged_pull_requests"] == (3, 1)
    assert found["invite", "quoted.key"] == (7, 1)
    assert found["label", "paths", "docs/**", 1] == (10, 31)
    assert found["sizes", 1] == (13, 1)
    assert found["sizes", 1, "lines", "most", 1] == (15, 3)
    assert found["sizes", 1, "more", "a", "b"] == (17, 3)
    assert found.keys() == paths(tomllib.loads(DOCUMENT))


def paths(value, before=()):
    """The paths of everything in a parsed document."""
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = list(enumerate(value))
    else:
        return set()
    inner = [paths(item, (*before, key)) for key, item in items]
    return {(*before, key) for key, _ in items}.union(*inner)


KEYS = some.text(some.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=5)
SCALARS = some.booleans() | some.integers(-9, 9) | some.text(max_size=8) | some.dates()
VALUES = some.recursive(
    SCALARS,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(some.dictionaries(KEYS, VALUES, max_size=4))
@example({"": {"": [""]}, "a": [{"b": [{}]}, {}], "c": '"""', "d": "'''"})
def test_every_key_that_is_written_is_found(document):
    """For any document that tomlkit writes, the paths equal tomllib's."""
    text = tomlkit.dumps(document)
    assert set(locations(text)) == paths(tomllib.loads(text))


@pytest.mark.parametrize("text", ["= 1", "a", "a = ", "[", "a = {b", 'a = """', "\x00", "a = [1"])
def test_text_that_is_no_document_is_no_error(text):
    """Invalid text raises nothing."""
    locations(text)


def test_lines_may_end_as_on_windows():
    """A carriage return belongs to the line end."""
    assert locations("a = 1\r\nb = 2\r\n") == {("a",): (1, 1), ("b",): (2, 1)}


def test_deep_paths_have_no_location():
    """Parts of keys, headers, lists and inline tables count, and deeper ones locate nothing."""
    deep = ".".join("abcdefghi")
    for text in (f"{deep} = 1", f"[{deep}]\nj = 1", f"[[{deep}]]", "a.b.c = [[{d.e.f.g = 1}]]"):
        found = locations(text)
        assert found.keys() == {path for path in paths(tomllib.loads(text)) if len(path) <= DEEPEST}
        assert max(map(len, found)) == DEEPEST
