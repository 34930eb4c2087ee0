"""`register`: makes the GitHub App, and seals its secrets into config.toml."""

import os
import re

from bot_deploy.arguments import address, port_number
from bot_deploy.config.secrets_file import new_parser, parse
from bot_deploy.registration.local_page import register
from luggage.github.manifest import LONGEST_NAME

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "create the GitHub App in two clicks, and seal its secrets into config.toml"

_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}")


def main(argv: list[str]) -> int:
    """Serve the page until the App is made; returns 0, or 1 with the problem on stderr.

    Raises ConfigError for settings that cannot be used.
    """
    parser = new_parser(argv, f"{SUMMARY}. See docs/tutorial.md.")
    add = parser.add_argument
    add(
        "--organization",
        required=True,
        metavar="ORG",
        help="the organisation that will own the App",
    )
    add(
        "--url",
        type=address,
        metavar="https://HOST",
        help="public address of the bot; without it, the bot fetches its deliveries",
    )
    add(
        "--name",
        help=f"name of the App, up to {LONGEST_NAME} letters; you can change it on GitHub's page",
    )
    add("--port", type=port_number, default=0, help="port of the local page (default: a free one)")
    add("--replace", action="store_true", help="replace the App in config.toml")
    add(
        "--no-browser",
        action="store_true",
        help="print the address of the local page instead of opening it",
    )
    options = parse(parser, argv)
    if not _LOGIN.fullmatch(options.organization):
        parser.error(
            "--organization must be the name in the organisation's address: https://github.com/ORG"
        )
    return register(options, os.environ)
