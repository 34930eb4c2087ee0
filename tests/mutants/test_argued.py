"""docs/mutants.md, and how `make mutants` reads it."""

import pytest

from tests.mutants.argued import PAGE, Mutation, UnreadableError, argued, mutation, outdated
from tests.mutants.parts import TESTS, part
from tests.support.locks import ROOT, tracked

SWAPPED = Mutation("bot/a.py", "A.f", ("return 1",), ("return 2",))
DROPPED = Mutation("bot/a.py", "A.f", ("x = 1",), ("x = None",))


def page(*, heading="`bot/a.py`: `A.f`", diff="-return 1\n+return 2", reason="Nobody reads it."):
    return f"# Title\n\nText.\n\n### {heading}\n\n```diff\n{diff}\n```\n\n{reason}\n"


def test_an_entry_is_a_file_a_function_a_diff_and_a_reason():
    """The page is read as it was written, and other text on it is skipped."""
    assert argued(page()) == {SWAPPED: "Nobody reads it."}


def test_the_entry_that_a_run_prints_is_read_back():
    """Whoever adds it to the page adds a reason, and no more."""
    assert argued(f"{SWAPPED}\nNobody reads it.\n") == {SWAPPED: "Nobody reads it."}


def test_mutations_may_share_a_reason():
    """A diff with a blank line in it holds two mutations; a second diff has its own reason."""
    both = page(diff="-return 1\n+return 2\n\n-x = 1\n+x = None")
    assert argued(both) == dict.fromkeys([SWAPPED, DROPPED], "Nobody reads it.")
    apart = page() + "\n```diff\n-x = 1\n+x = None\n```\n\nIt is 1 again below.\n"
    assert argued(apart) == {SWAPPED: "Nobody reads it.", DROPPED: "It is 1 again below."}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (page(reason=""), "no reason"),
        (page(diff=" return 1"), "changes nothing"),
        (page() + page(), "argued twice"),
        (page(heading="bot/a.py"), "a file, a function and a diff"),
        ("### `bot/a.py`: `A.f`\n\nA reason.\n", "a file, a function and a diff"),
    ],
)
def test_an_entry_that_cannot_be_read_is_refused(text, complaint):
    """A misspelt entry argues nothing in silence."""
    with pytest.raises(UnreadableError, match=complaint):
        argued(text)


def test_a_mutation_is_known_by_its_lines_alone():
    """The number that the tool gives to a mutant changes with the function; its lines do not."""
    diff = [
        "--- a.py",
        "+++ a.py",
        "@@ -1,2 +1,2 @@",
        " def f():",
        "-    return 1",
        "+    return 2",
    ]
    assert mutation("bot/a.py", "A.f", diff) == SWAPPED
    assert mutation("bot/a.py", "A.g", diff) != SWAPPED


def test_a_mutation_is_outdated_when_its_line_is_gone(tmp_path):
    """The line must stand in that very function."""
    (tmp_path / "bot").mkdir()
    source = tmp_path / SWAPPED.file
    assert outdated([SWAPPED], tmp_path) == [SWAPPED]
    source.write_text("class A:\n    def f(self):\n        return 1\n")
    assert outdated([SWAPPED], tmp_path) == []
    source.write_text("class A:\n    def g(self):\n        return 1\n")
    assert outdated([SWAPPED], tmp_path) == [SWAPPED]


def test_each_argued_mutation_is_of_a_line_that_stands():
    """Whoever changes a function looks again at what docs/mutants.md says of it."""
    assert outdated(argued(PAGE.read_text())) == []


@pytest.mark.parametrize("name", [*TESTS, "luggage/jobs/queue.py", "bot/loop/periodic/recover.py"])
def test_a_part_has_sources_and_tests(name):
    """A package or one of its files: there is something to change, and something to notice it."""
    found = part(name)
    assert [path for each in found.sources for path in tracked(each)]
    assert len(found.tests) >= len(TESTS[next(each for each in TESTS if name.startswith(each))])
    assert all((ROOT / path).exists() for path in found.tests)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bot/rules", "the parts are bot/actions, "),
        ("bot/action", "the parts are bot/actions, "),
        ("", "the parts are bot/actions, "),
        ("bot/actions/sing.py", "there is no such file"),
    ],
)
def test_an_unknown_part_is_refused(name, words):
    """The message says what there is."""
    with pytest.raises(LookupError, match=words):
        part(name)
