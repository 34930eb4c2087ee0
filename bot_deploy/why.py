"""`why`: traces a comment, by its address or hidden marker, to its action, rule and delivery."""

import json
import os

from bot.operations.history import report
from bot.operations.why import GithubTexts, Why, details, parse_target
from bot_deploy.arguments import said_if_slow, subcommand_parser
from bot_deploy.config import load
from bot_deploy.wiring.parts import open_parts

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "explain why the bot wrote a comment: its delivery, rule and settings"


def main(argv: list[str]) -> int:
    """Print the trace; returns 0. Only the database is read if no App is configured.

    Raises NotOurs for what the bot did not write, and luggage.github's RequestFailed if GitHub
    could not answer.
    """
    parser = subcommand_parser(argv, SUMMARY)
    parser.add_argument(
        "said",
        metavar="URL|MARKER",
        help="the comment's address on GitHub or in its API, or its marker (portmanteau:...)",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    options = parser.parse_args(argv[1:])
    comment = parse_target(options.said)
    if comment is None:
        parser.error(
            "name a comment by its address, such as "
            "https://github.com/OWNER/NAME/issues/7#issuecomment-123, or by its marker: "
            "portmanteau: and 24 hexadecimal digits"
        )
    config = load(os.environ)
    with open_parts(config) as parts, said_if_slow("asking GitHub for the comment"):
        github = GithubTexts(parts.app) if config.app else None
        answer = Why(parts.history, parts.queue, github)(comment)
    if options.json:
        action, delivery = report.as_json(answer.action), report.as_json(answer.delivery)
        print(json.dumps({"action": action, "delivery": delivery}, indent=2))
    else:
        print("\n".join(details(answer)))
    return 0
