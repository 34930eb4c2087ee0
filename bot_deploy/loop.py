"""`loop`: the process that decides deliveries and performs actions."""

import os
import random
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import requests
from sqlalchemy import Engine

from bot.loop.periodic import schedule
from bot.loop.periodic.housekeeping import EVERY_SECONDS, Housekeeping
from bot.loop.periodic.publish import EVERY_SECONDS as PUBLISH_SECONDS
from bot.loop.periodic.publish import Lines, MoodShown, Outbox, Part, Publisher
from bot.loop.periodic.recover import Recoverer, is_wanted
from bot.loop.periodic.schedule import RuleSchedule
from bot.loop.periodic.scheduler import PeriodicTask, TaskScheduler
from bot.loop.run import Boredom, Updater, job_log_context
from bot.operations.preview.check import EVENTS as PREVIEWED
from bot.operations.preview.check import Previewer
from bot.parse import ParseBoard, ParseMood
from bot.settings.files import SettingsFiles
from bot.store.board import SqlBoard, current_feeling
from bot.store.limits import SqlLimitMemory
from bot.store.meters import heard
from bot.store.people import Memory
from bot.store.recovery import QueueInbox
from bot.store.tokens import SqlTokenStore, sealing_key
from bot.store.totals import Bookkeeper, Totals
from bot_deploy.arguments import subcommand_parser, whole_number
from bot_deploy.config import Config, load
from bot_deploy.config.settings import BoardSettings
from bot_deploy.wiring.parts import (
    check_database,
    open_database,
    own_name,
    parse_client,
    report_crashes,
)
from luggage.github import GithubApp, Pace, Recovery
from luggage.github.transport import make_session
from luggage.jobs import Leadership, Queue, Wakeup, Worker, listener, notifier
from luggage.run import SHUTDOWN_TIMEOUT_SECONDS, run_in_child
from luggage.telemetry import logs
from luggage.telemetry.meter import Meter

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "decide deliveries and perform actions; normally started by `start`"

THREADS = 4
# Longer than any request to GitHub may take, so that a living worker never loses its lease.
LEASE_SECONDS = 60.0
# A rule that computes without end hands the interpreter on so often (Python: each 5 ms). The others
# ask for it some hundred times for one delivery, and would come to a tenth of this many.
_SWITCH_SECONDS = 0.0005


def main(argv: list[str]) -> int:
    """Run until SIGTERM or SIGINT; returns 0, with the work in hand finished or given back.

    Raises ConfigError where no App is configured, SchemaError where the database is of another
    version of the bot.
    """
    parser = subcommand_parser(argv, SUMMARY)
    parser.add_argument(
        "--threads", type=whole_number, default=THREADS, help="subjects worked on at once"
    )
    options = parser.parse_args(argv[1:])
    config = load(os.environ)
    sys.setswitchinterval(_SWITCH_SECONDS)
    logs.configure_logging(config.log_format, name="loop")
    # Alembic, which compares the tables, is a fifth of what this process takes without it.
    with run_in_child(partial(check_database, config)) as checked:
        checked()
    report_crashes(config)
    engine = open_database(config, pool_size=options.threads + 5)
    with closing(listener(engine, config.data / "wake")) as wakeup:
        meter = Meter(time.monotonic)
        worker, duties = make_loop(config, engine, wakeup, meter, threads=options.threads)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        with Bookkeeper(meter, Totals(engine, name=own_name(), clock=time.time)), duties:
            worker.run()
    engine.dispose()
    return 0


