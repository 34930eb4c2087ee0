"""`rotate`: replaces the key pair, and seals every value again."""

import os
import sys

from bot_deploy.config.secrets_file import (
    add_key_file,
    add_private_half,
    config_to_write,
    handed_over,
    keys_from,
    new_parser,
    parse,
    read_config,
    write_config,
)
from luggage.crypto import PrivateKey
from luggage.crypto.document import Document

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "make a new key pair and seal every value again for it; the old key is retired"


def main(argv: list[str]) -> int:
    """Rotate; returns 0, or 1, with nothing changed, if a value cannot be opened."""
    parser = new_parser(
        argv,
        f"{SUMMARY}. What was sealed for the old key stays readable with it in the history: after "
        "a leak, change the values themselves too (docs/howto/secrets.md).",
    )
    add_key_file(parser)
    add_private_half(parser, "secret.key.new")
    options = parse(parser, argv)
    path = config_to_write(options.config)
    document = Document(read_config(path))
    retired = ", ".join(document.live_keys()) or "none"
    key = PrivateKey.generate()
    count = document.reseal(keys_from(options.key_file, os.environ), key.public)
    with handed_over(key, None if options.stdout else options.private_key) as where:
        write_config(path, document)
    sys.stderr.write(
        f"pair {key.id}: {count} values sealed again in {path}, private half in {where}; "
        f"retired: {retired}\n"
    )
    return 0
