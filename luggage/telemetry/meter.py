"""What a process counts and times, in memory, until somebody takes it away. No I/O.

Chosen: plain sums under a lock, which a counter costs less than a microsecond, and which whoever
takes them adds to totals that outlive the process. Against: prometheus_client's own counters, which
are of one process, or in its mode for many, of the files of one machine.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

# Upper bounds, in seconds, of what a rule or a call to an API may take.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

# The name of a sum, and the values of its labels in the order in which they are declared.
Key = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Counter:
    """Something that only grows. `labels` are the names of what it is split up by."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Gauge:
    """A value that was last seen; of two processes the later one counts."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Histogram:
    """How long something took; kept as one sum for each bucket (`le`, in seconds), and one of all.

    A bucket counts what belongs to it alone, so that one observation changes one of them.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = BUCKETS

    @cached_property
    def bucket_name(self) -> str:
        """The name of the buckets' sums; their last label is the bound."""
        return f"{self.name}_bucket"

    @cached_property
    def sum_name(self) -> str:
        """The name of the sum of all seconds."""
        return f"{self.name}_sum"

    @cached_property
    def bounds(self) -> tuple[str, ...]:
        """The bounds as labels have them, the smallest first."""
        return (*map(str, self.buckets), "+Inf")


@dataclass(frozen=True)
class Taken:
    """What was taken from a meter: what is to be added to totals, and what was seen last."""

    added: Mapping[Key, float] = field(default_factory=dict)
    seen: Mapping[Key, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.added or self.seen)


class Meter:
    """Counts for one process; its threads may share it. `clock` gives seconds that never go back.

    Labels are given by position, in the order in which the metric declares them. Nothing raises.
    """

    def __init__(self, clock: Callable[[], float] = lambda: 0.0) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._added: dict[Key, float] = {}
        self._seen: dict[Key, float] = {}

    def add(self, counter: Counter, *labels: str, by: float = 1.0) -> None:
        """Count one more, or `by` more."""
        with self._lock:
            self._add(counter.name, labels, by)

    def see(self, gauge: Gauge, value: float, *labels: str) -> None:
        """Note a value that was seen just now."""
        with self._lock:
            self._seen[gauge.name, labels] = value

    def observe(self, histogram: Histogram, seconds: float, *labels: str) -> None:
        """Note how long something took."""
        bound = histogram.bounds[bisect_left(histogram.buckets, seconds)]
        with self._lock:
            self._add(histogram.bucket_name, (*labels, bound), 1.0)
            self._add(histogram.sum_name, labels, seconds)

    @contextmanager
    def timed(self, histogram: Histogram, *labels: str) -> Iterator[None]:
        """Note how long the block takes, however it ends."""
        begun = self._clock()
        try:
            yield
        finally:
            self.observe(histogram, self._clock() - begun, *labels)

    def take(self) -> Taken:
        """Return what has come together since the last time, and begin anew."""
        with self._lock:
            taken = Taken(self._added, self._seen)
            self._added, self._seen = {}, {}
        return taken

    def _add(self, name: str, labels: tuple[str, ...], by: float) -> None:
        key = (name, labels)
        self._added[key] = self._added.get(key, 0.0) + by
