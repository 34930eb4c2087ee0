"""`keygen`: makes the first key pair."""

import sys

from bot_deploy.config import secrets_file
from luggage.crypto import PrivateKey
from luggage.crypto.document import Document

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "make a key pair: the public half into config.toml, the private half into a new file"
_MORE = "A config.toml that --config or BOT_CONFIG names, and that is not there, is made."


def main(argv: list[str]) -> int:
    """Make a pair; returns 0, or 1 if there is one already, or a file is in the way."""
    parser = secrets_file.new_parser(argv, f"{SUMMARY}. {_MORE}")
    secrets_file.add_private_half(parser, "secret.key")
    parser.add_argument("--add", action="store_true", help="one more pair, beside those there")
    options = secrets_file.parse(parser, argv)
    path = secrets_file.config_to_write(options.config)
    document = Document(secrets_file.read_or_begin(path))
    key = PrivateKey.generate()
    document.add_key(key.public, beside_others=options.add)
    with secrets_file.handed_over(key, None if options.stdout else options.private_key) as where:
        secrets_file.write_config(path, document)
    sys.stderr.write(
        f"pair {key.id}: public half in {path}, private half in {where}; keep that safe\n"
    )
    return 0
