"""Tests of bot.options.kinds."""

import json
from dataclasses import dataclass, field

import pytest

from bot.options.kinds import (
    FLAG,
    TEXT,
    Unfit,
    changed,
    choice,
    digest,
    dotted,
    many,
    option,
    options,
    read_table,
    record,
    shown,
    stray_fields,
    table,
    template,
    whole,
)


@dataclass(frozen=True, slots=True)
class Size:
    """Part of the settings below."""

    label: str = option(TEXT, "small", "The label.")
    lines: int = option(whole(1, 10), 3, "How many lines.")


@dataclass(frozen=True)
class Everything:
    """Settings with an option of each kind."""

    enabled: bool = option(FLAG, default=False, words="The switch.")
    mode: str = option(choice("a", "b"), "a", "How.")
    names: tuple[str, ...] = option(many(TEXT), ("x",), "Which.")
    paths: dict = option(table(TEXT), {}, "Where.")
    sizes: tuple[Size, ...] = option(many(record(Size)), (Size(),), "How large.")


def test_options_tell_what_a_setting_is():
    """`options` returns name, kind, default and words of each field, in order."""
    found = options(Everything)
    assert list(found) == ["enabled", "mode", "names", "paths", "sizes"]
    assert found["mode"].kind.words == '"a" or "b"'
    assert found["names"].default == ("x",)
    assert found["enabled"].words == "The switch."


def test_a_table_is_read_into_what_the_fields_want():
    """Lists become tuples, tables become dataclasses, and missing settings stay out."""
    given = {"names": ["p", "q"], "paths": {"docs/**": "docs"}, "sizes": [{"lines": 7}]}
    assert read_table(Everything, given) == {
        "names": ("p", "q"),
        "paths": {"docs/**": "docs"},
        "sizes": (Size(lines=7),),
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "must be a table, not a list"),
        ({"mode": "c"}, 'mode must be "a" or "b", not "c"'),
        ({"mode": []}, 'mode must be "a" or "b", not a list'),
        ({"names": "x"}, 'names must be a list; each is a string, not "x"'),
        ({"names": ["x", 5]}, r"names\[1\] must be a string, not 5"),
        ({"paths": {"docs/**": {}}}, r'paths."docs/\*\*" must be a string, not a table'),
        ({"paths": 1}, "paths must be a table; each value is a string, not 1"),
        ({"sizes": [{"lines": 11}]}, r"sizes\[0\].lines must be a whole number from 1 to 10"),
        (
            {"sizes": [{"line": 1}]},
            r"sizes\[0\].line is not a setting; the settings are label, lines",
        ),
        ({"names": ["x"] * 1001}, "names must be a list"),
    ],
)
def test_an_error_names_the_path_of_the_value(value, words):
    """An error names the path of the value and what would be valid."""
    with pytest.raises(Unfit, match=words):
        read_table(Everything, value)


def test_a_default_that_is_not_of_its_kind_is_found_at_once():
    """A default of the wrong kind fails on import."""
    with pytest.raises(Unfit, match="from 1 to 10, not 11"):
        option(whole(1, 10), 11, "Too many.")


def test_stray_fields_are_found():
    """A field that is not an option is a stray field."""

    @dataclass(frozen=True)
    class Odd:
        enabled: bool = option(FLAG, default=False, words="The switch.")
        cache: dict = field(default_factory=dict)

    assert [found.name for found in stray_fields(Odd)] == ["cache"]
    assert list(options(Odd)) == ["enabled"]


def test_a_template_says_which_names_it_knows():
    """The words of a template kind list its placeholders."""
    assert template("person", "organization").words == "a string with $person and $organization"


def test_long_values_are_cut_short_in_errors():
    """Errors truncate long values to one line."""
    assert len(shown("x\n" * 1000)) < 70
    assert "\n" not in shown("x\ny")


def test_a_path_is_written_as_in_toml():
    """`dotted` quotes keys that are not bare."""
    assert dotted(("label", "paths", "docs/**", 0)) == 'label.paths."docs/**"[0]'


def test_changed_returns_non_default_values():
    """`changed` returns only non-default values, as plain JSON."""
    given = {"mode": "b", "paths": {"docs/**": "docs"}, "sizes": [{"label": "big", "lines": 7}]}
    told = changed(Everything(**read_table(Everything, given)))
    assert changed(Everything()) == {}
    assert json.loads(json.dumps(told)) == given


def test_a_long_value_is_recorded_in_part():
    """`changed` truncates long values, and `digest` still tells them apart."""
    one, two = Size(label="x" * 1000 + "1"), Size(label="x" * 1000 + "2")
    assert changed(one) == changed(two) == {"label": "x" * 500 + "…"}
    assert digest(one) != digest(two)


def test_the_digest_is_that_of_the_values():
    """Equal settings have equal digests, defaults included; others differ."""
    assert digest(Size()) == digest(Size(label="small"))
    assert len({digest(Size()), digest(Size(lines=4)), digest(Everything())}) == 3
