"""`resume`: ends a pause."""

import os

from bot.operations.pause import resume
from bot_deploy.arguments import no_options
from bot_deploy.config import load
from bot_deploy.wiring.parts import open_parts

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "resume after `pause`"


def main(argv: list[str]) -> int:
    """Resume, and say how many jobs wait; returns 0. Safe to repeat."""
    no_options(argv, SUMMARY)
    with open_parts(load(os.environ)) as parts:
        print(resume(parts.queue, parts.board))
        parts.record("resume")
    return 0
