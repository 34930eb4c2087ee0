"""Tests of bot.options.globs."""

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.options.globs import GLOBS, NAMED_GLOBS, covering, fits
from bot.options.kinds import Unfit


def covers(patterns, path):
    return covering({"label": patterns}, [path]) == {"label"}


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("docs/", "docs/a/b.md", "src/a.md"),
        ("docs/", "a/docs/b.md", "mydocs/b.md"),
        ("/docs/", "docs/a.md", "a/docs/b.md"),
        ("*.md", "a/b/c.md", "c.md.txt"),
        ("docs/*.md", "docs/a.md", "docs/a/b.md"),
        ("docs/**", "docs/a/b.md", "docsx/a"),
        ("**/tests/*.py", "a/b/tests/x.py", "tests/a/x.py"),
        ("a/**/b", "a/b", "a/bc"),
        ("a/**/b", "a/x/y/b", "x/a/b"),
        ("?.txt", "docs/a.txt", "ab.txt"),
        ("[ab].txt", "a.txt", "c.txt"),
        ("Makefile", "sub/Makefile", "makefile"),
    ],
)
def test_a_pattern_is_about_some_paths_and_not_about_others(pattern, inside, outside):
    """Path patterns match as in .gitignore, and are case-sensitive."""
    assert covers([pattern], inside)
    assert not covers([pattern], outside)


def test_one_of_several_patterns_is_enough():
    """One matching pattern is enough, and an empty list matches nothing."""
    assert covers(["x", "*.md"], "a.md")
    assert not covers([], "a.md")


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("Fix the build", "fix*", True),
        ("A fix", "fix*", False),
        ("os: macOS", "OS: *", True),
        ("bug", "bug", True),
        ("bugs", "bug", False),
        ("[WIP] It", "[[]wip]*", True),
    ],
)
def test_a_text_fits_as_a_whole_whatever_its_case(text, pattern, expected):
    """A pattern must match the whole text, ignores case, and `*` matches any text."""
    assert fits(text, [pattern]) is expected


def test_no_pattern_goes_astray():
    """Patterns that make a backtracking matcher hang are matched at once."""
    unhappy = "*a" * 40 + "b"
    assert not fits("a" * 1000, [unhappy])
    assert not covers(["**/" * 21_750 + "b"], "a/" * 500 + "c")
    assert covers(["**/" * 21_750 + "b"], "a/" * 500 + "b")


@given(st.text("ab[]!?*", max_size=8), st.text("ab]", max_size=6))
def test_a_pattern_matches_a_text_as_fnmatch_does(pattern, text):
    """The automaton and the standard library read patterns alike."""
    assert fits(text, [pattern]) is fnmatchcase(text, pattern)


@given(
    st.lists(st.sampled_from(["**", "a", "*", "?b", "a*", "[!a]"]), min_size=2, max_size=5),
    st.lists(st.sampled_from(["a", "b", "ab", "bb"]), min_size=1, max_size=5),
)
def test_a_pattern_of_folders_matches_as_its_parts_do(steps, parts):
    """A step matches one part, and `**` any number of them."""

    def follow(steps, parts):
        if not steps:
            return not parts
        if steps[0] == "**":
            return any(follow(steps[1:], parts[at:]) for at in range(len(parts) + 1))
        return bool(parts) and fnmatchcase(parts[0], steps[0]) and follow(steps[1:], parts[1:])

    assert covers(["/".join(steps)], "/".join(parts)) is follow(steps, parts)


def test_several_names_are_told_apart():
    """One pass over the paths finds all names."""
    named = {"docs": ["docs/", "*.md"], "code": ["**/*.py"], "none": ["x"]}
    assert covering(named, ["a/b.py", "README.md"]) == {"docs", "code"}


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (GLOBS, ["a" * 201], "at most 200 characters, not 201"),
        (GLOBS, ["*" * 21], "at most 20 of the wildcards * ? [, not 21"),
        (GLOBS, ["a" * 200] * 51, "together may have at most 10,000 characters, not 10,200"),
        (NAMED_GLOBS, {"x": ["**/" * 21_750]}, "at most 200 characters, not 65,250"),
        (NAMED_GLOBS, {f"{n}": ["a" * 200] for n in range(51)}, "at most 10,000 characters"),
    ],
)
def test_patterns_have_limits(kind, value, words):
    """A setting beyond a limit is an error that names it."""
    with pytest.raises(Unfit, match=re.escape(words)):
        kind.read(value)


def test_a_text_that_is_too_long_fits_nothing():
    """No title, label or login has a thousand characters."""
    assert fits("a" * 1000, ["*"])
    assert not fits("a" * 1001, ["*"])
