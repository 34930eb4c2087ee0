"""`preview`: compares a settings file with the settings in force, over the last deliveries."""

import argparse
import json
import math
import os
import sys
from dataclasses import replace
from pathlib import Path

from bot.operations.preview.comparison import LAST
from bot.operations.preview.words import lines, values
from bot.options.kinds import messages
from bot.settings.layers import SettingsError, decode
from bot_deploy.arguments import said_if_slow, subcommand_parser, whole_number
from bot_deploy.config import load
from bot_deploy.wiring.loop import make_previewer
from bot_deploy.wiring.parts import open_parts

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "show what a settings file would have changed; performs nothing"


def main(argv: list[str]) -> int:
    """Print the differences; returns 0, or 1 after it printed the problems of an invalid file.

    Raises OSError for a file that cannot be read.
    """
    options = _parse(argv)
    config = load(os.environ)
    data = Path(options.file).read_bytes()
    slow = said_if_slow(f"evaluating up to {options.last} deliveries with both settings")
    with open_parts(config) as parts, slow:
        try:
            text = decode(data, source=options.file)
            previewer = replace(make_previewer(parts, parts.people), seconds=math.inf)
            preview = previewer.preview(
                text, options.repository, client=None, most=0, last=options.last
            )
        except SettingsError as error:
            print("\n".join(messages(error.problems, options.file)), file=sys.stderr)
            return 1
    print(json.dumps(values(preview), indent=2) if options.json else "\n".join(lines(preview)))
    return 0


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = subcommand_parser(
        argv,
        f"{SUMMARY}. Reads only the bot's database, not GitHub, and counts the "
        "deliveries that the database cannot answer for.",
    )
    parser.add_argument("file", metavar="FILE", help="the file that would become .github/bot.toml")
    parser.add_argument(
        "--repository",
        metavar="OWNER/NAME",
        required=True,
        type=_full_name,
        help="its repository; OWNER/.github for a whole organisation",
    )
    parser.add_argument(
        "--last",
        type=whole_number,
        metavar="N",
        default=LAST,
        help=f"number of deliveries (default: {LAST})",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    return parser.parse_args(argv[1:])


def _full_name(text: str) -> str:
    owner, slash, name = text.partition("/")
    if not (owner and slash and name) or "/" in name:
        raise argparse.ArgumentTypeError(f"a repository is named OWNER/NAME, not {text!r}")
    return text
