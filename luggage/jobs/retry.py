"""How long to wait before the next attempt. Pure.

Chosen: exponential backoff with full jitter, from Marc Brooker, "Exponential Backoff And Jitter"
(AWS Architecture Blog, 2015), where it needed the fewest calls. Against: a plain doubling, with
which all that failed together comes back together.
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

    Between 0 and ``min(cap_seconds, base_seconds * 2 ** attempt)``, evenly spread by `random`,
    which returns numbers from 0 up to 1. Raises ValueError when `attempt` is less than 1.
    """
    if attempt < 1:
        raise ValueError(f"attempts are counted from 1, not {attempt}")
    # The exponent is bounded first: 2.0 ** 1024 is an OverflowError, and long before that the cap
    # rules.
    return random() * min(cap_seconds, base_seconds * 2.0 ** min(attempt, 64))
