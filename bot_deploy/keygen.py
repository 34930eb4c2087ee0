"""`keygen`: makes the first key pair."""

import sys

from bot_deploy.config.secrets_file import (
    add_private_half,
    config_to_write,
    handed_over,
    new_parser,
    parse,
    read_or_begin,
    write_config,
)
from luggage.crypto import PrivateKey
from luggage.crypto.document import Document

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "make a key pair: the public half into config.toml, the private half into a new file"
_MORE = "A config.toml that --config or BOT_CONFIG names, and that is not there, is made."


def main(argv: list[str]) -> int:
    """Make a pair; returns 0, or 1 if there is one already, or a file is in the way."""
    parser = new_parser(argv, f"{SUMMARY}. {_MORE}")
    add_private_half(parser, "secret.key")
    parser.add_argument("--add", action="store_true", help="one more pair, beside those there")
    options = parse(parser, argv)
    path = config_to_write(options.config)
    document = Document(read_or_begin(path))
    key = PrivateKey.generate()
    document.add_key(key.public, beside_others=options.add)
    with handed_over(key, None if options.stdout else options.private_key) as where:
        write_config(path, document)
    sys.stderr.write(
        f"pair {key.id}: public half in {path}, private half in {where}; keep that safe\n"
    )
    return 0
