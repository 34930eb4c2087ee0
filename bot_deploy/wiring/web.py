"""The Flask app, wired. Not a subcommand: `gunicorn` serves it."""

import time

import requests
from flask import Flask
from sqlalchemy import Engine
from werkzeug.exceptions import HTTPException

from bot.parse import ParseBoard
from bot.store.board import SqlBoard
from bot.store.totals import Bookkeeper, Totals
from bot.web import app as web
from bot.web import console
from bot.web.cached_board import CachedBoard
from bot.web.metrics import Exposition
from bot.web.metrics import blueprint as exposition_blueprint
from bot.web.sessions import Sessions
from bot.web.shared import protect
from bot.web.sign_in import SignIn
from bot_deploy.arguments import program
from bot_deploy.config import Config
from bot_deploy.version import build
from bot_deploy.wiring.parts import open_database, own_name, parse_client
from luggage.github import OAuth, make_session
from luggage.jobs import Queue, notifier
from luggage.telemetry.meter import Meter


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
    queue = Queue(engine, clock=time.time, wake=notifier(engine, config.data / "wake"))
    board = SqlBoard(engine, clock=time.time)
    reception = web.WebDependencies(
        name=app_settings.user_agent,
        secrets=config.webhook_secrets(),
        queue=queue,
        board=board,
        clock=time.time,
        settle_seconds=config.settle_seconds,
        meter=meter,
        cached_board=_cached_board(config, board),
    )
    desk = console.Console(
        name=app_settings.user_agent,
        engine=engine,
        queue=queue,
        board=board,
        sign_in=sign_in(config, engine),
        clock=time.time,
    )
    app = Flask("bot", static_folder=None)
    app.register_blueprint(web.blueprint(reception))
    app.register_blueprint(console.blueprint(desk))
    app.register_error_handler(HTTPException, web.refused)
    app.extensions["bookkeeper"] = Bookkeeper(meter, totals)
    if token:
        exposition = Exposition(
            engine=engine,
            queue=queue,
            board=board,
            totals=totals,
            build=build,
            clock=time.time,
        )
        app.register_blueprint(exposition_blueprint(exposition, token))
    app.after_request(protect)  # what no blueprint answers too
    return app


def sign_in(config: Config, engine: Engine) -> SignIn:
    """How people come into the console: with a link, and with GitHub where that is configured.

    Raises ConfigError where there is a client id without a secret.
    """
    settings = config.needed_app()
    oauth = None
    if settings.client_id:
        oauth = OAuth(
            client_id=settings.client_id,
            client_secret=settings.client_secret(),
            user_agent=settings.user_agent,
            server_url=config.server_url,
            api_url=config.api_url,
            session=make_session(
                proxies=requests.utils.get_environ_proxies(config.server_url),
                verify=config.ca_bundle or True,
            ),
            clock=time.time,
        )
    sessions = Sessions(engine, clock=time.time)
    return SignIn(
        sessions=sessions,
        oauth=oauth,
        program=program(),
        organizations=settings.organizations,
    )


def _cached_board(config: Config, own: SqlBoard) -> CachedBoard | None:
    """What shows the lines of a board on Parse; None where the board is in the database."""
    if config.board is None:
        return None
    board = ParseBoard(parse_client(config, config.board.lines()))
    return CachedBoard(board, own, clock=time.time)
