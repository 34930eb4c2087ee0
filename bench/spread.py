"""Statistics: medians, percentiles, and confidence intervals of ratios."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

# A fixed seed makes the interval reproducible.
_SEED = 7
_RESAMPLES = 2000


@dataclass(frozen=True)
class Ratio:
    """A median of paired ratios, with its 90 % bootstrap interval."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Compare `ours` with `theirs`, slice by slice; both come from the same rounds.

    Pairing works because a slow round affects both. The interval is a percentile bootstrap over
    rounds (Efron, 1979). Raises ValueError for empty or unequal lengths.
    """
    pairs = [a / b for a, b in zip(ours, theirs, strict=True)]
    if not pairs:
        raise ValueError("no rounds to compare")
    chance = random.Random(_SEED)
    medians = sorted(median(chance.choices(pairs, k=len(pairs))) for _ in range(_RESAMPLES))
    return Ratio(median(pairs), percentile(medians, 5), percentile(medians, 95))


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile; raises ValueError without values."""
    if not values:
        raise ValueError("no values")
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]
