"""Delays between attempts: exponential backoff with full jitter. Pure.

Full jitter keeps jobs that failed together from coming back together (Marc Brooker, "Exponential
Backoff And Jitter", AWS Architecture Blog, 2015).
"""

from collections.abc import Callable

BASE_SECONDS = 2.0
CAP_SECONDS = 900.0


def backoff(
    attempt: int,
    *,
    base_seconds: float = BASE_SECONDS,
    cap_seconds: float = CAP_SECONDS,
    random: Callable[[], float],
) -> float:
    """Return the seconds to wait after failed attempt number `attempt` (1 is the first).

    The delay is between 0 and ``min(cap_seconds, base_seconds * 2 ** attempt)``, evenly spread by
    `random`, which returns numbers from 0 up to 1. Raises ValueError when `attempt` is less than 1.
    """
    if attempt < 1:
        raise ValueError(f"attempts count from 1, got {attempt}")
    # Bound the exponent: 2.0 ** 1024 is an OverflowError, and the cap applies long before.
    return random() * min(cap_seconds, base_seconds * 2.0 ** min(attempt, 64))
