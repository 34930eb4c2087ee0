"""A clock that stands still until a test moves it."""

# Any moment will do, so long as it is not the real one: 2026-11-18 11:06:40 UTC.
START = 1_795_000_000.0


class FakeClock:
    """Call it for the time, in epoch seconds; `advance` is also a sleep that takes no time."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time, in epoch seconds."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self.now += seconds
