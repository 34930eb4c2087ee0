"""`version`: prints the version, the commit, and the versions of all parts."""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import bot_deploy
from bot_deploy.arguments import subcommand_parser
from luggage.buildpex import Provenance, provenance
from luggage.telemetry.redact import iso

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "print the version, the commit, and the versions of Python and all dependencies"


def main(argv: list[str]) -> int:
    """Print the versions, for people or as JSON; returns 0."""
    parser = subcommand_parser(argv, SUMMARY, config=False)
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    options = parser.parse_args(argv[1:])
    found = provenance("portmanteau", Path(bot_deploy.__file__).parent)
    print(as_json(found) if options.json else as_text(found))
    return 0


@cache
def build() -> dict[str, str]:
    """Return version, commit and Python, as /metrics names them; cached."""
    found = provenance("portmanteau", Path(bot_deploy.__file__).parent)
    return {"version": found.version, "commit": found.commit.hash, "python": found.python}


def release() -> str:
    """Return version and commit, `1.0.0+0123456789ab`, as crash reports name them."""
    return f"{build()['version']}+{build()['commit'][:12]}"


def as_json(found: Provenance) -> str:
    """Return the provenance as one JSON object."""
    return json.dumps(
        {
            "name": found.name,
            "version": found.version,
            "commit": found.commit.hash,
            "committed_at": iso(found.commit.committed_at) if found.commit.committed_at else None,
            "python": found.python,
            "parts": dict(found.parts),
        }
    )


def as_text(found: Provenance) -> str:
    """Return the provenance in lines, the bot's own first."""
    committed = datetime.fromtimestamp(found.commit.committed_at, UTC).date()
    of = f"commit {found.commit.hash}" + (f" of {committed}" if found.commit.committed_at else "")
    lines = [f"{found.name} {found.version}, {of}", f"Python {found.python}"]
    return "\n".join(lines + [f"{name} {version}" for name, version in found.parts.items()])
