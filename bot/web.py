"""The web process: receive a webhook; health; the pages beside them.

A delivery is verified over its raw bytes, stored and committed before it is answered with 202, and
nothing else happens here: GitHub is never called, and no rule runs. GitHub waits 10 s for an
answer and does not try again by itself, so whatever cannot be stored is refused, never accepted.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import BadRequest, HTTPException, LengthRequired, RequestEntityTooLarge

from bot.board import ASLEEP_AFTER_SECONDS, SqlBoard
from bot.intake import job_of
from bot.metrics.table import DELIVERIES_TOTAL, event_label
from bot.pages.glance import Shown
from bot.pages.shared import furnish
from bot.pages.status import Status, add_status
from luggage.github import webhooks
from luggage.github.errors import DeliveryRejected
from luggage.jobs import Queue
from luggage.meter import Meter
from luggage.observe import about

# GitHub: "payloads are capped at 25 MB".
LARGEST_BODY = 25 * 1024 * 1024
# GitHub's ids have 36 characters; a stranger's claim may have thousands.
_LONGEST_ID = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Reception:
    """What the web process works with.

    `secrets` are the live webhook secrets, one or two; None where deliveries are fetched instead,
    so that there is no webhook at all. `glance` gives the lines of a board that is elsewhere.
    """

    name: str
    secrets: Sequence[str] | None
    queue: Queue
    board: SqlBoard
    clock: Callable[[], float]
    settle_seconds: float
    meter: Meter = field(default_factory=Meter)
    glance: Callable[[], Shown] | None = None

    def receive(self, delivery: webhooks.Delivery, body: bytes) -> bool:
        """Store a delivery, which wakes the loop; False for one already stored. Safe to repeat.

        Raises SQLAlchemyError when the database did not commit it.
        """
        job = job_of(delivery, body, run_at=self.clock() + self.settle_seconds)
        return self.queue.put(job).created

    def status(self) -> Status:
        """The status page of this process."""
        return Status(self.name, self.queue, self.board, clock=self.clock, glance=self.glance)

    def readiness(self) -> dict[str, str]:
        """What is not as it should be, by name; empty when the bot is ready.

        Raises SQLAlchemyError when the database cannot be reached.
        """
        beat_at = self.board.last_beat_at()
        if beat_at is None or self.clock() - beat_at > ASLEEP_AFTER_SECONDS:
            return {"loop": "not heard from; is `python -m bot_deploy loop` running?"}
        return {}


def blueprint(reception: Reception) -> Blueprint:
    """The routes of the web process, as a Flask blueprint."""
    pages = Blueprint("bot", __name__, template_folder="templates", static_folder="static")
    furnish(pages, reception.clock)
    pages.before_request(_begin_about)
    pages.teardown_request(_end_about)
    pages.register_error_handler(SQLAlchemyError, _database_away)
    pages.register_error_handler(DeliveryRejected, _rejected)

    if reception.secrets is not None:
        pages.after_request(_counting(reception.meter))
        pages.add_url_rule(
            "/webhook/github", view_func=_webhook(reception, reception.secrets), methods=["POST"]
        )

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


def _webhook(reception: Reception, secrets: Sequence[str]) -> Callable[[], ResponseReturnValue]:
    def webhook() -> ResponseReturnValue:
        body = _body()
        delivery = webhooks.read(dict(request.headers), body, secrets)
        created = g.created = reception.receive(delivery, body)
        log.info("%s %s", "stored" if created else "known already:", delivery.event)
        return {"delivery": delivery.id, "stored": created}, 202

    return webhook


def _counting(meter: Meter) -> Callable[[Response], Response]:
    """Count deliveries, also those that are refused, whose event nobody has vouched for."""

    def count(response: Response) -> Response:
        if request.endpoint == "bot.webhook" and "created" in g:
            event = event_label(request.headers.get("X-GitHub-Event", ""))
            meter.add(DELIVERIES_TOTAL, event, "stored" if g.created else "known")
        elif request.endpoint == "bot.webhook":
            meter.add(DELIVERIES_TOTAL, "unverified", str(response.status_code))
        return response

    return count


def _begin_about() -> None:
    """Have all that is logged and reported of this request name the delivery that it claims to be.

    What is refused too, and what no handler of ours catches: so not within the view.
    """
    claimed = request.headers.get("X-GitHub-Delivery")
    g.about = ExitStack()
    if claimed:
        g.about.enter_context(about(delivery=claimed[:_LONGEST_ID]))


def _end_about(_error: BaseException | None) -> None:
    if "about" in g:
        g.about.close()


def _body() -> bytes:
    """The raw bytes of the request.

    Raises LengthRequired, RequestEntityTooLarge, or BadRequest for a body cut short, which gunicorn
    hands on without a word.
    """
    if request.headers.get("Transfer-Encoding") or request.content_length is None:
        # Flask would cut a chunked body at the limit without an error.
        raise LengthRequired("send the body with a Content-Length, not chunked")
    if request.content_length > LARGEST_BODY:
        raise RequestEntityTooLarge("a delivery has at most 25 MB")
    body = request.get_data(cache=False)
    if len(body) != request.content_length:
        raise BadRequest("the body is shorter than its Content-Length")
    return body


def _rejected(error: DeliveryRejected) -> ResponseReturnValue:
    log.warning("delivery refused: %s %s", error.status, error)
    return {"error": str(error)}, error.status


def _database_away(error: SQLAlchemyError) -> ResponseReturnValue:
    # The class alone: the text of the error quotes the statement, with its values.
    log.error("the database did not answer: %s", type(error).__name__)
    return {"error": "the database cannot be reached; try again"}, 503, {"Retry-After": "10"}


def refused(error: HTTPException) -> Response:
    """An error that Flask raised itself (404, 405, ...), as JSON like every other answer."""
    answer = jsonify(error=error.description)
    answer.status_code = error.code or 500
    if isinstance(error.get_response().headers.get("Allow"), str):
        answer.headers["Allow"] = error.get_response().headers["Allow"]
    return answer
