"""bench.report and bench.goals: from figures to docs/performance.md."""

import re

import pytest

from bench import report
from bench.circumstances import circumstances
from bench.goals import Goal, rows
from bench.measure import Table
from bench.measures import all_measures
from bench.spread import percentile, ratio

PAGE = """# Page

Words before.

<!-- measured: goals -->
<!-- end: goals -->

<!-- measured: speed -->
an older table
<!-- figures: {"speed.old": 9} -->
<!-- end: speed -->

<!-- measured: size -->
<!-- figures: {"size.b": 2.0} -->
<!-- end: size -->

Words after.
"""
TABLE = Table(head=("a", "b"), rows=[("1|2", "3")], notes=("a note",), figures={"speed.a": 0.5})


def updated():
    return report.update(PAGE, {"speed": (TABLE, "here, now")})


def test_a_table_takes_the_place_of_the_older_one():
    """The old table and figures are replaced; the rest of the page stays."""
    page = updated()
    assert "| 1\\|2 | 3 |\n\n- a note\n\n*here, now*" in page
    assert "an older table" not in page
    assert page.startswith("# Page\n\nWords before.\n")
    assert page.endswith("Words after.\n")
    assert report.figures_of(page) == {"speed.a": 0.5, "size.b": 2.0}


def test_an_update_may_be_repeated():
    """The same figures change nothing."""
    assert report.update(updated(), {"speed": (TABLE, "here, now")}) == updated()


def test_a_table_is_printed_with_its_figures():
    """The printed table shows what the page would get."""
    assert report.shown(TABLE).endswith("| 1\\|2 | 3 |\n- a note\nspeed.a = 0.5")


def test_a_measure_without_a_place_is_refused():
    """The message names the two missing lines."""
    with pytest.raises(report.PageError, match="measured: weight -->"):
        report.update(PAGE, {"weight": (TABLE, "")})


def test_goals_are_held_against_the_figures():
    """Goals are met, not met or not measured, for both kinds of bounds."""
    goals = [
        Goal("x", "a", 1.0, at_least=True),
        Goal("y", "a", 1.0),
        Goal("z", "b", 1.5),
    ]
    assert rows({"a": 0.75}, goals) == [
        ("x", "at least 1", "0.75", "**not met**"),
        ("y", "at most 1", "0.75", "met"),
        ("z", "at most 1.50", "not measured", ""),
    ]


def test_each_measure_has_its_place_in_the_page():
    """docs/performance.md has a place for every measure."""
    table = Table(head=("a",), rows=[])
    report.update(report.PAGE.read_text(), dict.fromkeys(all_measures(), (table, "")))


def test_a_measure_is_called_as_its_file():
    """A measure's name is its file's name."""
    for name, measure in all_measures().items():
        assert type(measure).__name__ == "Measure"
        assert measure.name == name
        assert measure.question.endswith("?")


def test_a_ratio_is_the_median_of_the_rounds():
    """A slow round changes nothing, and the interval contains the median."""
    found = ratio([2, 4, 60, 8], [1, 2, 30, 4])
    assert (found.low, found.middle, found.high) == (2, 2, 2)
    spread = ratio([1, 2, 3, 4, 5], [1, 1, 1, 1, 1])
    assert spread.low < spread.middle == 3 < spread.high
    assert str(ratio([1], [2])) == "0.50 (0.50 to 0.50)"


def test_a_ratio_wants_rounds():
    """Empty and unequal sequences are refused."""
    for sides in (([], []), ([1], [1, 2])):
        with pytest.raises(ValueError, match=r"rounds|argument"):
            ratio(*sides)


def test_a_percentile_is_one_of_the_values():
    """The percentile is a nearest rank, within the values."""
    values = list(range(1, 101))
    assert [percentile(values, percent) for percent in (0, 50, 99, 100)] == [1, 50, 99, 100]
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_a_table_says_on_what_it_was_measured():
    """The line names command, day, commit, machine, versions and disk."""
    line = circumstances("python -m bench x")
    parts = r"`python -m bench x`, 20\d\d-.*commit \w+.*cores.*CPython.*SQLite.*sync takes \d"
    assert re.match(parts, line)
