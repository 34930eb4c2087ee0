"""`check`: reports whether every value that the bot needs is present and can be opened."""

import json
import os
from collections.abc import Iterator, Mapping

from bot_deploy.config import secrets_file
from bot_deploy.config.sources import KNOWN, Sources
from luggage.crypto import SecretError, Secrets
from luggage.crypto.document import Document

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "check that every value the bot needs is present and can be opened"


def main(argv: list[str]) -> int:
    """Print a line for each value, without the value; returns 0 if none failed, else 1."""
    parser = secrets_file.new_parser(
        argv, f"{SUMMARY}, in config.toml or the environment; exits with 1 if one fails"
    )
    secrets_file.add_key_file(parser)
    secrets_file.add_part(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON list")
    options = secrets_file.parse(parser, argv)
    document = Document(secrets_file.read_config(options.config))
    secrets = secrets_file.open_config(options.config, options.key_file)
    verdicts = list(_verdicts(document, secrets, os.environ, options.part))
    if options.json:
        found = [{"ok": is_ok, "detail": line} for is_ok, line in verdicts]
        secrets_file.say(json.dumps(found, indent=2))
    for is_ok, line in () if options.json else verdicts:
        secrets_file.say(f"{'ok' if is_ok else 'FAILED':6}  {line}")
    return 0 if all(is_ok for is_ok, _ in verdicts) else 1


def _verdicts(
    document: Document, secrets: Secrets, environ: Mapping[str, str], part: str
) -> Iterator[tuple[bool, str]]:
    sealed = {entry.name for entry in document.entries() if entry.key_id is not None}
    on_parse = Sources(environ, secrets).value("board.backend") == "parse"
    for name, setting in KNOWN.items():
        if not setting.is_for(part):
            continue
        variable = next((v for v in setting.current if environ.get(v)), None)
        if name in secrets:
            yield _verdict(name, secrets, sealed=name in sealed)
        elif variable:
            yield True, f"{name}: from {variable}"
        elif setting.for_parse and on_parse:
            yield False, f"{name}: missing; run `encrypt {name}` or set {setting.variable}"
        elif setting.needed and not (setting.for_webhook and environ.get("BOT_RECEIVE") == "poll"):
            yield False, f"{name}: missing; run `encrypt {name}` or set {setting.variable}_FILE"
    for name in sorted(sealed - KNOWN.keys()):
        yield _verdict(name, secrets, sealed=True)


def _verdict(name: str, secrets: Secrets, *, sealed: bool) -> tuple[bool, str]:
    try:
        values = secrets[name].reveal_all()
    except SecretError as error:
        return False, str(error)
    if not all(values):
        return False, f"{name}: empty; run `encrypt {name}`"
    if not sealed and name in KNOWN and KNOWN[name].secret:
        return (
            False,
            f"{name}: not sealed; replace this secret, then run `encrypt {name}`",
        )
    return True, f"{name}: {'opens' if sealed else 'plain'}"
