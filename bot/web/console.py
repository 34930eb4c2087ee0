"""Console: the operator's pages for the queue and its deliveries.

One `before_request` hook checks the session and the form token (CSRF) of every view except signing
in. Each change is a POST that redirects, so reloading a page repeats nothing.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from bot.actions import ACTIONS
from bot.events import DELIVERIES
from bot.operations.history.deliveries import BURIED, DeliveryHistory
from bot.operations.pause import pause, resume
from bot.store.board import SqlBoard
from bot.store.limits import budgets
from bot.store.recovery import recovery_status
from bot.store.refusals import Refusals
from bot.web.errors import page_problem
from bot.web.search import Search
from bot.web.sessions import Session
from bot.web.shared import set_up_pages
from bot.web.sign_in import SignIn, add_sign_in
from bot.web.status import Status
from luggage.database import unavailable
from luggage.jobs import JobRow, Queue, State, WrongState

_OPEN = frozenset({"console.sign_in", "console.link", "console.use_link"})
_OPEN_TO_GITHUB = frozenset({"console.to_github", "console.callback"})
_LONGEST_FORM = 10_000
_WORST = 20

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Console:
    """The dependencies of the console."""

    name: str
    engine: Engine
    queue: Queue
    board: SqlBoard
    sign_in: SignIn
    clock: Callable[[], float]

    @property
    def history(self) -> DeliveryHistory:
        """The history of deliveries."""
        return DeliveryHistory(self.queue, clock=self.clock)

    def overview(self) -> dict[str, Any]:
        """The template's variables of the first page."""
        return {
            "feeling": Status(self.name, self.queue, self.board, clock=self.clock).feeling(),
            "paused_at": self.queue.paused_at(),
            "parts": self.queue.paused_parts(),
            "refusals": Refusals(self.engine, clock=self.clock).all(),
            "depths": self.queue.depths(),
            "counts": self.queue.counts(),
            "dead": self.history.deliveries(state=State.DEAD, limit=_WORST),
        }

    def github(self) -> dict[str, Any]:
        """The template's variables of the page about GitHub: API budgets and recovery."""
        return {
            "budgets": budgets(self.engine, now=self.clock()),
            "recovery": recovery_status(self.engine, self.queue),
        }

    def pause(self) -> str:
        """Pause the loops; returns the key of the message. Safe to repeat."""
        pause(self.queue, self.board)
        return "paused"

    def resume(self) -> str:
        """Resume the loops; returns the key of the message. Safe to repeat."""
        resume(self.queue, self.board)
        return "resumed"


def blueprint(console: Console) -> Blueprint:
    """The console's routes."""
    pages = Blueprint("console", __name__, url_prefix="/console", template_folder="templates")
    set_up_pages(pages, console.clock)
    pages.before_request(_guard(console.sign_in))
    pages.context_processor(lambda: {"name": console.name, "session": g.get("session")})
    pages.register_error_handler(SQLAlchemyError, _database_away)
    pages.register_error_handler(HTTPException, _refused)
    add_sign_in(pages, console.sign_in)
    _add_views(pages, console)
    _add_changes(pages, console)
    return pages


def _guard(sign_in: SignIn) -> Callable[[], ResponseReturnValue | None]:
    """The check before every view: a session, and its form token unless the method is safe."""

    def guard() -> ResponseReturnValue | None:
        if request.endpoint in _OPEN | _OPEN_TO_GITHUB:
            return None
        session = sign_in.session()
        if session is None:
            return redirect(url_for("console.sign_in"), 303)
        g.session = session
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            _check_form(session)
        return None

    return guard


def _check_form(session: Session) -> None:
    request.max_content_length = _LONGEST_FORM
    if not session.sent(request.form.get("token", "")):
        log.warning("refused a console form with a wrong token")
        abort(403, "This form does not belong to your session, so nothing was changed.")


