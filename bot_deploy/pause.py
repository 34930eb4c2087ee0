"""`pause`: have nothing decided or performed, on any machine, while deliveries are still stored."""

import os
import time

from bot.store.board import SqlBoard
from bot_deploy.arguments import no_options
from bot_deploy.config import load
from bot_deploy.wiring.parts import open_queue
from luggage.jobs import State

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "decide and perform nothing until `resume`; deliveries are still stored"


def main(argv: list[str]) -> int:
    """Pause, and say what is still in hand; returns 0, also when it was paused already.

    Raises SchemaError where the database is of another version of the bot.
    """
    no_options(argv, SUMMARY)
    with open_queue(load(os.environ)) as (engine, queue):
        if not queue.pause():
            print("paused already; `resume` ends it")
            return 0
        SqlBoard(engine, clock=time.time).say("Paused")
        leased = sum(n for (_, state), n in queue.counts().items() if state is State.LEASED)
    print("paused; deliveries are still stored, `resume` goes on with them")
    if leased:
        print(f"in hand, and being finished: {leased}")
    return 0
