"""The Flask app, wired. Not a subcommand: `gunicorn` serves it."""

import time

from flask import Flask
from werkzeug.exceptions import HTTPException

from bot import web
from bot.board import SqlBoard
from bot.exposition import Exposition
from bot.exposition import blueprint as exposition_blueprint
from bot.totals import Bookkeeper, Totals
from bot_deploy.config import Config
from bot_deploy.version import build
from bot_deploy.wiring import open_database, own_name
from luggage.jobs import Queue, notifier
from luggage.meter import Meter


def make_app(config: Config) -> Flask:
    """The web process of the bot, for any WSGI server.

    Raises ConfigError where no App is configured: without a secret nothing could be verified.
    With BOT_RECEIVE=poll there is no webhook, and so none is needed. Whoever serves it enters the
    context `app.extensions["bookkeeper"]`, which adds what is counted to the totals.
    """
    app_settings = config.needed_app()
    token = config.metrics_token()
    engine = open_database(config)
    meter = Meter(time.monotonic)
    totals = Totals(engine, name=own_name(), clock=time.time)
    reception = web.Reception(
        name=app_settings.user_agent,
        secrets=config.webhook_secrets(),
        queue=Queue(engine, clock=time.time, wake=notifier(engine, config.data / "wake")),
        board=SqlBoard(engine, clock=time.time),
        clock=time.time,
        settle_seconds=config.settle_seconds,
        meter=meter,
    )
    app = Flask("bot", static_folder=None)
    app.register_blueprint(web.blueprint(reception))
    app.register_error_handler(HTTPException, web.refused)
    app.extensions["bookkeeper"] = Bookkeeper(meter, totals)
    if token:
        exposition = Exposition(
            engine=engine,
            queue=reception.queue,
            board=reception.board,
            totals=totals,
            build=build,
            clock=time.time,
        )
        app.register_blueprint(exposition_blueprint(exposition, token))
    return app
