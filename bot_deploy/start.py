"""The bot: ncolony keeps `gunicorn` and `loop` alive until this process is told to end."""

import logging
import os
import signal
import sys

from bot_deploy.arguments import subcommand_parser
from bot_deploy.config import Config, load
from bot_deploy.migrate import migrate
from bot_deploy.processes import Passing, end_with_0, entries
from luggage.observe import configure_logging
from luggage.run import private_places

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "run the bot: the web process and the loop, each started again when it ends"

log = logging.getLogger(__name__)


def main(argv: list[str]) -> int:
    """Run until SIGTERM or Ctrl-C; all that was started has ended within 5 s.

    Raises ConfigError when a setting is missing, SecretError when one cannot be opened.
    """
    parser = subcommand_parser(argv, SUMMARY)
    parser.add_argument(
        "--or-demo", action="store_true", help="run the demo where no GitHub App is configured"
    )
    arguments = parser.parse_args(argv[1:])
    end_with_0(signal.SIGINT, signal.SIGTERM)
    config = load(os.environ)
    if config.app is None and arguments.or_demo:
        print("No GitHub App is configured (GITHUB_APP_ID and so on), so this is the demo.")
        from bot_deploy import demo  # noqa: PLC0415  the simulated GitHub is loaded for it alone

        return demo.main(["demo"])
    # Opened here once, so that what is missing or sealed for another key is said before the start.
    config.needed_app().private_key()
    config.webhook_secrets()
    config.metrics_token()
    if config.board is not None:
        config.board.lines()
        config.board.mood()
    return serve(config)


def serve(config: Config) -> int:
    """Bring the database up to date, say where the status page is, and supervise."""
    from luggage.run.supervisor import Supervisor  # noqa: PLC0415  Twisted, for this alone

    configure_logging(config.log_format, name="start")
    migrate(config)
    log.info("the status page: http://localhost:%s/", config.port)
    with private_places(config.data, entries(os.environ)) as places:
        Supervisor(places, relay=Passing(sys.stdout, config.log_format)).run()
    return 0
