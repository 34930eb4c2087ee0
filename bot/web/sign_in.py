"""Sign-in at the console, with GitHub or with a one-time link.

Owners of the organisation that owns the App can sign in, or owners of the organisations that the
operator names. An installation alone is not enough, because anyone may install a public App. The
check uses the person's own token, which the process drops after the request.

A cookie with a random state ties the callback to the browser, and PKCE ties the code to it. No
redirect target comes from a request (docs/decisions/0085).
"""

import hmac
import logging
import secrets
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug import Response

from bot.web.sessions import LINK_SECONDS, LONGEST_SECONDS, Session, Sessions
from luggage.github import Client, Forbidden, NotFound, OAuth, RequestFailed, Unauthorized

SESSION_COOKIE = "console"
_FLOW_COOKIE = "console-sign-in"
_FLOW_SECONDS = 600
# The name of users who signed in with a link.
BY_LINK = "by link"
_PATH = "/console"

_WRONG_STATE = (
    "This browser did not start the sign-in here. Please try again at the host name of the App's "
    "callback URL."
)

log = logging.getLogger(__name__)


class NotAllowedError(Exception):
    """The person may not sign in; the message says why, for the page and the log."""


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

    def admit(self, who: str) -> Response:
        """Sign a person in; returns the response."""
        log.info("signed in at the console: %s", who)
        response = redirect(url_for("console.overview"), 303)
        token = self.sessions.begin(who).token
        _set_cookie(response, SESSION_COOKIE, token, seconds=LONGEST_SECONDS, path=_PATH)
        return response

    def leave(self, session: Session) -> Response:
        """Sign a person out, in the browser and in the database; returns the response."""
        self.sessions.end(session)
        response = redirect(url_for("console.sign_in"), 303)
        response.delete_cookie(SESSION_COOKIE, path=_PATH)
        return response


def owner(client: Client, organizations: Collection[str]) -> str:
    """The login of a person who may sign in; `client` uses that person's token.

    Raises NotAllowedError, and RequestFailed if GitHub does not answer.
    """
    login = str(client.get("/user")["login"])
    refusals = [_refusal(client, each, organizations) for each in _installations(client)]
    if "" in refusals:
        return login
    reason = "; ".join(refusals) or "the App is not installed in any of your organisations"
    raise NotAllowedError(f"{login} cannot sign in: {reason}")


def _installations(client: Client) -> Iterator[Mapping[str, Any]]:
    """The App's active installations on organisations of the person."""
    for installation in client.pages("/user/installations"):
        if installation["target_type"] == "Organization" and not installation["suspended_at"]:
            yield installation


def _refusal(
    client: Client, installation: Mapping[str, Any], organizations: Collection[str]
) -> str:
    """Why an installation does not allow the person to sign in; "" if it does."""
    name = str(installation["account"]["login"])
    allowed = {each.lower() for each in organizations}
    if name.lower() not in (allowed or {_app_owner(client, installation, name).lower()}):
        return f"owners of {name} cannot sign in (see console.organizations)"
    try:
        membership = client.get("/user/memberships/orgs/{organization}", organization=name)
    except (NotFound, Forbidden):
        membership = {}
    is_owner = (membership.get("role"), membership.get("state")) == ("admin", "active")
    return "" if is_owner else f"not an owner of {name}"


def _app_owner(client: Client, installation: Mapping[str, Any], name: str) -> str:
    """The login of the App's owner.

    GitHub may hide a private App, but only its owner can have installed it.
    """
    try:
        app = client.get("/apps/{slug}", slug=str(installation["app_slug"]))
    except NotFound:
        return name
    return str((app.get("owner") or {}).get("login", ""))


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
            return auth.admit(BY_LINK)
        log.warning("refused a console link that is used or expired")
        return page(403, error="This link has been used or has expired. Please print a new one.")

    if auth.oauth is not None:
        _add_github(pages, auth, auth.oauth, page)


def _add_github(pages: Blueprint, auth: SignIn, oauth: OAuth, page: _Page) -> None:
    one_at_a_time = threading.Lock()

    @pages.get("/sign-in/github")
    def to_github() -> ResponseReturnValue:
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        response = redirect(oauth.address(state=state, verifier=verifier), 303)
        value = f"{state}.{verifier}"
        path = url_for("console.sign_in")
        _set_cookie(response, _FLOW_COOKIE, value, seconds=_FLOW_SECONDS, path=path)
        return response

    @pages.get("/sign-in/callback")
    def callback() -> ResponseReturnValue:
        state, _, verifier = request.cookies.get(_FLOW_COOKIE, "").partition(".")
        if not state or not hmac.compare_digest(state.encode(), _argument("state").encode()):
            return page(403, error=_WRONG_STATE)
        if not _argument("code"):
            return page(403, error="GitHub did not sign you in.")
        # Anyone can trigger these requests to GitHub, and each one blocks a thread. The lock keeps
        # the other threads free for deliveries.
        if not one_at_a_time.acquire(blocking=False):
            return page(503, error="Someone else is signing in right now. Please try again.")
        try:
            response = auth.admit(
                owner(oauth.redeem(_argument("code"), verifier=verifier), auth.organizations)
            )
        except (NotAllowedError, RequestFailed) as error:
            log.warning("refused a sign-in at the console: %s", error)
            status, message = _failure(error)
            return page(status, error=message)
        finally:
            one_at_a_time.release()
        response.delete_cookie(_FLOW_COOKIE, path=url_for("console.sign_in"))
        return response


def _failure(error: Exception) -> tuple[int, str]:
    """The status and the message for a failed sign-in."""
    if isinstance(error, NotAllowedError):
        return 403, f"{error}."
    if isinstance(error, Unauthorized):
        return 403, f"GitHub refused the sign-in ({error.message}). Please try again."
    return 503, "GitHub is not responding. Please try again, or sign in with a link."


def _argument(name: str) -> str:
    return request.args.get(name, "")[:500]


def _set_cookie(response: Response, name: str, value: str, *, seconds: float, path: str) -> None:
    """Set a cookie; it is Lax because browsers do not send Strict ones on the way from GitHub."""
    # A forged header only keeps the cookie from the client that sent it.
    secure = request.is_secure or request.headers.get("X-Forwarded-Proto") == "https"
    response.set_cookie(
        name,
        value,
        max_age=int(seconds),
        path=path,
        httponly=True,
        samesite="Lax",
        secure=secure,
    )
