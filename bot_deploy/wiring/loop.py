"""The loop: its worker, and the periodic tasks, each of which runs in only one loop at a time."""

import random
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial

from bot.loop.adoption import adopt
from bot.loop.periodic import housekeeping, identify, installations, publish, schedule
from bot.loop.periodic.recover import Recoverer, is_wanted
from bot.loop.periodic.scheduler import PeriodicTask, TaskScheduler
from bot.loop.run import Boredom, Updater, job_log_context
from bot.operations.preview.check import EVENTS as PREVIEWED
from bot.operations.preview.check import Previewer
from bot.parse import ParseBoard, ParseMood
from bot.rules import needs
from bot.store.board import current_feeling
from bot.store.people import People
from bot.store.recovery import QueueInbox
from bot.store.totals import Bookkeeper
from bot_deploy.config import Config
from bot_deploy.config.settings import BoardSettings
from bot_deploy.wiring.parts import (
    Parts,
    check_database,
    clock,
    open_database,
    parse_client,
    report_crashes,
)
from luggage.github import Recovery
from luggage.jobs import Wakeup, Worker
from luggage.run import SHUTDOWN_TIMEOUT_SECONDS, run_in_child

# Longer than any request to GitHub may take, so that a live worker keeps its lease.
LEASE_SECONDS = 60.0
# A busy rule yields the interpreter after this time (Python's default: 5 ms). Other threads need it
# about a hundred times for one delivery.
_SWITCH_SECONDS = 0.0005


def run_loop(config: Config, *, threads: int) -> None:
    """Run until SIGTERM or SIGINT; jobs in progress are finished or returned to the queue.

    Raises ConfigError if no App is configured, SchemaError if the database is of another version.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    # Alembic, which compares the tables, would add a quarter to this process's memory.
    with run_in_child(partial(check_database, config)) as checked:
        checked()
    report_crashes(config)
    parts = Parts(config=config, engine=open_database(config, pool_size=threads + 5))
    _ = parts.app  # an unusable key ends the loop before it writes
    adopt(parts.people, parts.queue, on_page=lambda: parts.board.beat(parts.name))
    with closing(parts.wakeup()) as wakeup:
        worker, tasks = make_loop(parts, wakeup, threads=threads)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        with Bookkeeper(parts.meter, parts.totals), tasks:
            worker.run()
    parts.engine.dispose()


def make_loop(parts: Parts, wakeup: Wakeup, *, threads: int) -> tuple[Worker, TaskScheduler]:
    """Return the worker that claims jobs, and the scheduler of the periodic tasks.

    Raises ConfigError if no App is configured.
    """
    worker = Worker(
        parts.queue,
        make_updater(parts, parts.people).handlers,
        name=parts.name,
        threads=threads,
        lease_seconds=LEASE_SECONDS,
        shutdown_timeout_seconds=SHUTDOWN_TIMEOUT_SECONDS,
        wakeup=wakeup,
        clock=clock,
        random=random.random,
        context=job_log_context,
        on_idle=Boredom(parts.board),
        on_heartbeat=lambda: parts.board.beat(parts.name),
    )
    tasks = list(_periodic_tasks(parts))
    return worker, TaskScheduler(tasks, parts.leadership, holder=parts.name, clock=clock)


def make_updater(parts: Parts, people: People) -> Updater:
    """Return the Updater, which evaluates deliveries and performs actions."""
    return Updater(
        app=parts.app,
        queue=parts.queue,
        people=people,
        settings=parts.settings,
        clock=clock,
        meter=parts.meter,
        previewer=make_previewer(parts, people),
        commands_per_hour=parts.config.commands_per_hour,
        refusals=parts.refusals,
    )


def make_previewer(parts: Parts, people: People) -> Previewer:
    """Return the Previewer, which evaluates stored deliveries with other settings."""
    return Previewer(
        queue=parts.queue,
        people=people,
        settings=parts.settings,
        server_url=parts.config.server_url,
    )


def _periodic_tasks(parts: Parts) -> Iterator[PeriodicTask]:
    config, engine, queue = parts.config, parts.engine, parts.queue
    yield PeriodicTask("recovery", config.poll_seconds, _recoverer(parts))
    housekeeper = housekeeping.Housekeeping(
        engine=engine,
        queue=queue,
        clock=clock,
        payload_days=config.payload_days,
        installation_bytes=config.installation_bytes,
    )
    yield PeriodicTask("housekeeping", housekeeping.EVERY_SECONDS, housekeeper)
    rules = schedule.RuleSchedule(
        app=parts.app, engine=engine, queue=queue, settings=parts.settings, clock=clock
    )
    yield PeriodicTask("schedule", schedule.EVERY_SECONDS, rules)
    check = installations.InstallationsCheck(
        app=parts.app,
        refusals=parts.refusals,
        needed=needs(config.settings.enabled(config.rules)).permissions,
        polls=config.receive == "poll",
    )
    yield PeriodicTask("installations", installations.EVERY_SECONDS, check)
    identification = identify.Identification(app=parts.app, people=parts.people)
    yield PeriodicTask("identification", identify.EVERY_SECONDS, identification)
    if config.board is not None:
        yield PeriodicTask("board", publish.EVERY_SECONDS, _publisher(parts, config.board))


def _recoverer(parts: Parts) -> Recoverer:
    inbox = QueueInbox(
        engine=parts.engine,
        queue=parts.queue,
        clock=clock,
        settle_seconds=parts.config.settle_seconds,
    )
    wants = partial(is_wanted, rules=parts.config.rules, also=PREVIEWED)
    recovery = Recovery(parts.app.app_client, inbox, wants=wants, clock=clock)
    polls = parts.config.receive == "poll"
    return Recoverer(recovery, inbox, clock=clock, meter=parts.meter, polls=polls)


def _publisher(parts: Parts, settings: BoardSettings) -> publish.Publisher:
    """Return the Publisher, which copies the lines and the mood to Parse."""
    lines = publish.Lines(
        publish.Outbox(parts.engine, clock),
        ParseBoard(parse_client(parts.config, settings.lines())),
        clock,
    )
    mood = publish.MoodShown(
        lambda: current_feeling(parts.queue, parts.board, clock()).mood,
        ParseMood(parse_client(parts.config, settings.mood())),
        clock,
    )
    return publish.Publisher(
        [
            publish.Part(name, part, clock, parts.meter)
            for name, part in (("lines", lines), ("mood", mood))
        ]
    )
