"""Account of a run of `make mutants`: what it fails on."""

from collections import Counter

from tests.mutants.argued import Mutation
from tests.mutants.results import Account, Results

SURVIVOR = Mutation("bot/a.py", "f", ("return 1",), ("return 2",))
OTHER = Mutation("bot/a.py", "f", ("return 1",), ("return 3",))
ELSEWHERE = Mutation("bot/b.py", "f", ("return 1",), ("return 2",))


def account(*survivors, argued=(), **statuses):
    found = Counter({name.replace("_", " "): count for name, count in statuses.items()})
    results = Results(found, frozenset({"bot/a.py"}), survivors)
    return Account("bot", results, dict.fromkeys(argued, "A reason."))


def test_killed_and_argued_mutants_are_settled():
    """A timeout and a crash count as killed: the tests noticed."""
    one = account(SURVIVOR, argued=[SURVIVOR], killed=3, timeout=1, segfault=1, survived=1)
    assert one.settled
    assert list(one.lines()) == [
        "bot: 6 mutants, 5 killed, 1 survived, 1 of them argued, 0 not run"
    ]


def test_a_survivor_without_an_argument_fails():
    """The report holds its entry, and says how many there are."""
    one = account(SURVIVOR, OTHER, argued=[SURVIVOR], survived=1, no_tests=1)
    assert not one.settled
    assert one.open == [OTHER]
    assert str(OTHER) in list(one.lines())
    assert "1 survive without an argument" in "\n".join(one.lines())


def test_a_mutant_that_was_not_tried_fails():
    """An interrupted run has proved nothing of the rest."""
    one = account(killed=1, not_checked=2)
    assert not one.settled
    assert "2 not run" in "\n".join(one.lines())


def test_a_run_without_mutants_fails():
    """As when all of a file is excluded by mistake: nothing was proved."""
    assert not account().settled


def test_an_argument_for_a_killed_mutant_fails():
    """What a test notices makes a difference. Other files, and mutants not tried, say nothing."""
    assert account(argued=[SURVIVOR], killed=1).needless == [SURVIVOR]
    assert not account(argued=[SURVIVOR], killed=1).settled
    assert account(argued=[ELSEWHERE], killed=1).settled
    assert account(argued=[SURVIVOR], killed=1, not_checked=1).needless == []
