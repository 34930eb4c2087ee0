"""`deliveries`: lists deliveries, shows one, and retries dead ones."""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any

from bot.operations.history import report
from bot.operations.history.deliveries import DeliveryHistory, UnknownDelivery
from bot.operations.history.follow import Follower
from bot.operations.history.records import DeliveryRow
from bot.rule import Rule
from bot.rules import rules_for
from bot_deploy.arguments import said_if_slow, subcommand_parser, whole_number
from bot_deploy.config import load
from bot_deploy.wiring.parts import Parts, open_parts
from luggage.jobs import State, WrongState

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "list deliveries, show one in full, follow one, or retry dead ones"

_COMMANDS = ("list", "show", "follow", "retry")
# How often `follow` reads the database.
_FOLLOW_SECONDS = 0.5


def main(argv: list[str]) -> int:
    """Run the command, `list` by default; returns 0, or 1 for an unknown delivery.

    `follow` returns 1 if something has died. A Ctrl-C is KeyboardInterrupt.
    """
    options = _parse(argv)
    config = load(os.environ)
    with open_parts(config) as parts:
        if options.command == "follow":
            return _follow(parts.history, options, config.rules)
        with said_if_slow("reading the deliveries"):
            if options.command == "retry":
                return _retry(parts, options)
            return {"list": _list, "show": _show}[options.command](parts.history, options)


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = subcommand_parser(
        argv,
        SUMMARY,
        epilog="A GUID is the X-GitHub-Delivery of a delivery; its first characters are enough. "
        "The default command is `list`.",
    )
    commands = parser.add_subparsers(dest="command", metavar="{list,show,follow,retry}")
    listing = commands.add_parser("list", help="list deliveries, newest first")
    _add_conditions(listing)
    listing.add_argument(
        "--state",
        choices=[state.value for state in State],
        metavar="STATE",
        help=f"only those in this state, or with an action in it: {', '.join(State)}",
    )
    listing.add_argument(
        "--limit",
        type=whole_number,
        metavar="N",
        default=20,
        help="number of deliveries (default: 20)",
    )
    listing.add_argument(
        "--before", type=whole_number, metavar="ID", help="only those older than this one"
    )
    listing.add_argument("--json", action="store_true", help="print a JSON list")
    show = commands.add_parser("show", help="show one delivery with its actions")
    show.add_argument("guid", metavar="GUID")
    show.add_argument(
        "--payload", action="store_true", help="include the payload, with secrets redacted"
    )
    show.add_argument("--json", action="store_true", help="print a JSON object")
    follow = commands.add_parser(
        "follow", help="print what happens to one delivery as it happens, until all has ended"
    )
    follow.add_argument("guid", metavar="GUID")
    follow.add_argument("--json", action="store_true", help="print a JSON object a line")
    retry = commands.add_parser("retry", help="retry dead deliveries and dead actions")
    retry.add_argument("guids", nargs="*", metavar="GUID")
    retry.add_argument(
        "--all", action="store_true", help="retry all dead ones that match the options below"
    )
    retry.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    _add_conditions(retry)
    retry.add_argument(
        "--state", choices=["dead"], help="the default; only dead ones can be retried"
    )
    words = argv[1:]
    if not words or (words[0] not in _COMMANDS and words[0] not in ("-h", "--help")):
        words = ["list", *words]
    options = parser.parse_args(words)
    if options.command == "retry" and bool(options.guids) == options.all:
        retry.error("name the deliveries, or use --all with conditions that they match")
    return options


def _add_conditions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--event", help="only this event, such as pull_request")
    parser.add_argument("--repository", metavar="OWNER/NAME", help="only this repository")
    parser.add_argument("--text", help="only payloads that contain this text, in any case")


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
        print(f"{self._searched} searched", file=sys.stderr)


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
        print(f"for older ones: --before {rows[-1].id}", file=sys.stderr)
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


def _follow(
    history: DeliveryHistory, options: argparse.Namespace, rules: Sequence[Rule[Any]]
) -> int:
    def names(event: str, action: str) -> Sequence[str]:
        return [rule.name for rule in rules_for(event, action, rules)]

    follower = Follower(history, options.guid, names)
    while True:
        for change in follower.changes():
            print(json.dumps(change.as_json()) if options.json else change.as_text(), flush=True)
        if follower.state is not None:
            return int(follower.state is State.DEAD)
        time.sleep(_FOLLOW_SECONDS)


def _retry(parts: Parts, options: argparse.Namespace) -> int:
    if not options.all:
        return max(_retry_one(parts, guid) for guid in options.guids)
    dead = list(parts.history.every(state=State.DEAD, **_conditions(options)))
    if not dead:
        print("nothing is dead", file=sys.stderr)
        return 0
    if not (options.yes or _confirmed(dead)):
        print("nothing was retried; --yes skips this question", file=sys.stderr)
        return 1
    return max(_retry_one(parts, row.guid) for row in dead)


def _confirmed(dead: Sequence[DeliveryRow]) -> bool:
    question = f"deliveries that are dead or have dead actions: {len(dead)}; retry them all? [y/N] "
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.isatty() and sys.stdin.readline().strip().lower() in ("y", "yes")


def _retry_one(parts: Parts, guid: str) -> int:
    history = parts.history
    try:
        retried = history.retry(guid)
    except (UnknownDelivery, WrongState) as error:
        print(error, file=sys.stderr)
        return 1
    if retried:
        delivery = history.root(retried[0])
        parts.record("retry", f"{delivery.kind} {delivery.subject}", delivery)
    for job in retried:
        print(f"{guid}: will be retried: {history.words(job)}")
    if not retried:
        print(f"{guid}: nothing to retry")
    return 0
