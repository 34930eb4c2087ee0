"""Look-ups of the console: a person, an issue, an installation, the audit log, and a search box.

Each page shows what the session's scope may see (bot.web.ownership), a bounded part at a time.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Flask, abort, g, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from markupsafe import Markup, escape
from sqlalchemy import Engine

from bot.operations.history import report
from bot.operations.history.deliveries import DeliveryHistory, UnknownDelivery
from bot.operations.history.records import ActionRow
from bot.operations.person import find_person
from bot.operations.why import Issue, NotOurs, Why, parse_target
from bot.store.audit import AuditLog
from bot.store.limits import budgets
from bot.store.refusals import Refusals
from bot.web.markdown import comment_html
from bot.web.ownership import ConsoleScope
from luggage.jobs import Queue

# A marker is searched for among this many of the newest actions: half a second.
_MOST_KEYS = 100_000
# The comments of one page are rendered until they have this many characters together.
_MOST_RENDERED = 40_000
_LONGEST_QUERY = 500
_LATEST = 10
_ON_A_PAGE = 50

_LOGIN = re.compile(r"@?([A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9])?(?:\[bot\])?)")
_PLACE = re.compile(r"([\w.-]{1,100})/([\w.-]{1,100})", re.ASCII)
_ISSUE = re.compile(
    r"(?:https?://[^/\s]{1,200}/)?([\w.-]{1,100})/([\w.-]{1,100})"
    r"(?:#|/issues/|/pull/)([0-9]{1,15})/?",
    re.ASCII,
)
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f-]{0,27})?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Lookups:
    """The dependencies of the pages."""

    engine: Engine
    queue: Queue
    audit: AuditLog
    clock: Callable[[], float]
    server_url: str

    def history(self, scope: ConsoleScope) -> DeliveryHistory:
        """The history of the deliveries in a scope."""
        return DeliveryHistory(self.queue, clock=self.clock, tenants=scope.tenants)

    def find(self, text: str, scope: ConsoleScope) -> str | None:
        """The address of the page about what a text names; None if there is none.

        The text is a comment's address or marker, an issue, a repository, a GUID, or a login.
        """
        history = self.history(scope)
        target = parse_target(text)
        if target is not None and not isinstance(target, Issue):
            try:
                job = Why(history, self.queue, None, most_keys=_MOST_KEYS).job(target)
            except NotOurs:
                return None
            number = history.root(job).id
            return url_for("console.delivery", number=number, _anchor=f"action-{job.id}")
        if match := _ISSUE.fullmatch(text):
            owner, name, issue = match.groups()
            return url_for("console.issue", owner=owner, name=name, number=int(issue))
        if _PLACE.fullmatch(text):
            return url_for("console.deliveries", repository=text)
        if _GUID.fullmatch(text):
            try:
                return url_for("console.delivery", number=history.find(text.lower()).id)
            except UnknownDelivery:
                pass
        match = _LOGIN.fullmatch(text)
        return None if match is None else url_for("console.person", login=match[1])

    def installation(self, number: int, scope: ConsoleScope) -> dict[str, Any] | None:
        """The template's variables of an installation's page; None for an unknown one."""
        tenant = str(number)
        if not scope.has(tenant):
            return None
        history = DeliveryHistory(self.queue, clock=self.clock, tenants={tenant})
        read = budgets(self.engine, now=self.clock())
        own = [each for each in read if each.installation == tenant]
        refusals = [
            each
            for each in Refusals(self.engine, clock=self.clock).all()
            if each.installation == number
        ]
        latest = history.deliveries(limit=_LATEST)
        if not (own or refusals or latest):
            return None
        subjects = [each.subject for each in latest if each.subject]
        accounts = [*(each.account for each in refusals), *subjects, tenant]
        account = accounts[0].partition("/")[0]
        parts = self.queue.paused_parts()
        return {
            "installation": number,
            "account": account,
            "budgets": own,
            "refusals": refusals,
            "depths": self.queue.depths({tenant}),
            "latest": latest,
            "paused": {
                part: at
                for part, at in parts.items()
                if part.partition("/")[0].lower() == account.lower()
            },
            "paused_at": self.queue.paused_at(),
        }


def add_lookups(pages: Blueprint, lookups: Lookups) -> None:
    """Add the pages, and what templates need to show names and texts as links and as HTML."""
    _add_helpers(pages, lookups.server_url)
    _add_names(pages, lookups)
    _add_lists(pages, lookups)


def _add_helpers(pages: Blueprint, server_url: str) -> None:
    pages.record_once(_filters(server_url))
    pages.context_processor(
        lambda: {
            "delivery_facts": report.named_delivery_facts,
            "action_facts": report.named_action_facts,
            "state_words": report.state_words,
            "decision_words": report.decision_words,
            "comment": _Comments(server_url),
        }
    )


def _add_names(pages: Blueprint, lookups: Lookups) -> None:
    @pages.get("/find")
    def find() -> ResponseReturnValue:
        text = request.args.get("q", "").strip()[:_LONGEST_QUERY]
        address = lookups.find(text, g.session.scope) if text else None
        if address is not None:
            return redirect(address, 303)
        return render_template("bot/find.html", text=text), 404 if text else 200

    @pages.get("/people/<login>")
    def person(login: str) -> ResponseReturnValue:
        match = _LOGIN.fullmatch(login)
        if match is None:
            abort(404, "This is not the name of a person on GitHub.")
        scope: ConsoleScope = g.session.scope
        history = lookups.history(scope)
        found = find_person(lookups.engine, match[1], scope.has_place)
        mentions, more = history.concerning(found.id, found.names, before=_before("actions"))
        caused, older = (
            ([], None)
            if found.id is None
            else history.caused_by(found.id, before=_before("deliveries"))
        )
        return render_template(
            "bot/person.html",
            person=found,
            mentions=mentions,
            more=more,
            caused=caused,
            older=older,
        )

    @pages.get("/issues/<owner>/<name>/<int:number>")
    def issue(owner: str, name: str, number: int) -> ResponseReturnValue:
        if not _PLACE.fullmatch(f"{owner}/{name}"):
            abort(404, "This is not the name of an issue.")
        subject = f"{owner}/{name}#{number}"
        steps, older = lookups.history(g.session.scope).timeline(subject, before=_before("before"))
        return render_template(
            "bot/issue.html",
            subject=subject,
            owner=owner,
            repository=name,
            number=number,
            steps=steps,
            older=older,
        )


def _add_lists(pages: Blueprint, lookups: Lookups) -> None:
    @pages.get("/installations/<int:number>")
    def installation(number: int) -> ResponseReturnValue:
        variables = lookups.installation(number, g.session.scope)
        if variables is None:
            abort(404, f"There is no installation {number}.")
        return render_template("bot/installation.html", **variables)

    @pages.get("/audit")
    def audit() -> ResponseReturnValue:
        session = g.session
        entries = lookups.audit.entries(
            tenants=session.scope.tenants,
            who=session.who,
            before=_before("before"),
            limit=_ON_A_PAGE + 1,
        )
        shown = entries[:_ON_A_PAGE]
        older = shown[-1].id if len(entries) > _ON_A_PAGE else None
        return render_template("bot/audit.html", entries=shown, older=older)


def _before(name: str) -> int | None:
    """A page's place in the query string; None for the first page, and for nonsense."""
    text = request.args.get(name, "")[:18]
    return int(text) if text.isascii() and text.isdigit() else None


