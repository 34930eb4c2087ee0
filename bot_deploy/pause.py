"""`pause`: stops evaluating and performing, on every machine; deliveries are still stored."""

import os

from bot.operations.pause import pause
from bot_deploy.arguments import no_options
from bot_deploy.config import load
from bot_deploy.wiring.parts import open_parts

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "stop evaluating and performing until `resume`; deliveries are still stored"


def main(argv: list[str]) -> int:
    """Pause, and say what is still in progress; returns 0. Safe to repeat."""
    no_options(argv, SUMMARY)
    with open_parts(load(os.environ)) as parts:
        print(pause(parts.queue, parts.board))
        parts.record("pause")
    return 0
