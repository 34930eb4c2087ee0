"""Request dispatch, after faults: authentication, rate limits, routing and ETags."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import replace

from luggage.fake_github.credentials import Credentials
from luggage.fake_github.hooks import Hooks
from luggage.fake_github.limits import Limits, RequestBudget
from luggage.fake_github.messages import Answer, HtmlPage, Refused, Request
from luggage.fake_github.records import Installation
from luggage.fake_github.routes import ROUTES
from luggage.fake_github.routing import Route, RouteCall
from luggage.fake_github.world import World

_CREATED, _NOT_MODIFIED = 201, 304
# Stands for the App itself, instead of an installation's id.
_APP = 0
# "Accessing this endpoint does not count against your REST API rate limit."
_FREE = "/rate_limit"


class RequestDispatcher:
    """Handles requests one at a time, under the world's lock."""

    def __init__(
        self,
        world: World,
        credentials: Credentials,
        limits: Limits,
        hooks: Hooks,
        *,
        log: Callable[[str], None],
    ) -> None:
        self._world = world
        self._credentials = credentials
        self._limits = limits
        self._hooks = hooks
        self._log = log

    def answer(self, request: Request) -> tuple[Answer, int | None]:
        """Return the response, and the id of the installation that sent the request, if any."""
        with self._world.lock:
            try:
                route, names, installation = self._admit(request)
            except Refused as refused:
                return _with_headers(refused.answer, {}), None
            budget = self._limits.budget(
                _APP if installation is None else installation.id, request.path
            )
            try:
                if request.path != _FREE:
                    budget.take()
                answer = self._run(route, names, request, installation)
                answer = self._conditional(request, answer, budget)
            except Refused as refused:
                answer = refused.answer
            final = _with_headers(answer, budget.headers())
            return final, None if installation is None else installation.id

    def _admit(self, request: Request) -> tuple[Route, dict[str, str], Installation | None]:
        if not request.headers.get("user-agent"):
            raise Refused(
                403,
                "Request forbidden by administrative rules. Please make sure your request has a "
                "User-Agent header.",
            )
        route, names = ROUTES.find(request.method, self._by_name(request.path))
        if route.any_caller:
            return route, names, None
        authorization = request.headers.get("authorization", "")
        if route.by_app:
            self._credentials.app(authorization)
            return route, names, None
        installation = self._credentials.installation(authorization)
        _require_address(installation)
        return route, names, installation

    def _by_name(self, path: str) -> str:
        """Return the path with a repository's name instead of its id."""
        start, _, rest = path.removeprefix("/repositories/").partition("/")
        if not path.startswith("/repositories/") or not start.isdecimal():
            return path
        named = (each for each in self._world.repositories.values() if each.id == int(start))
        repository = next(named, None)
        return path if repository is None else f"/repos/{repository.full_name}/{rest}".rstrip("/")

    def _run(
        self,
        route: Route,
        names: dict[str, str],
        request: Request,
        installation: Installation | None,
    ) -> Answer:
        call = RouteCall(
            world=self._world,
            request=request,
            names=names,
            credentials=self._credentials,
            limits=self._limits,
            hooks=self._hooks,
            installation=installation,
            log=self._log,
        )
        if installation is None:
            return route.handler(call)
        if request.method == "POST":
            self._limits.check_content(installation.id)
        answer = route.handler(call)
        if answer.status == _CREATED:
            self._limits.count_content(installation.id)
        return answer

    def _conditional(self, request: Request, answer: Answer, budget: RequestBudget) -> Answer:
        """Add an ETag; return an uncounted 304 if the client has this response."""
        if request.method != "GET" or answer.body is None or isinstance(answer.body, HtmlPage):
            return answer
        # As on GitHub, an ETag is valid only with the credentials that received it.
        caller = request.headers.get("authorization", "").encode()
        tag = f'W/"{hashlib.sha256(caller + answer.encoded()).hexdigest()}"'
        headers = {
            **answer.headers,
            "ETag": tag,
            "Cache-Control": "private, max-age=60, s-maxage=60",
            "Vary": "Accept, Authorization, Cookie, X-GitHub-OTP",
        }
        if request.headers.get("if-none-match") == tag:
            budget.refund()
            return Answer(_NOT_MODIFIED, None, headers)
        return replace(answer, headers=headers)


def _with_headers(answer: Answer, limits: dict[str, str]) -> Answer:
    common = {
        "X-GitHub-Request-Id": secrets.token_hex(8).upper(),
        "X-GitHub-Media-Type": "github.v3; format=json",
        "X-GitHub-Api-Version-Selected": "2022-11-28",
    }
    return replace(answer, headers={**common, **limits, **answer.headers})


def _require_address(installation: Installation) -> None:
    """Raise Refused(403) if the account's IP allow list does not contain the bot's address."""
    account = installation.account
    if account.has_allow_list:
        raise Refused(
            403,
            "Although you appear to have the correct authorization credentials, the "
            f"`{account.login}` organization has an IP allow list enabled, and your IP address is "
            "not permitted to access this resource.",
        )
