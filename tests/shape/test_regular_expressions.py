"""Every regular expression of the tree takes linear time, whatever a stranger makes it match."""

import pytest

from tests.support import regular_expressions
from tests.support.regular_expressions import Use, apply, grown, hostile, uses
from tests.support.times import readings, seconds_of

# The first sizes show a pattern whose time doubles with each character before it takes years.
_SIZES = (16, 20, 24, 28, 256, 2048, 8192, 65_536)
_LARGEST = 1_048_576
# How many of the slowest texts of 64 kB are tried with 1 MB, too.
_SLOWEST = 3
# A character takes up to 0.3 us here, and a loop over the text 0.03; a quadratic pattern takes
# 30 us at 64 kB.
_FACTOR = 100
_LEAST_SECONDS = 0.02

USES = uses()


def slow(use):
    """The text and the size that the pattern takes too long for, or None."""
    cases = [(method, parts) for method in sorted(use.methods) for parts in hostile(use)]
    measured = {}
    for case in cases:
        for size in _SIZES:
            measured[case] = times_taken(use, case, size)
            if measured[case] > _FACTOR:
                return case, size
    slowest = sorted(cases, key=measured.__getitem__)[-_SLOWEST:]
    too_slow = (case for case in slowest if times_taken(use, case, _LARGEST) > _FACTOR)
    return next(too_slow, None)


def times_taken(use, case, size):
    """How often a text could have been read while the pattern was applied to it."""
    method, parts = case
    text = grown(parts, size)
    seconds = seconds_of(apply, use, method, text)
    # A short time tells nothing.
    return readings(seconds, len(text)) if seconds > _LEAST_SECONDS or size >= 65_536 else 0.0


@pytest.mark.parametrize("use", dict.fromkeys(USES), ids=str)
def test_a_regular_expression_takes_linear_time(use):
    """Texts of 64 kB and 1 MB that make it backtrack take a multiple of reading them."""
    assert slow(use) is None


@pytest.mark.parametrize("pattern", [r"(?m)^\s*/bot\b", r"(a+)+$", r"\s+$"])
def test_the_sweep_finds_a_pattern_that_backtracks(pattern):
    """The sweep can fail: it finds quadratic and exponential patterns."""
    assert slow(Use("here", pattern, 0, frozenset({"search"}))) is not None


def test_the_sweep_finds_each_way_to_write_a_pattern(tmp_path, monkeypatch):
    """Compiled, inline, in keyword arguments and in loops: a new pattern is found by itself."""
    layer = tmp_path / "bot"
    layer.mkdir()
    (layer / "made.py").write_text(
        "import re\nA = re.compile('a')\nre.sub('b', '', '')\nMeta(pattern='c')\n"
        "B = tuple(re.compile(each) for each in ('d', 'e'))\nmatching('f', '')\n"
        "re.compile(f'{unknown}')\n"
    )
    monkeypatch.setattr(regular_expressions, "ROOT", tmp_path)
    monkeypatch.setattr(regular_expressions, "_namespace", lambda _path: {})
    with pytest.raises(regular_expressions.Unresolved):
        uses()
    text = (layer / "made.py").read_text().rpartition("re.compile")[0]
    (layer / "made.py").write_text(text)
    assert [use.pattern for use in uses()] == ["a", "b", "c", "f", "d", "e"]
