"""The bot: ncolony keeps `gunicorn` and `loop` alive until this process is told to end.

It lives as long as they do, so it is kept small: what needs the settings and the database is done
by a child that ends (`prepare`), and only what a supervisor has to know comes back.
"""

import logging
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bot_deploy.arguments import subcommand_parser
from bot_deploy.wiring.processes import Passing, end_with_0, entries
from luggage.run import run_in_child
from luggage.run.runtime_dirs import runtime_dirs
from luggage.telemetry.logs import configure_logging

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "run the bot: the web process and the loop, each started again when it ends"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What the supervisor knows of the settings; nothing of it is secret."""

    data: Path
    port: int
    log_format: str


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
    with run_in_child(partial(prepare, os.environ, or_demo=arguments.or_demo)) as outcome:
        # Loaded meanwhile, and after the fork.
        from luggage.run import supervisor  # noqa: F401, PLC0415

        prepared = outcome()
    if prepared is None:
        print("No GitHub App is configured (GITHUB_APP_ID and so on), so this is the demo.")
        from bot_deploy import demo  # noqa: PLC0415  the simulated GitHub is loaded for it alone

        return demo.main(["demo"])
    return serve(prepared)


def prepare(environ: Mapping[str, str], *, or_demo: bool) -> Prepared | None:
    """Check the settings and bring the database up to date; None where it is to be the demo.

    Loads most of the bot. Raises what `main` raises, and luggage.database's errors.
    """
    from bot_deploy.config.settings import load, require_private_key  # noqa: PLC0415
    from bot_deploy.migrate import migrate  # noqa: PLC0415

    config = load(environ)
    if config.app is None and or_demo:
        return None
    # Opened here once, so that what is missing or sealed for another key is said before the start.
    require_private_key(config)
    config.webhook_secrets()
    config.metrics_token()
    if config.board is not None:
        config.board.lines()
        config.board.mood()
    configure_logging(config.log_format, name="start")
    migrate(config)
    return Prepared(data=config.data, port=config.port, log_format=config.log_format)


def serve(prepared: Prepared) -> int:
    """Say where the status page is, and supervise."""
    from luggage.run.supervisor import Supervisor  # noqa: PLC0415  Twisted, for this alone

    configure_logging(prepared.log_format, name="start")
    log.info("the status page: http://localhost:%s/", prepared.port)
    with runtime_dirs(prepared.data, entries(os.environ)) as places:
        Supervisor(places, relay=Passing(sys.stdout, prepared.log_format)).run()
    return 0
