"""Prometheus endpoint /metrics: the totals of all processes, and the current state of the bot.

Every web process returns the metrics of the whole bot. The endpoint needs a token, and does not
exist unless one is configured. It imports prometheus_client on the first request.
"""

import hmac
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from bot.actions import ACTIONS
from bot.events import DELIVERIES
from bot.store import meters as metrics
from bot.store.board import Mood, SqlBoard, feeling
from bot.store.tables import missed
from bot.store.totals import Total, Totals
from bot.web.errors import problem
from luggage.database import reading, unavailable
from luggage.jobs import Queue, State
from luggage.telemetry.meter import Counter, Gauge, Histogram, Key

if TYPE_CHECKING:
    from prometheus_client.core import Metric

log = logging.getLogger(__name__)

_ALIVE = (State.READY, State.LEASED, State.HELD, State.DEAD)
Values = Mapping[tuple[str, ...], float]
Read = Mapping[Key, Total]


@dataclass(frozen=True, kw_only=True)
class Exposition:
    """The metrics. `build` returns the labels of the build: version, commit, python."""

    engine: Engine
    queue: Queue
    board: SqlBoard
    totals: Totals
    build: Callable[[], Mapping[str, str]]
    clock: Callable[[], float]

    def render(self) -> str:
        """The text for Prometheus; if the database is down, only that fact and the build."""
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry).decode()

    def collect(self) -> "Iterator[Metric]":
        """All metrics; prometheus_client calls it."""
        yield _gauge("portmanteau_build_info", "The running build.", self.build())
        try:
            families = [*self._current(), *_of_totals(self.totals.read(), self.clock())]
        except SQLAlchemyError as error:
            log.warning(unavailable(error))
            families = []
        is_up = bool(families)
        yield _gauge("portmanteau_database_up", "Whether the database responds.", value=is_up)
        yield from families

    def _current(self) -> "Iterator[Metric]":
        now, standing = self.clock(), self.queue.standing()
        beat_at, caught_up_at = self.board.last_beat_at(), self.board.caught_up_at()
        feels = feeling(standing, beat_at=beat_at, now=now, caught_up_at=caught_up_at)
        moods: Values = {(mood.value,): float(mood == feels.mood) for mood in Mood}
        yield _family(Gauge("portmanteau_mood", "1 for the current mood.", ("mood",)), moods)
        yield _gauge("portmanteau_paused", "Whether the bot is paused.", value=standing.paused)
        yield _gauge("portmanteau_jobs_retrying", "Jobs to retry.", value=standing.retrying)
        silent = float("inf") if beat_at is None else max(0.0, now - beat_at)
        yield _gauge(
            "portmanteau_loop_silent_seconds", "Time since the last heartbeat.", value=silent
        )
        if caught_up_at is not None:
            lag = max(0.0, now - caught_up_at)
            yield _gauge("portmanteau_recovery_lag_seconds", _LAG, value=lag)
        yield from self._depths(now)
        yield from self._missed()

    def _depths(self, now: float) -> "Iterator[Metric]":
        queues = (DELIVERIES, ACTIONS)
        counts: dict[tuple[str, ...], float] = {
            (queue, state.value): 0.0 for queue in queues for state in _ALIVE
        }
        ages = dict(counts)
        for depth in self.queue.depths():
            labels = (depth.queue, depth.state.value)
            counts[labels], ages[labels] = float(depth.count), max(0.0, now - depth.since)
        yield _family(Gauge("portmanteau_jobs", "Jobs.", ("queue", "state")), counts)
        yield _family(Gauge("portmanteau_jobs_oldest_seconds", _OLDEST, ("queue", "state")), ages)

    def _missed(self) -> "Iterator[Metric]":
        lost = missed.c.lost != ""
        with reading(self.engine) as connection:
            rows = connection.execute(select(lost, func.count()).group_by(lost)).all()
        counts = {bool(is_lost): number for is_lost, number in rows}
        yield _gauge("portmanteau_missed", _MISSED, value=counts.get(False, 0))
        yield _gauge("portmanteau_lost", _LOST, value=counts.get(True, 0))


_LAG = "Time since the bot was last up to date with GitHub's log of deliveries."
_MISSED = "Missed deliveries that the bot will fetch."
_LOST = "Deliveries of the last six days that GitHub no longer had."
_OLDEST = "Age of the oldest job; for ready jobs, the time since it was due."


def blueprint(exposition: Exposition, token: str) -> Blueprint:
    """The route /metrics; requests must send `Authorization: Bearer TOKEN`."""
    pages = Blueprint("metrics", __name__)
    expected = f"Bearer {token}".encode()

    @pages.get("/metrics")
    def answer() -> ResponseReturnValue:
        header = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(header, expected):
            return problem(401, "send the token: Authorization: Bearer TOKEN", _UNAUTHORIZED)
        return exposition.render(), 200, _HEADERS

    return pages


_UNAUTHORIZED = {"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"}
_HEADERS = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8", "Cache-Control": "no-store"}


def _of_totals(read: Read, now: float) -> "Iterator[Metric]":
    for counter in metrics.COUNTERS:
        yield _family(counter, _values(read, counter.name) or _initial(counter))
    for histogram in metrics.HISTOGRAMS:
        yield _histogram(histogram, read)
    # A rate limit is only known until its reset.
    resets = _values(read, metrics.LIMIT_RESET.name)
    current = {labels for labels, at in resets.items() if at > now}
    for gauge in (metrics.LIMIT, metrics.LIMIT_REMAINING, metrics.LIMIT_RESET):
        values = _values(read, gauge.name)
        yield _family(gauge, {labels: values[labels] for labels in values if labels in current})


def _initial(counter: Counter) -> Values:
    """A counter without labels starts at 0; for others, the label values are unknown yet."""
    return {} if counter.labels else {(): 0.0}


def _values(read: Read, name: str) -> Values:
    return {labels: total.value for (of, labels), total in sorted(read.items()) if of == name}


def _gauge(
    name: str, help_: str, labels: Mapping[str, str] | None = None, value: float = 1.0
) -> "Metric":
    labels = labels or {}
    return _family(Gauge(name, help_, tuple(labels)), {tuple(labels.values()): float(value)})


def _family(metric: Counter | Gauge, values: Values) -> "Metric":
    from prometheus_client import core  # noqa: PLC0415

    kind: Any = core.GaugeMetricFamily
    if isinstance(metric, Counter):
        kind = core.CounterMetricFamily
    family: Metric = kind(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)  # type: ignore[attr-defined]
    return family


def _histogram(histogram: Histogram, read: Read) -> "Metric":
    from prometheus_client import core  # noqa: PLC0415

    family = core.HistogramMetricFamily(histogram.name, histogram.help, labels=histogram.labels)
    buckets = _values(read, histogram.bucket_name)
    for labels, seconds in _values(read, histogram.sum_name).items():
        family.add_metric(labels, _cumulative(histogram.bounds, buckets, labels), seconds)
    return family


def _cumulative(
    bounds: Sequence[str], buckets: Values, labels: tuple[str, ...]
) -> Sequence[tuple[str, float]]:
    """The cumulative buckets that Prometheus expects."""
    counts = accumulate(buckets.get((*labels, bound), 0.0) for bound in bounds)
    return list(zip(bounds, counts, strict=True))
