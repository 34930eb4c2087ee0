"""/metrics: the totals of all processes, and how things stand now, for Prometheus.

Whichever web process is asked, of whichever machine, the answer is about the whole bot. It is given
to whoever knows a token; without one configured, there is no such address. prometheus_client writes
the format; it is loaded when the first question comes.
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
    """What /metrics says. `build` are the labels of the build: version, commit, python."""

    engine: Engine
    queue: Queue
    board: SqlBoard
    totals: Totals
    build: Callable[[], Mapping[str, str]]
    clock: Callable[[], float]

    def render(self) -> str:
        """The text for Prometheus; where the database is away, it says that and no more."""
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry).decode()

    def collect(self) -> "Iterator[Metric]":
        """All metrics; called by prometheus_client."""
        yield _gauge("portmanteau_build_info", "What is running.", self.build())
        try:
            found = [*self._now(), *_of_totals(self.totals.read(), self.clock())]
        except SQLAlchemyError as error:
            log.warning(unavailable(error))
            found = []
        yield _gauge("portmanteau_database_up", "Whether the database answers.", value=bool(found))
        yield from found

    def _now(self) -> "Iterator[Metric]":
        now, standing = self.clock(), self.queue.standing()
        beat_at, caught_up_at = self.board.last_beat_at(), self.board.caught_up_at()
        feels = feeling(standing, beat_at=beat_at, now=now, caught_up_at=caught_up_at)
        moods: Values = {(mood.value,): float(mood == feels.mood) for mood in Mood}
        yield _family(Gauge("portmanteau_mood", "1 for the mood that is.", ("mood",)), moods)
        yield _gauge("portmanteau_paused", "Whether nothing is claimed.", value=standing.paused)
        yield _gauge(
            "portmanteau_jobs_retrying", "Jobs to be tried again.", value=standing.retrying
        )
        silent = float("inf") if beat_at is None else max(0.0, now - beat_at)
        yield _gauge(
            "portmanteau_loop_silent_seconds", "Since a loop was last heard.", value=silent
        )
        if caught_up_at is not None:
            lag = max(0.0, now - caught_up_at)
            yield _gauge("portmanteau_recovery_lag_seconds", _LAG, value=lag)
        yield from self._depths(now)
        yield from self._missed()

    def _depths(self, now: float) -> "Iterator[Metric]":
        queues = (DELIVERIES, ACTIONS)
        deep: dict[tuple[str, ...], float] = {
            (queue, state.value): 0.0 for queue in queues for state in _ALIVE
        }
        old = dict(deep)
        for depth in self.queue.depths():
            labels = (depth.queue, depth.state.value)
            deep[labels], old[labels] = float(depth.count), max(0.0, now - depth.since)
        yield _family(Gauge("portmanteau_jobs", "Jobs.", ("queue", "state")), deep)
        yield _family(Gauge("portmanteau_jobs_oldest_seconds", _OLDEST, ("queue", "state")), old)

    def _missed(self) -> "Iterator[Metric]":
        lost = missed.c.lost != ""
        with reading(self.engine) as connection:
            rows = connection.execute(select(lost, func.count()).group_by(lost)).all()
        counted = {bool(is_lost): number for is_lost, number in rows}
        yield _gauge("portmanteau_missed", _MISSED, value=counted.get(False, 0))
        yield _gauge("portmanteau_lost", _LOST, value=counted.get(True, 0))


_LAG = "Since nothing was known to be missing."
_MISSED = "Deliveries that are known to be missing, and will be fetched."
_LOST = "Deliveries that GitHub had no longer, in the last six days."
_OLDEST = "Of the ready, how long the first has been due; of others, how long the first is there."


def blueprint(exposition: Exposition, token: str) -> Blueprint:
    """The route /metrics, for whoever sends `Authorization: Bearer TOKEN`."""
    pages = Blueprint("metrics", __name__)
    wanted = f"Bearer {token}".encode()

    @pages.get("/metrics")
    def answer() -> ResponseReturnValue:
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, wanted):
            return {"error": "send the token: Authorization: Bearer TOKEN"}, 401, _UNAUTHORIZED
        return exposition.render(), 200, _HEADERS

    return pages


_UNAUTHORIZED = {"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"}
_HEADERS = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8", "Cache-Control": "no-store"}


def _of_totals(read: Read, now: float) -> "Iterator[Metric]":
    for counter in metrics.COUNTERS:
        yield _family(counter, _values(read, counter.name) or _nought(counter))
    for histogram in metrics.HISTOGRAMS:
        yield _histogram(histogram, read)
    # What was heard of a limit is true until the limit is renewed.
    resets = _values(read, metrics.LIMIT_RESET.name)
    lasting = {labels for labels, at in resets.items() if at > now}
    for gauge in (metrics.LIMIT, metrics.LIMIT_REMAINING, metrics.LIMIT_RESET):
        seen = _values(read, gauge.name)
        yield _family(gauge, {labels: seen[labels] for labels in seen if labels in lasting})


def _nought(counter: Counter) -> Values:
    """A counter without labels begins at 0; the label values of others come with time."""
    return {} if counter.labels else {(): 0.0}


def _values(read: Read, name: str) -> Values:
    return {labels: total.value for (of, labels), total in sorted(read.items()) if of == name}


def _gauge(
    name: str, told: str, labels: Mapping[str, str] | None = None, value: float = 1.0
) -> "Metric":
    labels = labels or {}
    return _family(Gauge(name, told, tuple(labels)), {tuple(labels.values()): float(value)})


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
        family.add_metric(labels, _cumulated(histogram.bounds, buckets, labels), seconds)
    return family


def _cumulated(
    bounds: Sequence[str], buckets: Values, labels: tuple[str, ...]
) -> Sequence[tuple[str, float]]:
    """The buckets as Prometheus wants them: each with all that is in those below."""
    counts = accumulate(buckets.get((*labels, bound), 0.0) for bound in bounds)
    return list(zip(bounds, counts, strict=True))
