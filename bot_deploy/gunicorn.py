"""`gunicorn`: the web process, with the webhook and the pages."""

from bot_deploy.arguments import program, subcommand_parser
from bot_deploy.config.handover import load_part
from bot_deploy.config.sources import WEB
from bot_deploy.wiring.server import serve
from luggage.telemetry.logs import configure_logging

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "serve the webhook and the pages; `start` runs it"


def main(argv: list[str]) -> int:
    """Serve until SIGTERM; returns 0. Raises what `serve` raises."""
    parser = subcommand_parser(argv, SUMMARY)
    parser.add_argument(
        "--host", help="address to listen on, instead of web.host in config.toml (BOT_HOST)"
    )
    parser.add_argument(
        "--program",
        default=program(),
        metavar="COMMAND",
        help="command that runs the subcommands, for the sign-in page (default: %(default)s)",
    )
    options = parser.parse_args(argv[1:])
    config = load_part(WEB)
    configure_logging(config.log_format, name="gunicorn")
    serve(config, options.host, options.program)
    return 0
