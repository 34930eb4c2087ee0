"""`replay`: decide a delivery again, from the queue or from a file; or see what would be done."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine

from bot.loop.run import Updater
from bot.operations import replay
from bot.operations.history.deliveries import DeliveryHistory, UnknownDelivery
from bot.operations.history.records import ActionRow
from bot.operations.preview.check import Previewer
from bot.settings.files import SettingsFiles
from bot.store.people import Memory
from bot_deploy.arguments import subcommand_parser
from bot_deploy.config import Config, load
from bot_deploy.loop import github_app
from bot_deploy.wiring.parts import open_queue
from luggage.jobs import Leadership, Queue
from luggage.telemetry.meter import Meter

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "decide a delivery again, or one from a file; --dry-run says what would be done"


def main(argv: list[str]) -> int:
    """Replay; returns 0.

    Raises ReplayError for a file that is no delivery, UnknownDelivery, and where GitHub is to be
    asked (only for a dry run) luggage.github's RequestFailed.
    """
    parser = subcommand_parser(
        argv,
        SUMMARY,
        epilog="An action whose key is known is not done again, so a repetition does no harm.",
    )
    parser.add_argument(
        "delivery",
        metavar="FILE|GUID",
        help="a payload, or headers and payload, in a file, - for stdin; or a delivery's GUID",
    )
    parser.add_argument("--event", help="the event of a file that holds a payload alone")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")
    options = parser.parse_args(argv[1:])
    content = _content(options.delivery)
    if content is None and options.event:
        parser.error("--event is for a file; a stored delivery knows its own")
    config = load(os.environ)
    with open_queue(config) as (engine, queue):
        history = DeliveryHistory(queue, clock=time.time)
        replayed = _replayed(options, content, history, queue)
        if options.dry_run:
            return _foretell(_updater(config, engine, queue), history, queue, replayed)
        return _decide_again(history, queue, replayed, is_file=content is not None)


def _content(given: str) -> bytes | None:
    """What is in a file; None for what is no file's name.

    Raises OSError for a file that cannot be read.
    """
    if given == "-":
        return sys.stdin.buffer.read()
    names_a_file = given.startswith((".", "/")) or given.endswith(".json") or Path(given).exists()
    return Path(given).read_bytes() if names_a_file else None


def _replayed(
    options: argparse.Namespace, content: bytes | None, history: DeliveryHistory, queue: Queue
) -> replay.Replayed:
    if content is not None:
        return replay.from_file(content, event=options.event)
    try:
        return replay.stored(history, queue, options.delivery)
    except UnknownDelivery as error:
        raise UnknownDelivery(f"{error}, and no such file") from None


def _foretell(
    updater: Updater, history: DeliveryHistory, queue: Queue, replayed: replay.Replayed
) -> int:
    outlook = replay.foresee(replayed, queue, updater.foresee)
    for line in replay.prophecy(outlook, _before(history, replayed)):
        print(line)
    return 0


def _before(history: DeliveryHistory, replayed: replay.Replayed) -> Sequence[ActionRow]:
    """The actions that a delivery has led to already; none for a new one."""
    try:
        return history.delivery(replayed.delivery.id).actions
    except UnknownDelivery:
        return []


def _updater(config: Config, engine: Engine, queue: Queue) -> Updater:
    """One that is asked, and never handed a job."""
    leadership = Leadership(engine, time.time)
    memory = Memory(engine, clock=time.time).read_only()
    settings = SettingsFiles(engine, config.rules, config.settings, clock=time.time)
    return Updater(
        app=github_app(config, engine, leadership, f"replay:{os.getpid()}", Meter()),
        queue=queue,
        memory=memory,
        settings=settings,
        clock=time.time,
        previewer=Previewer(queue=queue, memory=memory, settings=settings),
    )


def _decide_again(
    history: DeliveryHistory, queue: Queue, replayed: replay.Replayed, *, is_file: bool
) -> int:
    guid, new = replayed.delivery.id, False
    before = _before(history, replayed)
    if is_file:
        new = replay.put(replayed, queue, now=time.time())
    else:
        history.again(guid)
    print(f"{guid}: to be decided {'' if new else 'again '}by the loop")
    for line in replay.known_before(before):
        print(line)
    return 0
