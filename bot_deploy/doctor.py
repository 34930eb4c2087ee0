"""`doctor`: checks the bot's health, one line a check, with a remedy for what is wrong."""

import json
import os
import sys

from bot.operations.doctor import Finding, Verdict, examine
from bot_deploy.arguments import said_if_slow, subcommand_parser
from bot_deploy.config.secrets_file import add_part
from bot_deploy.config.sources import ConfigError
from bot_deploy.wiring.doctor import checks
from luggage.crypto import SecretError
from luggage.database import DatabaseUrlError

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "check the installation, and suggest a remedy for each problem"


def main(argv: list[str]) -> int:
    """Print each check as it ends; returns 0, or 1 if one failed. Changes nothing."""
    parser = subcommand_parser(
        argv, f"{SUMMARY}; changes nothing, and exits with 1 if a check fails"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list")
    add_part(parser)
    options = parser.parse_args(argv[1:])
    findings = []
    expected = (ConfigError, SecretError, DatabaseUrlError)
    with said_if_slow("a check asks GitHub or waits for the database"):
        for name, finding in examine(checks(os.environ, options.part), expected=expected):
            findings.append((name, finding))
            if not options.json:
                _say(name, finding)
    if options.json:
        print(json.dumps([_as_json(name, finding) for name, finding in findings], indent=2))
    return 1 if any(finding.verdict is Verdict.FAILED for _, finding in findings) else 0


def _as_json(name: str, finding: Finding) -> dict[str, str]:
    return {
        "check": name,
        "verdict": finding.verdict,
        "detail": finding.detail,
        "remedy": finding.remedy,
    }


def _say(name: str, finding: Finding) -> None:
    verdict = "FAILED" if finding.verdict is Verdict.FAILED else str(finding.verdict)
    print(f"{verdict:8} {name:14} {finding.detail}")
    if finding.remedy:
        print(f"{'':8} {'':14} -> {finding.remedy}")
    sys.stdout.flush()
