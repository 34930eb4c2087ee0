"""`gunicorn`: the web process, with the webhook and the pages."""

import os

from bot_deploy.arguments import subcommand_parser
from bot_deploy.config import load
from bot_deploy.wiring.server import serve
from luggage.telemetry.logs import configure_logging

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "serve the web hook and the pages (one of the two processes of `start`)"


def main(argv: list[str]) -> int:
    """Serve until SIGTERM; returns 0. Raises what `serve` raises."""
    parser = subcommand_parser(argv, SUMMARY)
    parser.add_argument(
        "--host", help="where to listen (default: all addresses; with BOT_RECEIVE=poll: this one)"
    )
    options = parser.parse_args(argv[1:])
    config = load(os.environ)
    configure_logging(config.log_format, name="gunicorn")
    serve(config, options.host)
    return 0
