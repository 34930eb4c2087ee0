"""`why`: from a comment's address, or its hidden marker, to action, rule and delivery."""

import json
import os
import time

from sqlalchemy import Engine

from bot.operations.history import report
from bot.operations.history.deliveries import DeliveryHistory
from bot.operations.why import AtGithub, Why, said, story
from bot_deploy.arguments import subcommand_parser
from bot_deploy.config import Config, load
from bot_deploy.loop import github_app
from bot_deploy.wiring.parts import open_queue
from luggage.jobs import Leadership
from luggage.telemetry.meter import Meter

BOT_DEPLOY_MAIN_OK = True
SUMMARY = "tell why the bot wrote a comment: the delivery, the rule, the settings"


def main(argv: list[str]) -> int:
    """Tell it; returns 0.

    Raises NotOurs for what the bot did not write, and luggage.github's RequestFailed where GitHub
    had to be asked and could not be.
    """
    parser = subcommand_parser(argv, SUMMARY)
    parser.add_argument(
        "said",
        metavar="URL|MARKER",
        help="a comment's address, at GitHub or in its API, or its marker (portmanteau:...)",
    )
    parser.add_argument("--json", action="store_true", help="a JSON object")
    options = parser.parse_args(argv[1:])
    wanted = said(options.said)
    if wanted is None:
        parser.error(
            "this is no comment's address, such as "
            "https://github.com/OWNER/NAME/issues/7#issuecomment-123, and no marker, which is "
            "portmanteau: and 24 digits of 0-9a-f"
        )
    config = load(os.environ)
    with open_queue(config) as (engine, queue):
        history = DeliveryHistory(queue, clock=time.time)
        answer = Why(history, queue, _at_github(config, engine))(wanted)
    if options.json:
        told = {
            "action": report.as_json(answer.action),
            "delivery": report.as_json(answer.delivery),
        }
        print(json.dumps(told, indent=2))
        return 0
    for line in story(answer):
        print(line)
    return 0


def _at_github(config: Config, engine: Engine) -> AtGithub | None:
    """None where no App is configured: then only the database is asked."""
    if config.app is None:
        return None
    leadership = Leadership(engine, time.time)
    return AtGithub(github_app(config, engine, leadership, f"why:{os.getpid()}", Meter()))
