"""Cron lines in UTC."""

from datetime import UTC, datetime, timedelta

from cronsim import CronSim


def latest_tick(line: str, now: float) -> float:
    """The latest scheduled time of a cron line up to `now`, both in epoch seconds. Pure.

    Raises cronsim.CronSimError for an invalid line, StopIteration for one without a scheduled time
    in fifty years.
    """
    minute = datetime.fromtimestamp(now, UTC).replace(second=0, microsecond=0)
    # In reverse, CronSim excludes the start.
    return next(CronSim(line, minute + timedelta(minutes=1), reverse=True)).timestamp()
