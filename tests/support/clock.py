"""Fake clock that stands still until a test moves it."""

# Any time but the real one: 2026-11-18 11:06:40 UTC.
START = 1_795_000_000.0


class FakeClock:
    """A clock that is called for epoch seconds; `advance` also serves as an instant sleep."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time, in epoch seconds."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self.now += seconds
