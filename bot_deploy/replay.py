"""`replay`: evaluates a delivery again, from the queue or a file; or prints what would be done."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bot.events import DELIVERIES
from bot.operations import replay
from bot.operations.history.deliveries import DeliveryHistory, UnknownDelivery
from bot.operations.history.records import ActionRow
from bot_deploy.arguments import said_if_slow, subcommand_parser
from bot_deploy.config import load
from bot_deploy.wiring.loop import make_updater
from bot_deploy.wiring.parts import Parts, open_parts

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "evaluate a delivery again, from the database or a file; --dry-run only prints"


def main(argv: list[str]) -> int:
    """Replay; returns 0.

    Raises ReplayError for a file without a delivery, UnknownDelivery, and, if a dry run has to ask
    GitHub, luggage.github's RequestFailed.
    """
    parser = subcommand_parser(
        argv,
        SUMMARY,
        epilog="Safe to repeat: the bot does not perform an action again whose key it knows.",
    )
    parser.add_argument(
        "delivery",
        metavar="FILE|GUID",
        help="a file with a payload or with headers and payload (- for stdin), or a GUID",
    )
    parser.add_argument("--event", help="the event, for a file without headers")
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be done, and change nothing"
    )
    options = parser.parse_args(argv[1:])
    content = _content(options.delivery)
    if content is None and options.event:
        parser.error("--event is only for a file; a stored delivery has its own")
    config = load(os.environ)
    with open_parts(config) as parts:
        replayed = _replayed(options, content, parts)
        if options.dry_run:
            with said_if_slow("evaluating the rules, which ask GitHub"):
                lines = _dry_run(parts, replayed)
        else:
            lines = _evaluate_again(parts, replayed, is_file=content is not None)
        print("\n".join(lines))
    return 0


def _content(name: str) -> bytes | None:
    """Return the content of a file; None for a GUID. Raises OSError for an unreadable file."""
    if name == "-":
        return sys.stdin.buffer.read()
    names_a_file = name.startswith((".", "/")) or name.endswith(".json") or Path(name).exists()
    return Path(name).read_bytes() if names_a_file else None


def _replayed(options: argparse.Namespace, content: bytes | None, parts: Parts) -> replay.Replayed:
    if content is not None:
        return replay.from_file(content, event=options.event)
    try:
        return replay.stored(parts.history, parts.queue, options.delivery)
    except UnknownDelivery as error:
        raise UnknownDelivery(f"{error}, and there is no such file") from None


def _dry_run(parts: Parts, replayed: replay.Replayed) -> list[str]:
    # It keeps nothing of what it sees.
    updater = make_updater(parts, parts.people.read_only())
    outlook = replay.dry_run(replayed, parts.queue, updater.dry_run)
    return list(replay.dry_run_lines(outlook, _earlier_actions(parts.history, replayed)))


def _evaluate_again(parts: Parts, replayed: replay.Replayed, *, is_file: bool) -> list[str]:
    guid, is_new = replayed.delivery.id, False
    earlier = _earlier_actions(parts.history, replayed)
    if is_file:
        is_new = replay.put(replayed, parts.queue, now=time.time())
    else:
        parts.history.again(guid)
    event = replayed.delivery.event
    parts.record("run rules again", f"{event} {guid}", parts.queue.find(DELIVERIES, guid))
    again = "" if is_new else " again"
    return [f"{guid}: the loop will evaluate it{again}", *replay.known_before(earlier)]


def _earlier_actions(history: DeliveryHistory, replayed: replay.Replayed) -> Sequence[ActionRow]:
    """Return the actions of an earlier evaluation; none for a new delivery."""
    try:
        return history.delivery(replayed.delivery.id).actions
    except UnknownDelivery:
        return []
