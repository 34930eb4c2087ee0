"""`deliveries`: lists deliveries, shows one, and retries dead ones."""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from bot.operations.history import report
from bot.operations.history.deliveries import DeliveryHistory, UnknownDelivery
from bot.operations.history.records import DeliveryRow
from bot_deploy.arguments import subcommand_parser, whole_number
from bot_deploy.config import load
from bot_deploy.wiring.parts import open_parts
from luggage.jobs import State, WrongState

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "list deliveries, show all about one, or have dead ones tried again"

_COMMANDS = ("list", "show", "retry")


def main(argv: list[str]) -> int:
    """Run the command, `list` by default; returns 0, or 1 for an unknown delivery."""
    options = _parse(argv)
    work = {"list": _list, "show": _show, "retry": _retry}[options.command]
    with open_parts(load(os.environ)) as parts:
        return work(parts.history, options)


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


def _conditions(options: argparse.Namespace) -> dict[str, Any]:
    conditions = {name: getattr(options, name) for name in ("event", "repository", "text")}
    if options.text and sys.stderr.isatty():
        conditions["on_progress"] = _Progress()
    return conditions


class _Progress:
    """Progress of a long search, for a person at a terminal."""

    def __init__(self) -> None:
        self._searched = 0

    def __call__(self, more: int) -> None:
        self._searched += more
        print(f"{self._searched} looked through", file=sys.stderr)


def _list(history: DeliveryHistory, options: argparse.Namespace) -> int:
    rows = history.deliveries(
        state=options.state and State(options.state),
        before=options.before,
        limit=options.limit,
        **_conditions(options),
    )
    if options.json:
        print(json.dumps([report.as_json(row) for row in rows], indent=2))
        return 0
    if not rows:
        print("no delivery matches", file=sys.stderr)
        return 0
    print("\n".join(report.table(rows, _columns())))
    if len(rows) == options.limit and sys.stdout.isatty():
        print(f"older ones: --before {rows[-1].id}", file=sys.stderr)
    return 0


def _columns() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _show(history: DeliveryHistory, options: argparse.Namespace) -> int:
    delivery = history.delivery(options.guid)
    if options.json:
        print(json.dumps(report.as_json(delivery, with_payload=options.payload), indent=2))
    else:
        print("\n".join(report.details(delivery, with_payload=options.payload)))
    return 0


def _retry(history: DeliveryHistory, options: argparse.Namespace) -> int:
    if not options.all:
        return max(_retry_one(history, guid) for guid in options.guids)
    dead = list(history.every(state=State.DEAD, **_conditions(options)))
    if not dead:
        print("nothing is dead", file=sys.stderr)
        return 0
    if not (options.yes or _confirmed(dead)):
        print("nothing was tried again; --yes does it without asking", file=sys.stderr)
        return 1
    return max(_retry_one(history, row.guid) for row in dead)


def _confirmed(dead: Sequence[DeliveryRow]) -> bool:
    question = f"{len(dead)} deliveries have something dead; try all again? [y/N] "
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.isatty() and sys.stdin.readline().strip().lower() in ("y", "yes")


def _retry_one(history: DeliveryHistory, guid: str) -> int:
    try:
        retried = history.retry(guid)
    except (UnknownDelivery, WrongState) as error:
        print(error, file=sys.stderr)
        return 1
    for job in retried:
        print(f"{guid}: to be tried again: {history.words(job)}")
    if not retried:
        print(f"{guid}: nothing of it is dead")
    return 0
