"""`console`: prints a link that signs its reader in at the console, once."""

import os

from bot_deploy.arguments import address, subcommand_parser
from bot_deploy.config import load
from bot_deploy.wiring.parts import open_parts

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "print a link that signs you in to the console, once and within ten minutes"


def main(argv: list[str]) -> int:
    """Print a new link, and nothing else on stdout; returns 0. Raises what `open_parts` raises."""
    parser = subcommand_parser(argv, SUMMARY)
    parser.add_argument(
        "--url",
        type=address,
        help="address of the bot, https://... (default: http://localhost:PORT)",
    )
    options = parser.parse_args(argv[1:])
    config = load(os.environ)
    with open_parts(config) as parts:
        token = parts.sessions.make_link()
        parts.record("print a sign-in link")
    base = (options.url or f"http://localhost:{config.port}").rstrip("/")
    print(f"{base}/console/sign-in/link/{token}")
    return 0
