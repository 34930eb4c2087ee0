"""`keygen`: creates a key pair."""

import sys

from bot_deploy.config import secrets_file

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "create a key pair: the public key in config.toml, the private key in a new file"
_MORE = "Creates the config.toml if it does not exist."


def main(argv: list[str]) -> int:
    """Create a pair; returns 0, or 1 if one exists (without --add), or the file exists."""
    parser = secrets_file.new_parser(argv, f"{SUMMARY}. {_MORE}")
    secrets_file.add_private_half(parser, "secret.key")
    parser.add_argument("--add", action="store_true", help="add a pair to the existing ones")
    options = secrets_file.parse(parser, argv)
    secrets_file.refuse_parts_on_stdout(parser, stdout=options.stdout, parts=options.parts)
    path = secrets_file.config_to_write(options.config)
    document = secrets_file.edit(secrets_file.read_or_begin(path))
    pairs = secrets_file.NewPairs.generate(with_parts=options.parts)
    key = pairs.shared
    document.add_key(key.public, beside_others=options.add, parts=pairs.public_parts)
    place = options.private_key or secrets_file.private_half(path, "secret.key")
    with secrets_file.handed_over(pairs, None if options.stdout else place) as where:
        secrets_file.write_config(path, document)
    sys.stderr.write(
        f"pair {key.id}: public key in {path}, private key in {where}; keep the private key safe\n"
    )
    return 0