def _add_views(pages: Blueprint, console: Console) -> None:
    @pages.get("/")
    def overview() -> ResponseReturnValue:
        return render_template("bot/overview.html", **console.overview())

    @pages.get("/deliveries")
    def deliveries() -> ResponseReturnValue:
        search = Search.of(request.args)
        page = search.run(console.history)
        return render_template("bot/deliveries.html", search=search, page=page, states=State)

    @pages.get("/deliveries/<int:number>")
    def delivery(number: int) -> ResponseReturnValue:
        details = console.history.delivery(_job(console, DELIVERIES, number))
        return render_template("bot/delivery.html", delivery=details)

    @pages.get("/github")
    def github() -> ResponseReturnValue:
        return render_template("bot/github.html", **console.github())


def _add_changes(pages: Blueprint, console: Console) -> None:
    def changed(message: str, endpoint: str, **names: Any) -> ResponseReturnValue:
        log.info("%s at the console: %s %s", g.session.who, message, names or "")
        return redirect(url_for(endpoint, done=message, **names), 303)

    @pages.post("/pause")
    def pause() -> ResponseReturnValue:
        return changed(console.pause(), "console.overview")

    @pages.post("/resume")
    def resume() -> ResponseReturnValue:
        return changed(console.resume(), "console.overview")

    @pages.post("/parts/resume")
    def resume_part() -> ResponseReturnValue:
        resumed = console.queue.resume_part(request.form.get("part", ""))
        return changed("resumed" if resumed else "nothing", "console.overview")

    @pages.post("/sign-out")
    def sign_out() -> ResponseReturnValue:
        return console.sign_in.leave(g.session)

    @pages.post("/deliveries/<int:number>/<any(retry, bury, again):what>")
    def decide(number: int, what: str) -> ResponseReturnValue:
        job = _job(console, DELIVERIES, number)
        message = _attempt(lambda: _CHANGES[what](console.history, job))
        return changed(message, "console.delivery", number=number)

    @pages.post("/actions/<int:number>/<any(retry, bury):what>")
    def decide_action(number: int, what: str) -> ResponseReturnValue:
        job = _part(console, number)
        message = _attempt(lambda: _ACTION_CHANGES[what](console.queue, job))
        return changed(message, "console.delivery", number=job.parent)


def _again(history: DeliveryHistory, job: JobRow) -> str:
    history.again(job)
    return "again"


def _retry_action(queue: Queue, job: JobRow) -> str:
    queue.revive(job)
    return "retried"


def _discard_action(queue: Queue, job: JobRow) -> str:
    queue.dismiss(job.id, BURIED)
    return "discarded"


# Each returns the key of a message in console.html. Addresses keep the old word "bury".
_CHANGES: dict[str, Callable[[DeliveryHistory, JobRow], str]] = {
    "retry": lambda history, job: "retried" if history.retry(job) else "nothing",
    "bury": lambda history, job: "discarded" if history.bury(job) else "nothing",
    "again": _again,
}
_ACTION_CHANGES: dict[str, Callable[[Queue, JobRow], str]] = {
    "retry": _retry_action,
    "bury": _discard_action,
}


def _attempt(change: Callable[[], str]) -> str:
    """The key of the message; coming too late is not an error."""
    try:
        return change()
    except WrongState:
        return "late"


def _job(console: Console, queue: str, number: int) -> JobRow:
    job = console.queue.get(number)
    if job is None or job.queue != queue:
        kind = "delivery" if queue == DELIVERIES else "action"
        abort(404, f"There is no {kind} {number}.")
    return job


def _part(console: Console, number: int) -> JobRow:
    """An action, or a rule that is evaluated again: what a delivery's page lists."""
    job = console.queue.get(number)
    if job is not None and job.queue == DELIVERIES and job.parent is not None:
        return job
    return _job(console, ACTIONS, number)


def _database_away(error: SQLAlchemyError) -> ResponseReturnValue:
    log.error(unavailable(error))
    return page_problem(503, "The database does not respond.", {"Retry-After": "10"})


def _refused(error: HTTPException) -> ResponseReturnValue:
    return page_problem(error.code or 500, error.description or error.name)
