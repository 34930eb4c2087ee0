"""`start`: runs the web process and the loop, and restarts them, until a signal ends it.

The process lives as long as they do, so it stays small: a child reads the settings and migrates
the database (`prepare`), and hands back what the supervisor needs.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bot_deploy.arguments import subcommand_parser
from bot_deploy.config.handover import log_notices, own_environment, packed_for
from bot_deploy.wiring.processes import SUBCOMMANDS, Relay, end_with_0, entries
from luggage.run import run_in_child
from luggage.run.runtime_dirs import runtime_dirs
from luggage.telemetry.logs import configure_logging

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "run the bot: the web process and the loop, each restarted when it exits"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The settings that the supervisor needs, and what it hands over to each process."""

    data: Path
    log_format: str
    handed_over: Mapping[str, bytes] = field(repr=False)


def main(argv: list[str]) -> int:
    """Run until SIGTERM or Ctrl-C; the children end within 5 s.

    Raises ConfigError if a setting is missing, SecretError if one cannot be opened.
    """
    parser = subcommand_parser(argv, SUMMARY)
    parser.add_argument(
        "--or-demo", action="store_true", help="run the demo if no GitHub App is configured"
    )
    arguments = parser.parse_args(argv[1:])
    end_with_0(signal.SIGINT, signal.SIGTERM)
    environ = own_environment()
    with run_in_child(partial(prepare, environ, or_demo=arguments.or_demo)) as outcome:
        # Loaded while the child works, and after the fork.
        from luggage.run import supervisor  # noqa: F401, PLC0415

        prepared = outcome()
    if prepared is None:
        print("No GitHub App is configured (GITHUB_APP_ID and so on): running the demo.")
        from bot_deploy import demo  # noqa: PLC0415  loads the simulated GitHub

        return demo.main(["demo"])
    environ.clear()  # each process has its own secrets by now
    return serve(prepared)


def prepare(environ: Mapping[str, str], *, or_demo: bool) -> Prepared | None:
    """Check the settings and migrate the database; returns None if the demo should run instead.

    Loads most of the bot. Raises what `main` raises, and luggage.database's errors.
    """
    from bot_deploy.config import load  # noqa: PLC0415
    from bot_deploy.migrate import migrate  # noqa: PLC0415
    from bot_deploy.wiring.listening import require_free_port  # noqa: PLC0415

    config = load(environ)
    if config.app is None and or_demo:
        return None
    # A missing or unreadable secret stops the start.
    config.private_key()
    config.webhook_secrets()
    config.metrics_token()
    if config.board is not None:
        config.board.lines()
        config.board.mood()
    # Otherwise the web process would be restarted for ever.
    require_free_port(config, clock=time.monotonic, sleep=time.sleep)
    handed_over = {name: packed_for(config, part, environ) for part, name in SUBCOMMANDS.items()}
    configure_logging(config.log_format, name="start")
    log_notices(config.webhook_notice())
    migrate(config)
    return Prepared(
        data=config.data,
        log_format=config.log_format,
        handed_over=handed_over,
    )


def serve(prepared: Prepared) -> int:
    """Supervise; the web process logs its address, and when the bot is ready."""
    from luggage.run.supervisor import Supervisor  # noqa: PLC0415  loads Twisted

    configure_logging(prepared.log_format, name="start")
    with runtime_dirs(prepared.data, entries(os.environ)) as places:
        Supervisor(
            places,
            relay=Relay(sys.stdout, prepared.log_format),
            handed_over=prepared.handed_over,
        ).run()
    return 0
