"""Medians, percentiles, and how far a ratio can be trusted."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

# A fixed seed: the interval is to depend on what was measured alone.
_SEED = 7
_RESAMPLES = 2000


@dataclass(frozen=True)
class Ratio:
    """The median of paired ratios, with the bounds of its 90 % bootstrap interval."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """How `ours` compares with `theirs`, slice by slice: both were measured in the same rounds.

    Pairs are what interleaving is for: what slows a round down slows both. The interval is the
    percentile bootstrap's, over rounds (Efron, 1979). Raises ValueError without two equal lengths.
    """
    pairs = [a / b for a, b in zip(ours, theirs, strict=True)]
    if not pairs:
        raise ValueError("no rounds to compare")
    chance = random.Random(_SEED)
    medians = sorted(median(chance.choices(pairs, k=len(pairs))) for _ in range(_RESAMPLES))
    return Ratio(median(pairs), percentile(medians, 5), percentile(medians, 95))


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of the values do not exceed (nearest rank).

    Raises ValueError where there are no values.
    """
    if not values:
        raise ValueError("no values")
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]