class _Comments:
    """The comments of one page, as HTML; after _MOST_RENDERED characters as plain text."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._left = _MOST_RENDERED

    def __call__(self, action: ActionRow) -> Markup:
        """The text of an action as it will be read on GitHub."""
        self._left -= len(action.text)
        if self._left < 0:
            return escape("\n".join(report.text_lines(action.text[:_LONGEST_QUERY]))) + " …"
        return comment_html(action.text, server_url=self._server_url, place=action.subject)


def _filters(server_url: str) -> Callable[[BlueprintSetupState], None]:
    """The filters that make links of names."""

    def add(state: BlueprintSetupState) -> None:
        app: Flask = state.app  # type: ignore[assignment]  # it may be an App only
        app.add_template_filter(lambda subject: _at_github(server_url, subject), "at_github")
        app.add_template_filter(_issue_page, "issue_page")

    return add


def _at_github(server_url: str, subject: str) -> str | None:
    """The address on GitHub of `owner/repo#7`, `owner/repo` or `owner`; None for other texts."""
    if match := _ISSUE.fullmatch(subject):
        owner, name, number = match.groups()
        return f"{server_url}/{owner}/{name}/issues/{number}"
    if _PLACE.fullmatch(subject) or _LOGIN.fullmatch(subject):
        return f"{server_url}/{quote(subject.removeprefix('@'))}"
    return None


def _issue_page(subject: str) -> str | None:
    """The console's page about `owner/repo#7`; None for other texts."""
    match = _ISSUE.fullmatch(subject)
    if match is None or subject.startswith("http"):
        return None
    owner, name, number = match.groups()
    return url_for("console.issue", owner=owner, name=name, number=int(number))
