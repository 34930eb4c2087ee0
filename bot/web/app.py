"""The web process: the webhook, the status page, health."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

from flask import Blueprint, Flask, Response, jsonify
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from bot.store.board import ASLEEP_AFTER_SECONDS, SqlBoard
from bot.web.cached_board import BoardView
from bot.web.shared import furnish
from bot.web.status import Status, add_status
from bot.web.webhook import DATABASE_AWAY, Webhook
from luggage.database import unavailable
from luggage.jobs import GroupCommit, Queue
from luggage.telemetry.meter import Meter

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class WebDependencies:
    """What the web process works with.

    `secrets` are the live webhook secrets, one or more; None where deliveries are fetched instead,
    so that there is no webhook at all. `glance` gives the lines of a board that is elsewhere.
    """

    name: str
    secrets: Sequence[str] | None
    queue: Queue
    board: SqlBoard
    clock: Callable[[], float]
    settle_seconds: float
    meter: Meter = field(default_factory=Meter)
    glance: Callable[[], BoardView] | None = None

    def status(self) -> Status:
        """The status page of this process."""
        return Status(self.name, self.queue, self.board, clock=self.clock, glance=self.glance)

    def readiness(self) -> dict[str, str]:
        """What is not as it should be, by name; empty when the bot is ready.

        Raises SQLAlchemyError when the database cannot be reached.
        """
        beat_at = self.board.last_beat_at()
        if beat_at is None or self.clock() - beat_at > ASLEEP_AFTER_SECONDS:
            return {"loop": "not heard from; is `loop` running?"}
        return {}


def blueprint(reception: WebDependencies) -> Blueprint:
    """The routes of the web process, as a Flask blueprint."""
    pages = Blueprint("bot", __name__, template_folder="templates", static_folder="static")
    furnish(pages, reception.clock)
    pages.register_error_handler(SQLAlchemyError, _database_away)
    if reception.secrets is not None:
        pages.record_once(_mounting(reception, reception.secrets))
    add_status(pages, reception.status())

    @pages.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return {"status": "alive"}

    @pages.get("/readyz")
    def readyz() -> ResponseReturnValue:
        missing = reception.readiness()
        return {
            "status": "ready" if not missing else "not ready",
            **missing,
        }, 503 if missing else 200

    return pages


def _mounting(
    reception: WebDependencies, secrets: Sequence[str]
) -> Callable[[BlueprintSetupState], None]:
    def mount(state: BlueprintSetupState) -> None:
        app = cast("Flask", state.app)
        app.wsgi_app = Webhook(  # type: ignore[method-assign]
            inner=app.wsgi_app,
            secrets=secrets,
            deliveries=GroupCommit(reception.queue),
            clock=reception.clock,
            settle_seconds=reception.settle_seconds,
            meter=reception.meter,
        )

    return mount


def _database_away(error: SQLAlchemyError) -> ResponseReturnValue:
    log.error(unavailable(error))
    return {"error": DATABASE_AWAY}, 503, {"Retry-After": "10"}


def refused(error: HTTPException) -> Response:
    """An error that Flask raised itself (404, 405, ...), as JSON like every other answer."""
    answer = jsonify(error=error.description)
    answer.status_code = error.code or 500
    if isinstance(error.get_response().headers.get("Allow"), str):
        answer.headers["Allow"] = error.get_response().headers["Allow"]
    return answer
