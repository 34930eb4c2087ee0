"""Which moments a cron line names, in UTC."""

from datetime import UTC, datetime, timedelta

from cronsim import CronSim


def latest_tick(line: str, now: float) -> float:
    """The last moment that a cron line names, not after `now`; both in epoch seconds. Pure.

    Raises cronsim.CronSimError for a line that is none, StopIteration for one that names none in
    fifty years.
    """
    minute = datetime.fromtimestamp(now, UTC).replace(second=0, microsecond=0)
    # Backwards it begins before the moment it is given.
    return next(CronSim(line, minute + timedelta(minutes=1), reverse=True)).timestamp()