def make_loop(
    config: Config, engine: Engine, wakeup: Wakeup, meter: Meter, *, threads: int
) -> tuple[Worker, TaskScheduler]:
    """The worker that is the loop, and what one loop of all does beside it, wired to the rest.

    Raises ConfigError where no App is configured.
    """
    name = own_name()
    leadership = Leadership(engine, time.time)
    parts = _Parts(
        config=config,
        engine=engine,
        meter=meter,
        app=github_app(config, engine, leadership, name, meter),
        queue=Queue(engine, clock=time.time, wake=notifier(engine, config.data / "wake")),
        board=SqlBoard(engine, clock=time.time),
        settings=SettingsFiles(engine, config.rules, config.settings, clock=time.time),
    )
    duties = TaskScheduler(list(parts.duties()), leadership, holder=name, clock=time.time)
    return parts.worker(name, wakeup, threads), duties


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """What both the worker and the duties are wired to."""

    config: Config
    engine: Engine
    meter: Meter
    app: GithubApp
    queue: Queue
    board: SqlBoard
    settings: SettingsFiles

    def worker(self, name: str, wakeup: Wakeup, threads: int) -> Worker:
        """What claims jobs, and tells the board that it lives or is bored."""
        return Worker(
            self.queue,
            self._updater().handlers,
            name=name,
            threads=threads,
            lease_seconds=LEASE_SECONDS,
            shutdown_timeout_seconds=SHUTDOWN_TIMEOUT_SECONDS,
            wakeup=wakeup,
            clock=time.time,
            random=random.random,
            context=job_log_context,
            on_idle=Boredom(self.board),
            on_heartbeat=lambda: self.board.beat(name),
        )

    def _updater(self) -> Updater:
        memory = Memory(self.engine, clock=time.time)
        return Updater(
            app=self.app,
            queue=self.queue,
            memory=memory,
            settings=self.settings,
            clock=time.time,
            meter=self.meter,
            previewer=Previewer(
                queue=self.queue,
                memory=memory,
                settings=self.settings,
                server_url=self.config.server_url,
            ),
        )

    def duties(self) -> Iterator[PeriodicTask]:
        """What one loop of all does from time to time."""
        config, engine, queue, clock = self.config, self.engine, self.queue, time.time
        yield PeriodicTask("recovery", config.poll_seconds, self._recoverer())
        yield PeriodicTask(
            "housekeeping",
            EVERY_SECONDS,
            Housekeeping(engine=engine, queue=queue, clock=clock, payload_days=config.payload_days),
        )
        yield PeriodicTask(
            "schedule",
            schedule.EVERY_SECONDS,
            RuleSchedule(
                app=self.app, engine=engine, queue=queue, settings=self.settings, clock=clock
            ),
        )
        if config.board is not None:
            yield PeriodicTask("board", PUBLISH_SECONDS, self._publisher(config.board))

    def _recoverer(self) -> Recoverer:
        inbox = QueueInbox(
            engine=self.engine,
            queue=self.queue,
            clock=time.time,
            settle_seconds=self.config.settle_seconds,
        )
        wants = partial(is_wanted, rules=self.config.rules, also=PREVIEWED)
        recovery = Recovery(self.app.app_client, inbox, wants=wants, clock=time.time)
        return Recoverer(recovery, inbox, clock=time.time, meter=self.meter)

    def _publisher(self, settings: BoardSettings) -> Publisher:
        """What brings the lines and the mood to Parse."""
        outbox = Outbox(self.engine, time.time)
        lines = Lines(outbox, ParseBoard(parse_client(self.config, settings.lines())), time.time)
        mood = MoodShown(
            lambda: current_feeling(self.queue, self.board, time.time()).mood,
            ParseMood(parse_client(self.config, settings.mood())),
            time.time,
        )
        clock, meter = time.time, self.meter
        return Publisher([Part("lines", lines, clock, meter), Part("mood", mood, clock, meter)])


def github_app(
    config: Config, engine: Engine, leadership: Leadership, holder: str, meter: Meter
) -> GithubApp:
    """The App. It never waits its turn inside a job: a limit reschedules the job instead.

    Limits and tokens are shared with all processes through the database, the tokens sealed.
    """
    settings = config.needed_app()
    private_key = settings.private_key()
    return GithubApp(
        app_id=settings.app_id,
        private_key=private_key,
        # No delivery is posted to this process; if one were, nobody could have signed it.
        webhook_secrets=[secrets.token_hex()],
        user_agent=settings.user_agent,
        api_url=config.api_url,
        session=make_session(
            proxies=requests.utils.get_environ_proxies(config.api_url),
            verify=config.ca_bundle or True,
        ),
        wait=None,
        limits=SqlLimitMemory(engine),
        pace=Pace(*config.write_limits),
        tokens=SqlTokenStore(engine, sealing_key(private_key), leadership, holder),
        watch=partial(heard, meter),
    )
