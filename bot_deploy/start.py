"""`start`: runs the web process and the loop, and restarts them, until a signal ends it.

The process lives as long as they do, so it stays small: a child reads the settings and migrates
the database (`prepare`), and hands back what the supervisor needs.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bot_deploy.arguments import subcommand_parser
from bot_deploy.config.handover import log_notices, own_environment, packed_for
from bot_deploy.config.sources import Notice, config_name
from bot_deploy.wiring.processes import SUBCOMMANDS, Relay, end_with_0, entries
from luggage.run import run_in_child
from luggage.run.runtime_dirs import runtime_dirs
from luggage.telemetry.logs import configure_logging

if TYPE_CHECKING:  # the supervisor stays small
    from sqlalchemy.exc import OperationalError

    from bot_deploy.config import Config

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "run the bot: the web process and the loop, each restarted when it exits"

# The waits for a database that is away, in seconds.
_WAITS = (1.0, 2.0, 4.0, 8.0, 15.0)
# PostgreSQL's words for a refusal that ends by itself.
_PASSING = ("the database system is", "too many", "remaining connection slots")
# The search for damage in a large SQLite file ends after this time.
_CHECK_SECONDS = 3.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The settings that the supervisor needs, and what it hands over to each process."""

    data: Path
    receives: str
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
    from bot_deploy.wiring.listening import receives, require_free_port  # noqa: PLC0415

    config = load(environ)
    if config.app is None and or_demo:
        return None
    # Otherwise a process would be restarted for ever.
    for require_usable in config.secrets_of("").values():
        require_usable()
    require_free_port(config, clock=time.monotonic, sleep=time.sleep)
    handed_over = {name: packed_for(config, part, environ) for part, name in SUBCOMMANDS.items()}
    configure_logging(config.log_format, name="start")
    log_notices(Notice(f"settings from {config_name(environ)}"), config.webhook_notice())
    once_it_answers(partial(migrate, config), sleep=time.sleep)
    require_undamaged(config)
    return Prepared(
        data=config.data,
        receives=receives(config),
        log_format=config.log_format,
        handed_over=handed_over,
    )


def once_it_answers(work: Callable[[], object], *, sleep: Callable[[float], None]) -> None:
    """Do work on the database; while that is away, wait longer each time, and half a minute in all.

    Raises sqlalchemy.exc.OperationalError if it stays away, at once for what no waiting heals.
    """
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415

    for seconds in _WAITS:
        try:
            work()
        except OperationalError as error:
            if not _may_heal(error):
                raise
            problem = next(iter(str(error.orig).splitlines()), "")
            log.warning("the database is away (%s); trying again in %g s", problem, seconds)
            sleep(seconds)
        else:
            return
    work()


def _may_heal(error: "OperationalError") -> bool:
    """Return whether a server may answer later: it is away, starting, stopping or full."""
    from luggage.database import FileAccessError  # noqa: PLC0415

    if isinstance(error, FileAccessError):
        return False
    text = str(error.orig)
    return "FATAL:" not in text or any(words in text for words in _PASSING)


def require_undamaged(config: "Config") -> None:
    """Raise ConfigError for a SQLite file that is damaged; a large one is searched in part."""
    from bot_deploy.config.sources import ConfigError  # noqa: PLC0415
    from luggage.database import open_engine, quick_check  # noqa: PLC0415

    engine = open_engine(config.database_url)
    damage = quick_check(engine, seconds=_CHECK_SECONDS)
    engine.dispose()
    if damage:
        raise ConfigError(damage)


def serve(prepared: Prepared) -> int:
    """Log how deliveries come in, and supervise; the web process logs when the bot is ready."""
    from luggage.run.supervisor import Supervisor  # noqa: PLC0415  loads Twisted

    configure_logging(prepared.log_format, name="start")
    log.info("%s", prepared.receives)
    with ExitStack() as stack:
        try:
            places = stack.enter_context(runtime_dirs(prepared.data, entries(os.environ)))
        except OSError as error:  # a full disk has no name
            error.filename = error.filename or str(prepared.data)
            raise
        Supervisor(
            places,
            relay=Relay(sys.stdout, prepared.log_format),
            handed_over=prepared.handed_over,
        ).run()
    return 0
