"""Tests of bot.options.globs."""

import pytest

from bot.options.globs import covering, fits


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
    assert not fits("a" * 5000, [unhappy])
    assert not covers(["**/" * 50 + "b"], "a/" * 500 + "c")
