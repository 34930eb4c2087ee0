"""Check that the bot is stopped, before its database is moved or replaced."""

from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError

from bot.store.board import ASLEEP_AFTER_SECONDS, SqlBoard
from bot_deploy.config.sources import ConfigError


def require_stopped(
    engine: Engine, *, clock: Callable[[], float], sleep: Callable[[float], None]
) -> None:
    """Return once no loop has been active for long enough; raises ConfigError if one is.

    A database without the bot's tables, or a damaged one, has no loop.
    """
    board = SqlBoard(engine, clock=clock)
    try:
        heartbeat_at = board.last_beat_at()
    except DatabaseError:
        return
    silent_for = ASLEEP_AFTER_SECONDS if heartbeat_at is None else clock() - heartbeat_at
    if 0 <= silent_for < ASLEEP_AFTER_SECONDS:
        print(f"a loop was active {silent_for:.0f} s ago: waiting to make sure that none runs")
        sleep(ASLEEP_AFTER_SECONDS - silent_for)
        if board.last_beat_at() != heartbeat_at:
            raise ConfigError("a loop is using this database: stop the bot, then repeat this")
