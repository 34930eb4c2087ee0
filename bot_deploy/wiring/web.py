"""The Flask app of the web process, for any WSGI server."""

from flask import Flask
from werkzeug.exceptions import HTTPException

from bot.parse import ParseBoard
from bot.store.totals import Bookkeeper
from bot.web import app as web
from bot.web import console
from bot.web.cached_board import CachedBoard
from bot.web.errors import refused
from bot.web.metrics import Exposition
from bot.web.metrics import blueprint as exposition_blueprint
from bot.web.shared import protect, redirect_relatively
from bot.web.sign_in import SignIn
from bot_deploy.arguments import program
from bot_deploy.config import Config
from bot_deploy.version import build
from bot_deploy.wiring.parts import Parts, clock, http_session, open_database, parse_client
from luggage.database import DamageWatch
from luggage.github import OAuth


def make_app(config: Config, command: str = "") -> Flask:
    """Return the web process's app.

    `command` runs the subcommands, for help texts; by default it is what runs this program.

    The server enters its `app.extensions["bookkeeper"]`, which adds counters to the totals, and
    asks `app.extensions["readiness"]` for the problems that make the bot not ready.
    Raises ConfigError if no App is configured: no delivery could be verified. A bot that fetches
    deliveries needs no webhook secret.
    """
    settings, token = config.needed_app(), config.metrics_token()
    parts = Parts(config=config, engine=open_database(config))
    app = Flask("bot", static_folder=None)
    dependencies = web.WebDependencies(
        name=settings.user_agent,
        secrets=config.webhook_secrets(),
        queue=parts.queue,
        board=parts.board,
        clock=clock,
        settle_seconds=config.settle_seconds,
        meter=parts.meter,
        cached_board=_cached_board(parts),
        damage=DamageWatch(parts.engine),
        poll_seconds=config.poll_seconds,
    )
    app.register_blueprint(web.blueprint(dependencies))
    app.register_blueprint(
        console.blueprint(
            console.Console(
                name=settings.user_agent,
                engine=parts.engine,
                queue=parts.queue,
                board=parts.board,
                sign_in=_sign_in(parts, command or program()),
                clock=clock,
                server_url=config.server_url,
            )
        )
    )
    app.register_error_handler(HTTPException, refused)
    app.extensions["bookkeeper"] = Bookkeeper(parts.meter, parts.totals)
    app.extensions["readiness"] = dependencies.readiness
    if token:
        exposition = Exposition(
            engine=parts.engine,
            queue=parts.queue,
            board=parts.board,
            totals=parts.totals,
            build=build,
            clock=clock,
        )
        app.register_blueprint(exposition_blueprint(exposition, token))
    app.before_request(redirect_relatively)
    app.after_request(protect)  # also for answers that no blueprint gives
    return app


def _sign_in(parts: Parts, command: str) -> SignIn:
    """Return the console's sign-in: by a link, and with GitHub if a client id is configured.

    Raises ConfigError for a client id without a secret.
    """
    config, settings, oauth = parts.config, parts.config.needed_app(), None
    if settings.client_id:
        oauth = OAuth(
            client_id=settings.client_id,
            client_secret=settings.client_secret(),
            user_agent=settings.user_agent,
            server_url=config.server_url,
            api_url=config.api_url,
            session=http_session(config, config.server_url),
            clock=clock,
        )
    return SignIn(
        sessions=parts.sessions,
        oauth=oauth,
        program=command,
        organizations=settings.organizations,
    )


def _cached_board(parts: Parts) -> CachedBoard | None:
    """Return the cached board on Parse; None if the board is in the database."""
    if parts.config.board is None:
        return None
    board = ParseBoard(parse_client(parts.config, parts.config.board.lines()))
    return CachedBoard(board, parts.board, clock=clock)
