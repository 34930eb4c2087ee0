"""`deliveries`: what became of them, all about one of them, and another try for what is dead."""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bot.operations.history import report
from bot.operations.history.deliveries import DeliveryHistory, UnknownDelivery
from bot.operations.history.records import DeliveryRow
from bot_deploy.arguments import subcommand_parser, whole_number
from bot_deploy.config import load
from bot_deploy.wiring.parts import open_queue
from luggage.jobs import State, WrongState

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "list deliveries, show all about one, or have dead ones tried again"

_COMMANDS = ("list", "show", "retry")


def main(argv: list[str]) -> int:
    """Do what is asked for, `list` unless it is said; 0, or 1 when a delivery is not known."""
    options = _parse(argv)
    with _history() as history:
        match options.command:
            case "show":
                return _show(history, options)
            case "retry":
                return _retry(history, options)
        return _list(history, options)


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = subcommand_parser(
        argv,
        SUMMARY,
        epilog="A GUID is GitHub's X-GitHub-Delivery; its beginning is enough. "
        "Without a command: `list`.",
    )
    commands = parser.add_subparsers(dest="command", metavar="{list,show,retry}")
    listing = commands.add_parser("list", help="list deliveries, newest first")
    _add_conditions(listing)
    listing.add_argument(
        "--state",
        choices=[state.value for state in State],
        metavar="STATE",
        help=f"of the delivery, or of one of its actions: {', '.join(State)}",
    )
    listing.add_argument(
        "--limit", type=whole_number, metavar="N", default=20, help="how many at most; default 20"
    )
    listing.add_argument("--before", type=whole_number, metavar="ID", help="go on after a page")
    listing.add_argument("--json", action="store_true", help="a JSON list")
    show = commands.add_parser("show", help="show all about one delivery")
    show.add_argument("guid", metavar="GUID")
    show.add_argument("--payload", action="store_true", help="with the payload, secrets redacted")
    show.add_argument("--json", action="store_true", help="a JSON object")
    retry = commands.add_parser("retry", help="have dead deliveries, or dead actions, tried again")
    retry.add_argument("guids", nargs="*", metavar="GUID")
    retry.add_argument("--all", action="store_true", help="all that are dead and match")
    retry.add_argument("--yes", action="store_true", help="do not ask before that")
    _add_conditions(retry)
    retry.add_argument("--state", choices=["dead"], help="only what is dead is tried again")
    words = argv[1:]
    if not words or (words[0] not in _COMMANDS and words[0] not in ("-h", "--help")):
        words = ["list", *words]
    options = parser.parse_args(words)
    if options.command == "retry" and bool(options.guids) == options.all:
        retry.error("name deliveries, or say --all with what they have in common")
    return options


def _add_conditions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--event", help="as GitHub calls it: pull_request, issue_comment, ...")
    parser.add_argument("--repository", metavar="OWNER/NAME")
    parser.add_argument("--text", help="somewhere in the payload, without regard to case")


@contextmanager
def _history() -> Iterator[DeliveryHistory]:
    with open_queue(load(os.environ)) as (_engine, queue):
        yield DeliveryHistory(queue, clock=time.time)


def _conditions(options: argparse.Namespace) -> dict[str, Any]:
    given = {name: getattr(options, name) for name in ("event", "repository", "text")}
    return {**given, "looked": _Progress()} if options.text and sys.stderr.isatty() else given


class _Progress:
    """Tells a person at a terminal how far a long search has come."""

    def __init__(self) -> None:
        self._looked = 0

    def __call__(self, more: int) -> None:
        self._looked += more
        print(f"{self._looked} looked through", file=sys.stderr)


def _list(history: DeliveryHistory, options: argparse.Namespace) -> int:
    found = history.deliveries(
        state=options.state and State(options.state),
        before=options.before,
        limit=options.limit,
        **_conditions(options),
    )
    if options.json:
        print(json.dumps([report.as_json(row) for row in found], indent=2))
        return 0
    if not found:
        print("no delivery matches", file=sys.stderr)
    for line in report.table(found, _columns()) if found else ():
        print(line)
    if len(found) == options.limit and sys.stdout.isatty():
        print(f"older ones: --before {found[-1].id}", file=sys.stderr)
    return 0


def _columns() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _show(history: DeliveryHistory, options: argparse.Namespace) -> int:
    delivery = history.delivery(options.guid)
    if options.json:
        print(json.dumps(report.as_json(delivery, with_payload=options.payload), indent=2))
        return 0
    for line in report.story(delivery, with_payload=options.payload):
        print(line)
    return 0


def _retry(history: DeliveryHistory, options: argparse.Namespace) -> int:
    if not options.all:
        return max(_retry_one(history, guid) for guid in options.guids)
    dead = list(history.every(state=State.DEAD, **_conditions(options)))
    if not dead:
        print("nothing is dead", file=sys.stderr)
        return 0
    if not (options.yes or _agreed(dead)):
        print("nothing was tried again; --yes does it without asking", file=sys.stderr)
        return 1
    return max(_retry_one(history, row.guid) for row in dead)


def _agreed(dead: Sequence[DeliveryRow]) -> bool:
    question = f"{len(dead)} deliveries have something dead; try all again? [y/N] "
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.isatty() and sys.stdin.readline().strip().lower() in ("y", "yes")


def _retry_one(history: DeliveryHistory, guid: str) -> int:
    try:
        tried = history.retry(guid)
    except (UnknownDelivery, WrongState) as error:
        print(error, file=sys.stderr)
        return 1
    for words in tried:
        print(f"{guid}: to be tried again: {words}")
    if not tried:
        print(f"{guid}: nothing of it is dead")
    return 0
