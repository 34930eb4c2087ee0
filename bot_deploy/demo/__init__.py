"""`demo`: the processes of `start`, with a simulated GitHub."""

import os
import secrets
import signal

from bot_deploy.arguments import seconds, subcommand_parser, whole_number
from bot_deploy.config.handover import FOR_LIBRARIES, SECRET
from bot_deploy.demo.script import play
from bot_deploy.demo.surroundings import default_host
from bot_deploy.wiring.processes import end_with_0
from luggage.run import hide_memory, take_out

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "run the bot on a simulated GitHub; needs no account and no settings"


def main(argv: list[str]) -> int:
    """Run until Ctrl-C or the end of `--deliveries`; returns 1 if a delivery failed.

    Obeys no setting of a bot, and leaves no file behind.
    """
    parser = subcommand_parser(argv, SUMMARY, config=False)
    parser.add_argument(
        "--deliveries",
        type=whole_number,
        metavar="N",
        help="stop after N (default: run until Ctrl-C)",
    )
    parser.add_argument(
        "--every", type=seconds, default=2.0, metavar="SECONDS", help="pause (default: 2)"
    )
    parser.add_argument("--seed", type=int, help="repeat the demo that printed this seed")
    parser.add_argument(
        "--host",
        metavar="ADDRESS",
        help="address to listen on (default: 127.0.0.1, or 0.0.0.0 in a container)",
    )
    options = parser.parse_args(argv[1:])
    hide_memory()
    take_out(os.environ, SECRET, hidden=FOR_LIBRARIES)
    end_with_0(signal.SIGINT, signal.SIGTERM)
    seed = secrets.randbelow(10_000) if options.seed is None else options.seed
    return play(
        os.environ,
        seed=seed,
        every_seconds=options.every,
        number=options.deliveries,
        host=options.host or default_host(),
    )
