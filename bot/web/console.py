"""Console: the operator's pages for the queue and its deliveries.

One `before_request` hook checks the session and the form token (CSRF) of every view except signing
in. Each change is a POST that redirects, so reloading a page repeats nothing; one `after_request`
hook writes it to the audit log. A session has a scope (bot.web.ownership): what belongs to other
organisations is as unknown to its pages as what does not exist.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug import Response
from werkzeug.exceptions import HTTPException

from bot.actions import ACTIONS
from bot.events import DELIVERIES
from bot.operations.history.deliveries import BURIED, DeliveryHistory
from bot.operations.pause import pause, resume
from bot.store.audit import AuditEntry, AuditLog, AuditPlace
from bot.store.board import SqlBoard
from bot.store.limits import budgets
from bot.store.recovery import recovery_status
from bot.store.refusals import Refusals
from bot.web.errors import page_problem
from bot.web.lookups import Lookups, add_lookups
from bot.web.ownership import ConsoleScope
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
# Databases know no larger ones.
_LARGEST_ID = 2**63 - 1

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Console:
    """The dependencies of the console. `server_url` is GitHub's, for links to it."""

    name: str
    engine: Engine
    queue: Queue
    board: SqlBoard
    sign_in: SignIn
    clock: Callable[[], float]
    server_url: str = "https://github.com"

    def history(self, scope: ConsoleScope) -> DeliveryHistory:
        """The history of the deliveries in a scope."""
        return DeliveryHistory(self.queue, clock=self.clock, tenants=scope.tenants)

    @property
    def audit(self) -> AuditLog:
        """The log of what operators did."""
        return AuditLog(self.engine, clock=self.clock)

    def overview(self, scope: ConsoleScope) -> dict[str, Any]:
        """The template's variables of the first page."""
        refusals = Refusals(self.engine, clock=self.clock).all()
        parts = self.queue.paused_parts()
        return {
            "feeling": Status(self.name, self.queue, self.board, clock=self.clock).feeling(),
            "paused_at": self.queue.paused_at(),
            "parts": {part: at for part, at in parts.items() if scope.has_place(part)},
            "refusals": [each for each in refusals if scope.has(str(each.installation))],
            "depths": self.queue.depths(scope.tenants),
            "counts": self.queue.counts() if scope.is_whole else {},
            "dead": self.history(scope).deliveries(state=State.DEAD, limit=_WORST),
        }

    def github(self, scope: ConsoleScope) -> dict[str, Any]:
        """The template's variables of the page about GitHub: API budgets and recovery.

        GitHub's log of deliveries is the App's: only who sees the whole bot sees it.
        """
        read = budgets(self.engine, now=self.clock())
        return {
            "budgets": [each for each in read if scope.is_whole or scope.has(each.installation)],
            "recovery": recovery_status(self.engine, self.queue) if scope.is_whole else None,
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
    pages.after_request(_recorder(console.audit))
    pages.context_processor(lambda: {"name": console.name, "session": g.get("session")})
    pages.register_error_handler(SQLAlchemyError, _database_away)
    pages.register_error_handler(HTTPException, _refused)
    add_sign_in(pages, console.sign_in)
    _add_views(pages, console)
    _add_pauses(pages, console)
    _add_decisions(pages, console)
    lookups = Lookups(
        engine=console.engine,
        queue=console.queue,
        audit=console.audit,
        clock=console.clock,
        server_url=console.server_url,
    )
    add_lookups(pages, lookups)
    return pages


def _recorder(audit: AuditLog) -> Callable[[Response], Response]:
    """The hook after every view, which writes the change of the request to the audit log."""

    def record(response: Response) -> Response:
        entry: AuditEntry | None = g.pop("change", None)
        if entry is not None:
            try:
                audit.note(entry)
            except SQLAlchemyError as error:  # The change itself is done.
                log.error("not in the audit log: %s: %s", entry, unavailable(error))  # noqa: TRY400
        return response

    return record


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
        return render_template("bot/overview.html", **console.overview(g.session.scope))

    @pages.get("/deliveries")
    def deliveries() -> ResponseReturnValue:
        search = Search.of(request.args)
        page = search.run(console.history(g.session.scope))
        return render_template("bot/deliveries.html", search=search, page=page, states=State)

    @pages.get("/deliveries/<int:number>")
    def delivery(number: int) -> ResponseReturnValue:
        job = _job(console, DELIVERIES, number)
        details = console.history(g.session.scope).delivery(job)
        return render_template("bot/delivery.html", delivery=details)

    @pages.get("/github")
    def github() -> ResponseReturnValue:
        return render_template("bot/github.html", **console.github(g.session.scope))


def _changed(message: str, endpoint: str, **names: Any) -> ResponseReturnValue:
    log.info("%s at the console: %s %s", g.session.who, message, names or "")
    return redirect(url_for(endpoint, done=message, **names), 303)


def _add_pauses(pages: Blueprint, console: Console) -> None:
    @pages.post("/pause")
    def pause() -> ResponseReturnValue:
        _whole_bot()
        _will_record("pause")
        return _changed(console.pause(), "console.overview")

    @pages.post("/resume")
    def resume() -> ResponseReturnValue:
        _whole_bot()
        _will_record("resume")
        return _changed(console.resume(), "console.overview")

    @pages.post("/parts/resume")
    def resume_part() -> ResponseReturnValue:
        part = request.form.get("part", "")
        if not g.session.scope.has_place(part):
            abort(403, "This organisation is not yours, so nothing was changed.")
        resumed = console.queue.resume_part(part)
        if resumed:
            _will_record("resume", part)
        return _changed("resumed" if resumed else "nothing", "console.overview")


def _add_decisions(pages: Blueprint, console: Console) -> None:
    @pages.post("/sign-out")
    def sign_out() -> ResponseReturnValue:
        _will_record("sign out")
        return console.sign_in.leave(g.session)

    @pages.post("/deliveries/<int:number>/<any(retry, bury, again):what>")
    def decide(number: int, what: str) -> ResponseReturnValue:
        job = _job(console, DELIVERIES, number)
        message = _attempt(lambda: _CHANGES[what](console.history(g.session.scope), job))
        if message not in _WITHOUT_EFFECT:
            _will_record(_VERBS[what], f"{job.kind} {job.subject}", job.id, job.tenant)
        return _changed(message, "console.delivery", number=number)

    @pages.post("/actions/<int:number>/<any(retry, bury):what>")
    def decide_action(number: int, what: str) -> ResponseReturnValue:
        job = _part(console, number)
        delivery = console.history(g.session.scope).root(job)
        verb = "do anyway" if what == "retry" and job.state is not State.DEAD else _VERBS[what]
        message = _attempt(lambda: _ACTION_CHANGES[what](console.queue, job))
        if message not in _WITHOUT_EFFECT:
            about = console.history(g.session.scope).words(job)
            _will_record(verb, about, delivery.id, job.tenant)
        return _changed(message, "console.delivery", number=delivery.id)


# The audit log's words for the parts of addresses, and the messages of what changed nothing.
_VERBS = {"retry": "retry", "bury": "discard", "again": "run rules again"}
_WITHOUT_EFFECT = frozenset({"nothing", "late"})


def _whole_bot() -> None:
    """Refuse a change of the whole bot to owners of single organisations."""
    if not g.session.scope.is_whole:
        abort(403, "Only operators of the whole bot may do this, so nothing was changed.")


def _will_record(what: str, about: str = "", delivery: int = 0, tenant: str = "") -> None:
    """Let the audit log have what this request did."""
    g.change = AuditEntry(g.session.who, AuditPlace.CONSOLE, what, about, delivery, tenant)


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
    job = console.queue.get(number) if number <= _LARGEST_ID else None
    if job is None or job.queue != queue or not console.history(g.session.scope).sees(job):
        kind = "delivery" if queue == DELIVERIES else "action"
        abort(404, f"There is no {kind} {number}.")
    return job


def _part(console: Console, number: int) -> JobRow:
    """An action, or a rule that is evaluated again: what a delivery's page lists."""
    job = console.queue.get(number) if number <= _LARGEST_ID else None
    is_rule = job is not None and job.queue == DELIVERIES and job.parent is not None
    return _job(console, DELIVERIES if is_rule else ACTIONS, number)


def _database_away(error: SQLAlchemyError) -> ResponseReturnValue:
    log.error(unavailable(error))
    return page_problem(503, "The database does not respond.", {"Retry-After": "10"})


def _refused(error: HTTPException) -> ResponseReturnValue:
    return page_problem(error.code or 500, error.description or error.name)
