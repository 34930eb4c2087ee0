"""`rotate`: replaces the key pair, and seals every value again."""

import sys

from bot_deploy.config import secrets_file
from bot_deploy.config.sources import part_of

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "create a new key pair, seal every value for it, and retire the old key"


def main(argv: list[str]) -> int:
    """Rotate; returns 0, or 1, with nothing changed, if a value cannot be opened."""
    parser = secrets_file.new_parser(
        argv,
        f"{SUMMARY}. The old key still opens earlier versions of the file: after a leak, "
        "change the secrets themselves too (docs/howto/secrets.md).",
    )
    secrets_file.add_key_file(parser)
    secrets_file.add_private_half(parser, "secret.key.new")
    options = secrets_file.parse(parser, argv)
    path = secrets_file.config_to_write(options.config)
    document = secrets_file.edit(secrets_file.read_config(path))
    retired = ", ".join(document.live_keys()) or "none"
    with_parts = options.parts or bool(document.part_keys())
    secrets_file.refuse_parts_on_stdout(parser, stdout=options.stdout, parts=with_parts)
    pairs = secrets_file.NewPairs.generate(with_parts=with_parts)
    key = pairs.shared
    count = document.reseal(
        secrets_file.keys_from(options.key_file, options.config),
        key.public,
        parts=pairs.public_parts,
        part_of=part_of,
    )
    place = options.private_key or secrets_file.private_half(path, "secret.key.new")
    with secrets_file.handed_over(pairs, None if options.stdout else place) as where:
        secrets_file.write_config(path, document)
    sys.stderr.write(
        f"pair {key.id}: {count} values sealed again in {path}, private key in {where}; "
        f"retired: {retired}\n"
    )
    return 0
