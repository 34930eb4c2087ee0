"""`console`: print a link that signs somebody in at the console, once."""

import os
import time

from bot.web.sessions import Sessions
from bot_deploy.arguments import address, subcommand_parser
from bot_deploy.config import load
from bot_deploy.wiring.parts import open_queue

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "print a link that signs you in at the console: good once, and for ten minutes"


def main(argv: list[str]) -> int:
    """Print the link, and nothing else on stdout; returns 0. Each call makes another one.

    Raises SchemaError where the database is of another version of the bot.
    """
    parser = subcommand_parser(argv, SUMMARY)
    parser.add_argument(
        "--url",
        type=address,
        help="where the bot is reached, https://...; default: this machine, and PORT",
    )
    options = parser.parse_args(argv[1:])
    config = load(os.environ)
    with open_queue(config) as (engine, _queue):
        token = Sessions(engine, clock=time.time).make_link()
    base = (options.url or f"http://localhost:{config.port}").rstrip("/")
    print(f"{base}/console/sign-in/link/{token}")
    return 0
