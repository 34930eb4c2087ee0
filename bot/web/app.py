"""Flask blueprint of the web process: webhook, status page and health checks."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

from flask import Blueprint, Flask
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import MethodNotAllowed

from bot.store.board import ASLEEP_AFTER_SECONDS, SqlBoard
from bot.web.cached_board import BoardView
from bot.web.errors import problem
from bot.web.shared import set_up_pages
from bot.web.status import Status, add_status
from bot.web.webhook import DATABASE_AWAY, PATH, Webhook
from luggage.database import unavailable
from luggage.jobs import GroupCommit, Queue
from luggage.telemetry.meter import Meter

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class WebDependencies:
    """The dependencies of the web process.

    `secrets` are the valid webhook secrets; None turns the webhook off, if the bot fetches
    deliveries instead, every `poll_seconds`. `cached_board` returns the lines of a board on another
    server. `damage` returns what is damaged in the database, with the remedy; "" for nothing.
    """

    name: str
    secrets: Sequence[str] | None
    queue: Queue
    board: SqlBoard
    clock: Callable[[], float]
    settle_seconds: float
    meter: Meter = field(default_factory=Meter)
    cached_board: Callable[[], BoardView] | None = None
    damage: Callable[[], str] = lambda: ""
    poll_seconds: float = 5.0

    def status(self) -> Status:
        """The status page of this process."""
        return Status(
            self.name,
            self.queue,
            self.board,
            clock=self.clock,
            cached_board=self.cached_board,
            poll_seconds=self.poll_seconds if self.secrets is None else None,
        )

    def readiness(self) -> dict[str, str]:
        """The problems that make the bot not ready, by component; empty if it is ready.

        Raises SQLAlchemyError if the database does not respond.
        """
        if damage := self.damage():
            log.error("%s", damage)
            return {"database": "damaged; its operator finds the remedy in the log"}
        beat_at = self.board.last_beat_at()
        if beat_at is None or self.clock() - beat_at > ASLEEP_AFTER_SECONDS:
            return {"loop": "no heartbeat; is `loop` running?"}
        return {}


def blueprint(dependencies: WebDependencies) -> Blueprint:
    """The routes of the web process."""
    pages = Blueprint("bot", __name__, template_folder="templates", static_folder="static")
    set_up_pages(pages, dependencies.clock)
    pages.register_error_handler(SQLAlchemyError, _database_away)
    if dependencies.secrets is not None:
        pages.record_once(_mounting(dependencies, dependencies.secrets))
        pages.add_url_rule(PATH, "webhook", _not_to_read)
    add_status(pages, dependencies.status())

    @pages.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return {"status": "alive"}

    @pages.get("/readyz")
    def readyz() -> ResponseReturnValue:
        problems = dependencies.readiness()
        status = "not ready" if problems else "ready"
        return {"status": status, **problems}, 503 if problems else 200

    return pages


def _mounting(
    dependencies: WebDependencies, secrets: Sequence[str]
) -> Callable[[BlueprintSetupState], None]:
    def mount(state: BlueprintSetupState) -> None:
        app = cast("Flask", state.app)
        app.wsgi_app = Webhook(  # type: ignore[method-assign]
            inner=app.wsgi_app,
            secrets=secrets,
            deliveries=GroupCommit(dependencies.queue),
            clock=dependencies.clock,
            settle_seconds=dependencies.settle_seconds,
            meter=dependencies.meter,
        )

    return mount


def _not_to_read() -> ResponseReturnValue:
    """Refuse to show the webhook's address to a browser."""
    raise MethodNotAllowed(["POST"], "GitHub posts deliveries here; there is nothing to read.")


def _database_away(error: SQLAlchemyError) -> ResponseReturnValue:
    log.error(unavailable(error))
    return problem(503, DATABASE_AWAY, {"Retry-After": "10"})
