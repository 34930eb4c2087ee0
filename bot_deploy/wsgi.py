"""The Flask app, wired. Not a subcommand: `gunicorn` serves it."""

import time

from flask import Flask
from werkzeug.exceptions import HTTPException

from bot import web
from bot.board import SqlBoard
from bot_deploy.config import Config
from bot_deploy.wiring import open_database
from luggage.jobs import Queue, notifier


def make_app(config: Config) -> Flask:
    """The web process of the bot, for any WSGI server.

    Raises ConfigError where no App is configured: without a secret nothing could be verified.
    With BOT_RECEIVE=poll there is no webhook, and so none is needed.
    """
    app_settings = config.needed_app()
    engine = open_database(config)
    reception = web.Reception(
        name=app_settings.user_agent,
        secrets=config.webhook_secrets(),
        queue=Queue(engine, clock=time.time, wake=notifier(engine, config.data / "wake")),
        board=SqlBoard(engine, clock=time.time),
        clock=time.time,
        settle_seconds=config.settle_seconds,
    )
    app = Flask("bot", static_folder=None)
    app.register_blueprint(web.blueprint(reception))
    app.register_error_handler(HTTPException, web.refused)
    return app
