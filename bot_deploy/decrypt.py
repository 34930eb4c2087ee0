"""`decrypt`: shows one value."""

from bot_deploy.config import secrets_file
from luggage.crypto import NameUnknown

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "print one value of config.toml in clear"


def main(argv: list[str]) -> int:
    """Print the value, or each of a list; returns 0. Raises NameUnknown and other SecretErrors."""
    parser = secrets_file.new_parser(argv, f"{SUMMARY}; a list prints each of its values")
    parser.add_argument(
        "name",
        metavar="NAME",
        help="name of the value, such as github.private_key (see `list`)",
    )
    secrets_file.add_key_file(parser)
    options = secrets_file.parse(parser, argv)
    file = secrets_file.read_config(options.config)
    secrets = secrets_file.open_config(file, options.key_file, options.config)
    if options.name not in secrets:
        known = ", ".join(sorted(secrets)) or "none"
        raise NameUnknown(f"{options.name} is not in {file.source}, which has: {known}")
    for value in secrets[options.name].reveal_all():
        secrets_file.say(value)
    return 0
