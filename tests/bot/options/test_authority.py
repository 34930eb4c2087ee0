"""Tests of bot.options.authority: each option declares who may set it, and orders are orders."""

from itertools import product

import pytest

from bot.options.authority import (
    FREE,
    UNDECLARED,
    Scope,
    only_fewer,
    only_fewer_or_unlimited,
    only_more,
    only_off,
    only_subset,
    only_superset,
    only_to,
    organization,
    tightening,
)
from bot.options.kinds import Unfit, options
from bot.rules import RULES
from tests.support.own_rule import OPTIONS as EXAMPLE

OPTIONS = [(rule.name, each) for rule in RULES for each in options(rule.settings).values()]
# Values of all kinds; each option is tried with those that it takes.
POOL = [
    *(True, False, 0, 1, 2, 3, 5, 50, 100),
    *("automatic", "approval", "by hand", "write", "author", "member", "maintainer"),
    *("none", "issue", "comment", "", "people", "Hi $person"),
    *([], ["a"], ["a", "b"], ["label"], ["label", "claim"], {}, {"bug": ["x"]}, {"bug": 3}),
]


def values(option):
    """The values of the pool that an option takes, as a file would set them."""
    found = []
    for value in POOL:
        try:
            found.append(option.kind.read(value))
        except Unfit:
            continue
    return found


@pytest.mark.parametrize(("rule", "option"), OPTIONS, ids=lambda each: getattr(each, "name", each))
def test_each_option_of_each_rule_declares_its_authority(rule, option):
    """No built-in option is left to the default for custom rules."""
    assert option.authority is not UNDECLARED
    assert len(values(option)) > 1


@pytest.mark.parametrize(("rule", "option"), OPTIONS, ids=lambda each: getattr(each, "name", each))
def test_each_order_is_a_partial_order(rule, option):
    """A value replaces itself; two values do not loosen each other; steps add up."""
    order = option.authority.tightens
    if order is None:
        assert option.authority is FREE
        return
    found = values(option)
    assert all(order(value, value) for value in found)
    for one, two, three in product(found, repeat=3):
        if order(one, two) and order(two, one):
            assert one == two
        if order(one, two) and order(two, three):
            assert order(one, three)


def test_what_the_organisation_decides_is_not_a_repositorys():
    """Of `invite`, a repository may only switch things off, ask for more, or count aloud."""
    found = options(next(rule.settings for rule in RULES if rule.name == "invite"))
    own = [name for name, each in found.items() if each.authority.may_set(Scope.REPOSITORY)]
    assert own == ["enabled", "mode", "merged_pull_requests", "countdown", "countdown_message"]
    free = [name for name, each in found.items() if each.authority is FREE]
    assert free == ["countdown_message"]


def test_the_default_is_the_loosest_value_of_what_a_repository_may_tighten_of_invite():
    """So a repository loosens nothing, even where no wider file sets anything."""
    for option in options(next(each.settings for each in RULES if each.name == "invite")).values():
        authority = option.authority
        if (
            option.name != "countdown"
            and authority.tightens
            and authority.may_set(Scope.REPOSITORY)
        ):
            assert all(authority.tightens(option.default, value) for value in values(option))


@pytest.mark.parametrize(
    ("order", "wider", "tighter", "looser"),
    [
        (only_off, True, False, None),
        (only_off, False, False, True),
        (only_fewer, 3, 2, 4),
        (only_more, 3, 4, 2),
        (only_fewer_or_unlimited, 3, 2, 0),
        (only_fewer_or_unlimited, 3, 3, 4),
        (only_fewer_or_unlimited, 0, 3, None),
        (only_subset, ("a", "b"), ("b",), ("a", "c")),
        (only_superset, ("a",), ("b", "a"), ("b",)),
        (only_to({"a": ("b",)}), "a", "b", "c"),
        (only_to({"a": ("b",)}), "b", "b", "a"),
    ],
)
def test_each_order_knows_what_is_tighter(order, wider, tighter, looser):
    """A tighter value replaces a wider one, a looser one does not."""
    assert order(wider, tighter)
    assert looser is None or not order(wider, looser)


def test_an_option_of_the_organisation_without_an_order_cannot_be_changed():
    """What the operator sets is settled."""
    assert organization().may_replace("a", "a")
    assert not organization().may_replace("a", "b")


def test_the_options_in_the_documentation_are_what_the_page_says():
    """The example of docs/howto/write-a-rule.md."""
    names = {}
    exec(EXAMPLE, names)
    found = [names[each].metadata["option"][-1] for each in ("enabled", "most", "text")]
    assert [each.tightens for each in found] == [only_off, only_fewer, None]


def test_scopes_that_may_set_an_option():
    """Only what is the organisation's is closed to a repository."""
    assert [organization().may_set(scope) for scope in Scope] == [True, True, False]
    assert all(tightening(only_off).may_set(scope) and FREE.may_set(scope) for scope in Scope)
