"""Sign-in at the console, with GitHub or with a one-time link.

Owners of the organisation that owns the App can sign in, or owners of the organisations that the
operator names. An installation alone is not enough, because anyone may install a public App. The
check uses the person's own token, which the process drops after the request.

A signed cookie with a random state ties the callback to the browser, and PKCE ties the code to it.
No redirect target comes from a request (docs/decisions/0085).
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug import Response

from bot.web.flows import FLOW_SECONDS, Flows
from bot.web.ownership import WHOLE, ConsoleScope, NotAllowedError, owner
from bot.web.sessions import LINK_SECONDS, LONGEST_SECONDS, Session, Sessions
from luggage.github import Blocked, Forbidden, OAuth, RateLimited, RequestFailed, Unauthorized

SESSION_COOKIE = "console"
_FLOW_COOKIE = "console-sign-in"
# The name of users who signed in with a link.
BY_LINK = "by link"
_PATH = "/console"

_WRONG_STATE = (
    "This browser did not start the sign-in here. Please try again at the host name of the App's "
    "callback URL."
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """Sign-in and sign-out. `oauth` is None without an App: then only links work.

    Owners of `organizations` can sign in; if it is empty, those of the App's owner. `program` is
    the command that runs the bot, for help texts.
    """

    sessions: Sessions
    oauth: OAuth | None
    program: str
    organizations: Collection[str] = ()

    def session(self) -> Session | None:
        """The session of the current request, or None. Raises SQLAlchemyError."""
        token = request.cookies.get(SESSION_COOKIE, "")
        return self.sessions.find(token) if token else None

    def admit(self, who: str, scope: ConsoleScope) -> Response:
        """Sign a person in; returns the response."""
        log.info("signed in at the console: %s", who)
        response = redirect(url_for("console.overview"), 303)
        token = self.sessions.begin(who, scope).token
        _set_cookie(response, SESSION_COOKIE, token, seconds=LONGEST_SECONDS, path=_PATH)
        return response

    def leave(self, session: Session) -> Response:
        """Sign a person out, in the browser and in the database; returns the response."""
        self.sessions.end(session)
        response = redirect(url_for("console.sign_in"), 303)
        response.delete_cookie(SESSION_COOKIE, path=_PATH)
        return response


_Page = Callable[..., ResponseReturnValue]


def add_sign_in(pages: Blueprint, auth: SignIn) -> None:
    """Add the routes under /console/sign-in to a blueprint."""

    def page(status: int = 200, **variables: Any) -> ResponseReturnValue:
        variables |= {
            "with_github": auth.oauth is not None,
            "minutes": int(LINK_SECONDS / 60),
            "program": auth.program,
        }
        return render_template("bot/sign_in.html", **variables), status

    @pages.get("/sign-in")
    def sign_in() -> ResponseReturnValue:
        return page()

    @pages.get("/sign-in/link/<token>")
    def link(token: str) -> ResponseReturnValue:
        # Only POST consumes the link, because link previews send a GET.
        return page(link=token)

    @pages.post("/sign-in/link/<token>")
    def use_link(token: str) -> ResponseReturnValue:
        if auth.sessions.use_link(token):
            return auth.admit(BY_LINK, WHOLE)
        log.warning("refused a console link that is used or expired")
        return page(403, error="This link has been used or has expired. Please print a new one.")

    if auth.oauth is not None:
        _add_github(pages, auth, auth.oauth, page)


def _add_github(pages: Blueprint, auth: SignIn, oauth: OAuth, page: _Page) -> None:
    flows = Flows(oauth.client_secret, clock=oauth.clock)

    @pages.get("/sign-in/github")
    def to_github() -> ResponseReturnValue:
        flow = flows.begin()
        address = oauth.address(state=flow.state, verifier=flow.verifier)
        response = redirect(address, 303)
        path = url_for("console.sign_in")
        _set_cookie(response, _FLOW_COOKIE, flow.cookie, seconds=FLOW_SECONDS, path=path)
        return response

    @pages.get("/sign-in/callback")
    def callback() -> ResponseReturnValue:
        flow = flows.find(request.cookies.get(_FLOW_COOKIE, ""), _argument("state"))
        if flow is None:
            return page(403, error=_WRONG_STATE)
        if not _argument("code"):
            return page(403, error="GitHub did not sign you in.")
        # Anyone can begin a sign-in, and its requests to GitHub block this thread. The server
        # shares its threads among clients, so that no address holds them all.
        if not flows.use(flow):
            return page(403, error="This sign-in has been used. Please start again.")
        try:
            client = oauth.redeem(_argument("code"), verifier=flow.verifier)
            person = owner(client, auth.organizations)
            response = auth.admit(person.login, person.scope)
        except (NotAllowedError, RequestFailed) as error:
            log.warning("refused a sign-in at the console: %s", error)
            status, message = _failure(error)
            return page(status, error=message)
        response.delete_cookie(_FLOW_COOKIE, path=url_for("console.sign_in"))
        return response


def _failure(error: Exception) -> tuple[int, str]:
    """The status and the message for a failed sign-in."""
    if isinstance(error, NotAllowedError):
        return 403, f"{error}."
    if isinstance(error, Unauthorized):
        return 403, f"GitHub refused the sign-in ({error.message}). Please try again."
    if isinstance(error, RateLimited):
        return 503, "GitHub takes no more requests now. Please try again in a minute."
    if isinstance(error, Forbidden | Blocked):
        why = f"{error.message} -- {error.remedy}"
        return 503, f"GitHub refuses to say who you are: {why}. Or sign in with a link."
    return 503, "GitHub is not responding. Please try again, or sign in with a link."


def _argument(name: str) -> str:
    return request.args.get(name, "")[:500]


def _set_cookie(response: Response, name: str, value: str, *, seconds: float, path: str) -> None:
    """Set a cookie; it is Lax because browsers do not send Strict ones on the way from GitHub."""
    response.set_cookie(
        name,
        value,
        max_age=int(seconds),
        path=path,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
    )
