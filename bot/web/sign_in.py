"""The door of the console: who may come in, with GitHub or with a link that is good once.

With GitHub, owners come in: of the organisation that the App belongs to and is installed in, or of
those that the operator names. Being installed is not enough, because anybody may install an App
that is public. The person's own token is asked, and let go of at the end of the request; the App's
private key is not in this process (docs/architecture.md).

The way back from GitHub is tied to the browser that set out by a cookie with a random state, and
the code to it by PKCE. No address to go to afterwards is taken from a request, so none can be
chosen by somebody else.
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
_JOURNEY_COOKIE = "console-sign-in"
_JOURNEY_SECONDS = 600
# Who a link is handed to is not known.
BY_LINK = "by link"
_PATH = "/console"

_ASTRAY = (
    "This is not the way back of a sign-in that this browser began here. Try again, at the address "
    "that the App's callback URL names."
)

log = logging.getLogger(__name__)


class NotAllowedError(Exception):
    """Somebody who may not come in; the message says why, for the person and for the log."""


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """What signing in needs. `oauth` is None where no App is configured: then there are only links.

    `organizations` are those whose owners may come in; none: the one that the App belongs to.
    `program` is what operators type before a subcommand.
    """

    sessions: Sessions
    oauth: OAuth | None
    program: str
    organizations: Collection[str] = ()

    def session(self) -> Session | None:
        """Whose session the request belongs to, or None. Raises SQLAlchemyError."""
        token = request.cookies.get(SESSION_COOKIE, "")
        return self.sessions.find(token) if token else None

    def admit(self, who: str) -> Response:
        """The answer that signs somebody in."""
        log.info("signed in at the console: %s", who)
        answer = redirect(url_for("console.overview"), 303)
        token = self.sessions.begin(who).token
        _set_cookie(answer, SESSION_COOKIE, token, seconds=LONGEST_SECONDS, path=_PATH)
        return answer

    def leave(self, session: Session) -> Response:
        """The answer that signs somebody out, in this browser and in the database."""
        self.sessions.end(session)
        answer = redirect(url_for("console.sign_in"), 303)
        answer.delete_cookie(SESSION_COOKIE, path=_PATH)
        return answer


def owner(client: Client, organizations: Collection[str]) -> str:
    """The login of a person who may come in, asked of GitHub with that person's own token.

    Raises NotAllowedError, and RequestFailed when GitHub does not answer.
    """
    login = str(client.get("/user")["login"])
    reasons = [_refusal(client, each, organizations) for each in _installed(client)]
    if "" in reasons:
        return login
    because = "; ".join(reasons) or "the App is installed in no organisation of yours"
    raise NotAllowedError(f"{login} may not come in: {because}")


def _installed(client: Client) -> Iterator[Mapping[str, Any]]:
    """The App's installations on organisations that the person belongs to."""
    for installation in client.pages("/user/installations"):
        if installation["target_type"] == "Organization" and not installation["suspended_at"]:
            yield installation


def _refusal(
    client: Client, installation: Mapping[str, Any], organizations: Collection[str]
) -> str:
    """Why an installation does not let the person in; "" when it does."""
    name = str(installation["account"]["login"])
    wanted = {each.lower() for each in organizations}
    if name.lower() not in (wanted or {_belongs_to(client, installation, name).lower()}):
        return f"owners of {name} are not let in (console.organizations names who is)"
    try:
        place = client.get("/user/memberships/orgs/{organization}", organization=name)
    except (NotFound, Forbidden):
        place = {}
    is_owner = (place.get("role"), place.get("state")) == ("admin", "active")
    return "" if is_owner else f"not an owner of {name}"


def _belongs_to(client: Client, installation: Mapping[str, Any], name: str) -> str:
    """Whose the App is.

    A private App can be installed by its owner alone, and some are not shown the page of one.
    """
    try:
        app = client.get("/apps/{slug}", slug=str(installation["app_slug"]))
    except NotFound:
        return name
    return str((app.get("owner") or {}).get("login", ""))


_Page = Callable[..., ResponseReturnValue]


def add_door(pages: Blueprint, door: SignIn) -> None:
    """Add the addresses of signing in to a blueprint, under /console/sign-in."""

    def page(status: int = 200, **told: Any) -> ResponseReturnValue:
        minutes = int(LINK_SECONDS / 60)
        with_github = door.oauth is not None
        told |= {"with_github": with_github, "minutes": minutes, "program": door.program}
        return render_template("bot/sign_in.html", **told), status

    @pages.get("/sign-in")
    def sign_in() -> ResponseReturnValue:
        return page()

    @pages.get("/sign-in/link/<token>")
    def link(token: str) -> ResponseReturnValue:
        # Asked for by programs too, which look at what a link leads to: it is used up by POST.
        return page(link=token)

    @pages.post("/sign-in/link/<token>")
    def use_link(token: str) -> ResponseReturnValue:
        if door.sessions.use_link(token):
            return door.admit(BY_LINK)
        log.warning("a link to the console was not good")
        return page(403, error="This link is used up, or too old. Have a new one printed.")

    if door.oauth is not None:
        _add_github(pages, door, door.oauth, page)


def _add_github(pages: Blueprint, door: SignIn, oauth: OAuth, page: _Page) -> None:
    asking = threading.Lock()

    @pages.get("/sign-in/github")
    def to_github() -> ResponseReturnValue:
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        answer = redirect(oauth.address(state=state, verifier=verifier), 303)
        journey = f"{state}.{verifier}"
        path = url_for("console.sign_in")
        _set_cookie(answer, _JOURNEY_COOKIE, journey, seconds=_JOURNEY_SECONDS, path=path)
        return answer

    @pages.get("/sign-in/callback")
    def callback() -> ResponseReturnValue:
        state, _, verifier = request.cookies.get(_JOURNEY_COOKIE, "").partition(".")
        if not state or not hmac.compare_digest(state.encode(), _argument("state").encode()):
            return page(403, error=_ASTRAY)
        if not _argument("code"):
            return page(403, error="GitHub did not sign you in. Nothing was done.")
        # Anybody can have GitHub asked here, and each question holds a thread: one at a time, so
        # that there are always some left for deliveries.
        if not asking.acquire(blocking=False):
            return page(503, error="Somebody else is signing in just now. Try again.")
        try:
            answer = door.admit(
                owner(oauth.redeem(_argument("code"), verifier=verifier), door.organizations)
            )
        except (NotAllowedError, RequestFailed) as error:
            log.warning("not signed in at the console: %s", error)
            status, words = _told(error)
            return page(status, error=words)
        finally:
            asking.release()
        answer.delete_cookie(_JOURNEY_COOKIE, path=url_for("console.sign_in"))
        return answer


def _told(error: Exception) -> tuple[int, str]:
    """The status and the words for somebody who did not get in."""
    if isinstance(error, NotAllowedError):
        return 403, f"{error}."
    if isinstance(error, Unauthorized):
        return 403, f"GitHub did not take the code ({error.message}). Try again."
    return 503, "GitHub does not answer just now. Try again, or have a link printed."


def _argument(name: str) -> str:
    return request.args.get(name, "")[:500]


def _set_cookie(answer: Response, name: str, value: str, *, seconds: float, path: str) -> None:
    """A cookie no script sees. Lax, because Strict would not come along on the way from GitHub."""
    # A proxy says so; who lies here only keeps the cookie from himself.
    secure = request.is_secure or request.headers.get("X-Forwarded-Proto") == "https"
    answer.set_cookie(
        name,
        value,
        max_age=int(seconds),
        path=path,
        httponly=True,
        samesite="Lax",
        secure=secure,
    )
