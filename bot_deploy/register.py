"""`register`: makes the GitHub App, and seals its secrets into config.toml."""

import os
import re

from bot_deploy.arguments import address, port_number
from bot_deploy.config.secrets_file import new_parser, parse
from bot_deploy.registration.local_page import register
from luggage.github.manifest import LONGEST_NAME

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "make the GitHub App in two clicks, and seal its secrets into config.toml"

_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}")


def main(argv: list[str]) -> int:
    """Serve the page until the App is made; returns 0, or 1 with the problem on stderr.

    Raises ConfigError for settings that cannot be used.
    """
    parser = new_parser(argv, f"{SUMMARY}. docs/tutorial.md leads through it.")
    add = parser.add_argument
    add("--organization", required=True, metavar="ORG", help="the App belongs to it")
    add(
        "--url",
        type=address,
        metavar="https://HOST",
        help="where GitHub reaches the bot; without it deliveries are fetched (BOT_RECEIVE=poll)",
    )
    add("--name", help=f"of the App, up to {LONGEST_NAME} letters; GitHub's page asks again")
    add("--port", type=port_number, default=0, help="of the local page; default: a free one")
    add("--replace", action="store_true", help="put the new App in the place of one there is")
    add("--no-browser", action="store_true", help="only print the address of the local page")
    options = parse(parser, argv)
    if not _LOGIN.fullmatch(options.organization):
        parser.error("--organization must be the organisation's name as in its address at GitHub")
    return register(options, os.environ)
