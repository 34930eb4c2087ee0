"""`decrypt`: shows one value."""

import os

from bot_deploy.config.secrets_file import (
    add_key_file,
    keys_from,
    new_parser,
    open_config,
    parse,
    say,
)
from luggage.crypto import NameUnknown

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "show one value of config.toml in clear"


def main(argv: list[str]) -> int:
    """Print the value, or each of a list; returns 0, or 1 if it does not open."""
    parser = new_parser(argv, f"{SUMMARY}; the values of a list one after the other.")
    parser.add_argument("name", metavar="NAME", help="as `list` shows it: github.private_key")
    add_key_file(parser)
    options = parse(parser, argv)
    secrets = open_config(options.config, keys_from(options.key_file, os.environ))
    if options.name not in secrets:
        known = ", ".join(sorted(secrets)) or "none"
        raise NameUnknown(f"{options.name} is not in config.toml; there are {known}")
    for value in secrets[options.name].reveal_all():
        say(value)
    return 0
