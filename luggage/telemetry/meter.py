"""Counters and timers of one process, until totals collect them (docs/decisions/0090). No I/O."""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

# Upper bounds, in seconds, for rules and API calls.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

# The name of a sum, and the values of its labels in the declared order.
Key = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Counter:
    """A number that only grows; `labels` are the names of its labels."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Gauge:
    """The last observed value; of two processes the later one wins."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Histogram:
    """Durations in seconds: a count for each bucket (`le`, not cumulative), and their sum."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = BUCKETS

    @cached_property
    def bucket_name(self) -> str:
        """The name of the buckets' counts; their last label is the bound."""
        return f"{self.name}_bucket"

    @cached_property
    def sum_name(self) -> str:
        """The name of the sum of all durations."""
        return f"{self.name}_sum"

    @cached_property
    def bounds(self) -> tuple[str, ...]:
        """The bounds as label values, the smallest first."""
        return (*map(str, self.buckets), "+Inf")


@dataclass(frozen=True)
class Taken:
    """The contents of a meter: amounts to add to totals, and the last observed values."""

    added: Mapping[Key, float] = field(default_factory=dict)
    seen: Mapping[Key, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.added or self.seen)


class Meter:
    """The counters of one process; threads may share it. `clock` returns monotonic seconds.

    Labels are positional, in the order that the metric declares. No method raises.
    """

    def __init__(self, clock: Callable[[], float] = lambda: 0.0) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._added: dict[Key, float] = {}
        self._seen: dict[Key, float] = {}

    def add(self, counter: Counter, *labels: str, by: float = 1.0) -> None:
        """Add one, or `by`, to a counter."""
        with self._lock:
            self._add(counter.name, labels, by)

    def see(self, gauge: Gauge, value: float, *labels: str) -> None:
        """Set a gauge to a value."""
        with self._lock:
            self._seen[gauge.name, labels] = value

    def observe(self, histogram: Histogram, seconds: float, *labels: str) -> None:
        """Add a duration to a histogram."""
        bound = histogram.bounds[bisect_left(histogram.buckets, seconds)]
        with self._lock:
            self._add(histogram.bucket_name, (*labels, bound), 1.0)
            self._add(histogram.sum_name, labels, seconds)

    @contextmanager
    def timed(self, histogram: Histogram, *labels: str) -> Iterator[None]:
        """Observe the duration of the block, also when it raises."""
        started = self._clock()
        try:
            yield
        finally:
            self.observe(histogram, self._clock() - started, *labels)

    def take(self) -> Taken:
        """Return the contents since the last call, and reset the meter."""
        with self._lock:
            taken = Taken(self._added, self._seen)
            self._added, self._seen = {}, {}
        return taken

    def _add(self, name: str, labels: tuple[str, ...], by: float) -> None:
        key = (name, labels)
        self._added[key] = self._added.get(key, 0.0) + by
