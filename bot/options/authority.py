"""Authority: which file may set an option, and which of two values is tighter.

The operator's config.toml is wider than the organisation's file, which is wider than a repository's
file. What a wider file sets, a narrower one may only tighten (docs/decisions/0156).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum
from math import inf
from typing import Any


@dataclass(frozen=True, slots=True)
class Order:
    """Which of two values of an option is tighter; `words` describe the tighter ones."""

    words: str
    is_tighter: Callable[[Any, Any], bool]

    def __call__(self, wider: Any, narrower: Any) -> bool:
        """Whether the second value allows nothing that the first one forbids."""
        return bool(wider == narrower or self.is_tighter(wider, narrower))


class Scope(IntEnum):
    """Where a settings file applies, widest first."""

    OPERATOR = 0
    ORGANIZATION = 1
    REPOSITORY = 2


@dataclass(frozen=True, slots=True)
class Authority:
    """Who may set an option.

    `narrowest` is the narrowest file that may set it. `tightens` compares what a wider file sets
    with what a narrower one sets; without it, the narrower file overrides the wider one. `words`
    describe the authority in docs/settings.md.
    """

    words: str
    narrowest: Scope
    tightens: Order | None

    def may_set(self, scope: Scope) -> bool:
        """Whether a file of this scope may set the option at all."""
        return scope <= self.narrowest

    def may_replace(self, wider: Any, narrower: Any) -> bool:
        """Whether a narrower file may replace the value that a wider one sets."""
        return self.tightens is None or self.tightens(wider, narrower)


# The order of values that cannot be compared, such as texts: none replaces another.
_NONE = Order("", lambda _wider, _narrower: False)


def organization(order: Order = _NONE) -> Authority:
    """The organisation's alone: a repository's file may not set it.

    The organisation may tighten what the operator sets. Without an `order` it cannot change it.
    """
    return Authority("the organisation", Scope.ORGANIZATION, order)


def tightening(order: Order) -> Authority:
    """Any file may set it, but may only tighten what a wider file sets."""
    return Authority(f"a repository, tighter: {order.words}", Scope.REPOSITORY, order)


# Each file may set it as it likes: it concerns that repository alone.
FREE = Authority("a repository", Scope.REPOSITORY, None)
# Of an option that declares nothing, for example in a custom rule: the safe choice.
UNDECLARED = organization()

only_off = Order("`false`", lambda _wider, narrower: not narrower)
only_fewer = Order("smaller", lambda wider, narrower: narrower < wider)
only_more = Order("larger", lambda wider, narrower: narrower > wider)
# Where 0 means that there is no limit.
only_fewer_or_unlimited = Order("smaller", lambda wider, narrower: 0 < narrower < (wider or inf))
# Lists of what is allowed, and of what is forbidden.
only_subset = Order("a shorter list", lambda wider, narrower: set(narrower) < set(wider))
only_superset = Order("a longer list", lambda wider, narrower: set(narrower) > set(wider))


def only_to(tighter: Mapping[str, Collection[str]]) -> Order:
    """The order of a choice: for each value, those that are tighter."""
    values = dict.fromkeys(f'"{value}"' for found in tighter.values() for value in found)
    return Order(" or ".join(values), lambda wider, narrower: narrower in tighter.get(wider, ()))
