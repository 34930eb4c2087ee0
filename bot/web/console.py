"""The operator's pages: what is in the queue, what became of each delivery, and what can be done.

Every address but those of signing in is closed to whoever is not signed in, in one place, before
any view runs; every form carries its session's token, in the same place. A decision is a POST that
ends in a redirect, so that looking again repeats nothing.
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

from bot.events import DELIVERIES
from bot.operations.history.deliveries import DeliveryHistory
from bot.store.board import SqlBoard
from bot.store.limits import budgets
from bot.store.recovery import recovery_status
from bot.web.search import Search
from bot.web.sessions import Session
from bot.web.shared import furnish
from bot.web.sign_in import SignIn, add_door
from bot.web.status import Status
from luggage.database import unavailable
from luggage.jobs import Queue, State, UnknownJob, WrongState

_OPEN = frozenset({"console.sign_in", "console.link", "console.use_link"})
_OPEN_TO_GITHUB = frozenset({"console.to_github", "console.callback"})
_LONGEST_FORM = 10_000
_WORST = 20

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Console:
    """What the pages work with."""

    name: str
    engine: Engine
    queue: Queue
    board: SqlBoard
    door: SignIn
    clock: Callable[[], float]

    @property
    def history(self) -> DeliveryHistory:
        """What became of the deliveries."""
        return DeliveryHistory(self.queue, clock=self.clock)

    def overview(self) -> dict[str, Any]:
        """What the first page shows: the mood, the queue, and what waits for a person."""
        return {
            "feeling": Status(self.name, self.queue, self.board, clock=self.clock).feeling(),
            "paused_at": self.queue.paused_at(),
            "parts": self.queue.paused_parts(),
            "depths": self.queue.depths(),
            "counts": self.queue.counts(),
            "dead": self.history.deliveries(state=State.DEAD, limit=_WORST),
        }

    def github(self) -> dict[str, Any]:
        """What GitHub leaves to each installation, and what recovery found."""
        return {
            "budgets": budgets(self.engine, now=self.clock()),
            "recovery_status": recovery_status(self.engine, self.queue),
        }

    def pause(self) -> str:
        """Have nothing decided or performed; returns what to tell. Safe to repeat."""
        if self.queue.pause():
            self.board.say("Paused")
        return "paused"

    def resume(self) -> str:
        """Go on; returns what to tell. Safe to repeat."""
        if self.queue.resume():
            self.board.say("Back at work")
        return "resumed"


def blueprint(console: Console) -> Blueprint:
    """The console's routes, as a Flask blueprint."""
    pages = Blueprint("console", __name__, url_prefix="/console", template_folder="templates")
    furnish(pages, console.clock)
    pages.before_request(_guard(console.door))
    pages.context_processor(lambda: {"name": console.name, "session": g.get("session")})
    pages.register_error_handler(SQLAlchemyError, _database_away)
    pages.register_error_handler(HTTPException, _refused)
    add_door(pages, console.door)
    _add_views(pages, console)
    _add_decisions(pages, console)
    return pages


def _guard(door: SignIn) -> Callable[[], ResponseReturnValue | None]:
    """What stands before every view: a session, and, for whatever changes something, its token."""

    def guard() -> ResponseReturnValue | None:
        if request.endpoint in _OPEN | _OPEN_TO_GITHUB:
            return None
        session = door.session()
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
        log.warning("a form at the console that is not ours was refused")
        abort(403, "This form is not one of this session. Nothing was done.")


def _add_views(pages: Blueprint, console: Console) -> None:
    @pages.get("/")
    def overview() -> ResponseReturnValue:
        return render_template("bot/overview.html", **console.overview())

    @pages.get("/deliveries")
    def deliveries() -> ResponseReturnValue:
        search = Search.of(request.args)
        found = search.run(console.history)
        return render_template("bot/deliveries.html", search=search, found=found, states=State)

    @pages.get("/deliveries/<int:number>")
    def delivery(number: int) -> ResponseReturnValue:
        found = console.history.delivery(_guid(console, number))
        return render_template("bot/delivery.html", delivery=found)

    @pages.get("/github")
    def github() -> ResponseReturnValue:
        return render_template("bot/github.html", **console.github())


def _add_decisions(pages: Blueprint, console: Console) -> None:
    def decided(what: str, endpoint: str, **names: Any) -> ResponseReturnValue:
        log.info("%s at the console: %s %s", g.session.who, what, names or "")
        return redirect(url_for(endpoint, done=what, **names), 303)

    @pages.post("/pause")
    def pause() -> ResponseReturnValue:
        return decided(console.pause(), "console.overview")

    @pages.post("/resume")
    def resume() -> ResponseReturnValue:
        return decided(console.resume(), "console.overview")

    @pages.post("/parts/resume")
    def resume_part() -> ResponseReturnValue:
        resumed = console.queue.resume_part(request.form.get("part", ""))
        return decided("resumed" if resumed else "nothing", "console.overview")

    @pages.post("/sign-out")
    def sign_out() -> ResponseReturnValue:
        return console.door.leave(g.session)

    @pages.post("/deliveries/<int:number>/<any(retry, bury, again):what>")
    def decide(number: int, what: str) -> ResponseReturnValue:
        guid = _guid(console, number)
        done = _sure(lambda: _DECISIONS[what](console.history, guid))
        return decided(done, "console.delivery", number=number)

    @pages.post("/actions/<int:number>/<any(retry, bury):what>")
    def decide_action(number: int, what: str) -> ResponseReturnValue:
        job = console.queue.get(number)
        done = _sure(lambda: _ACTION_DECISIONS[what](console.history, number))
        return decided(done, "console.delivery", number=job.parent if job else 0)


def _again(history: DeliveryHistory, guid: str) -> str:
    history.again(guid)
    return "again"


# Each gives back the word that the page has a sentence for.
_DECISIONS: dict[str, Callable[[DeliveryHistory, str], str]] = {
    "retry": lambda history, guid: "retried" if history.retry(guid) else "nothing",
    "bury": lambda history, guid: "buried" if history.bury(guid) else "nothing",
    "again": _again,
}
_ACTION_DECISIONS: dict[str, Callable[[DeliveryHistory, int], str]] = {
    "retry": lambda history, number: history.retry_action(number) and "retried",
    "bury": lambda history, number: history.bury_action(number) and "buried",
}


def _sure(decide: Callable[[], str]) -> str:
    """The word for what was done; that it came too late is no error of whoever clicked."""
    try:
        return decide()
    except WrongState:
        return "late"
    except UnknownJob as error:
        abort(404, str(error))


def _guid(console: Console, number: int) -> str:
    job = console.queue.get(number)
    if job is None or job.queue != DELIVERIES:
        abort(404, f"There is no delivery {number}.")
    return job.key


def _database_away(error: SQLAlchemyError) -> ResponseReturnValue:
    log.error(unavailable(error))
    return _error(503, "The database does not answer."), 503, {"Retry-After": "10"}


def _refused(error: HTTPException) -> ResponseReturnValue:
    code = error.code or 500
    return _error(code, error.description or error.name), code


def _error(code: int, words: str) -> str:
    return render_template("bot/error.html", code=code, words=words)
