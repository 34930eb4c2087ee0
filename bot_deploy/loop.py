"""`loop`: evaluates deliveries and performs actions."""

from bot_deploy.arguments import subcommand_parser, whole_number
from bot_deploy.config.handover import load_part, log_notices
from bot_deploy.config.sources import LOOP
from bot_deploy.wiring.loop import run_loop
from luggage.telemetry.logs import configure_logging

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "evaluate deliveries and perform actions; `start` runs it"

THREADS = 4


def main(argv: list[str]) -> int:
    """Run until SIGTERM or SIGINT; returns 0. Raises what `run_loop` raises."""
    parser = subcommand_parser(argv, SUMMARY)
    parser.add_argument(
        "--threads",
        type=whole_number,
        default=THREADS,
        help="number of jobs at a time (default: %(default)s)",
    )
    options = parser.parse_args(argv[1:])
    config = load_part(LOOP)
    configure_logging(config.log_format, name="loop")
    log_notices(config.excess())
    run_loop(config, threads=options.threads)
    return 0
