"""`demo`: the bot at work, without GitHub: the processes of `start` with a simulated GitHub."""

import os
import secrets
import signal

from bot_deploy.arguments import seconds, subcommand_parser, whole_number
from bot_deploy.demo.script import play
from bot_deploy.wiring.processes import end_with_0

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "show the bot at work on a simulated GitHub; needs nothing, changes nothing elsewhere"


def main(argv: list[str]) -> int:
    """Run until Ctrl-C or the end of `--deliveries`; returns 1 if one was not answered."""
    parser = subcommand_parser(argv, SUMMARY)
    parser.add_argument(
        "--deliveries", type=whole_number, metavar="N", help="end by itself after N"
    )
    parser.add_argument("--every", type=seconds, default=2.0, metavar="SECONDS", help="default: 2")
    parser.add_argument("--seed", type=int, help="repeat the demo that printed this number")
    options = parser.parse_args(argv[1:])
    end_with_0(signal.SIGINT, signal.SIGTERM)
    seed = secrets.randbelow(10_000) if options.seed is None else options.seed
    return play(os.environ, seed=seed, every_seconds=options.every, number=options.deliveries)
