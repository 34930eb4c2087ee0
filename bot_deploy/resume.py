"""`resume`: go on after `pause`."""

import os
import time

from bot.store.board import SqlBoard
from bot_deploy.arguments import no_options
from bot_deploy.config import load
from bot_deploy.wiring.parts import open_queue

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "go on after `pause`, at once"


def main(argv: list[str]) -> int:
    """Resume; every loop is woken. Returns 0, also when it was not paused.

    Raises SchemaError where the database is of another version of the bot.
    """
    no_options(argv, SUMMARY)
    with open_queue(load(os.environ)) as (engine, queue):
        if not queue.resume():
            print("it was not paused")
            return 0
        SqlBoard(engine, clock=time.time).say("Back at work")
        waiting = queue.standing().waiting
    print(f"resumed; jobs in hand: {waiting}")
    return 0
