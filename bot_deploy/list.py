"""`list`: lists the names in config.toml, sealed or plain."""

import json
from collections.abc import Collection

from bot_deploy.config.secrets_file import edit, new_parser, parse, read_config, say
from luggage.crypto.document import Entry

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "list the names in config.toml and the keys they are sealed for; never a value"


def main(argv: list[str]) -> int:
    """Print a line for each value; returns 0, or 1 if the document cannot be read."""
    parser = new_parser(argv, f"{SUMMARY}.")
    parser.add_argument("--json", action="store_true", help="print a JSON list")
    options = parse(parser, argv)
    document = edit(read_config(options.config))
    live, entries = document.live_keys(), list(document.entries())
    if options.json:
        say(json.dumps([_as_json(entry, live) for entry in entries], indent=2))
        return 0
    width = max((len(_label(entry)) for entry in entries), default=0)
    for entry in entries:
        say(f"{_label(entry):{width}}  {_state(entry, live)}")
    return 0


def _as_json(entry: Entry, live: Collection[str]) -> dict[str, object]:
    return {
        "name": entry.name,
        "number": entry.number,
        "count": entry.count,
        "key": entry.key_id,
        "retired": entry.key_id is not None and entry.key_id not in live,
    }


def _label(entry: Entry) -> str:
    many = f" ({entry.number} of {entry.count})" if entry.count > 1 else ""
    return f"{entry.name}{many}"


def _state(entry: Entry, live: Collection[str]) -> str:
    if entry.key_id is None:
        return "plain"
    retired = "" if entry.key_id in live else " (retired key; seal it again)"
    return f"sealed  {entry.key_id}{retired}"
