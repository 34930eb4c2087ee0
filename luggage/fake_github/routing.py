"""The table of routes, and what a route is given.

Paths are matched segment by segment before they are decoded, so that an encoded slash stays inside
its segment. Chosen against werkzeug's router, which decodes first and redirects.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote, urlencode

from luggage.fake_github.credentials import Credentials
from luggage.fake_github.hooks import Hooks
from luggage.fake_github.limits import Limits
from luggage.fake_github.messages import Answer, Refused, Request, invalid, not_found
from luggage.fake_github.records import Account, Installation, Issue, Repository
from luggage.fake_github.world import World

Item = TypeVar("Item")
_MOST_PER_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class RouteCall:
    """One authenticated request for one route: the world, the names in the path, and who asks."""

    world: World
    request: Request
    names: dict[str, str]
    credentials: Credentials
    limits: Limits
    hooks: Hooks
    installation: Installation | None
    tell: Callable[[str], None]

    @property
    def actor(self) -> Account:
        """Who writes: the bot's own account."""
        return self.world.bot

    def number(self, name: str) -> int:
        """A number in the path."""
        return int(self.names[name])

    def body(self) -> dict[str, Any]:
        """The JSON object that was sent, {} for no body; raises Refused(400) for anything else."""
        value = self.request.json
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise Refused(400, "Body should be a JSON object")
        return value

    def text(self, resource: str, field: str) -> str:
        """A text in the body that must not be blank; raises Refused(422) when it is missing."""
        value = self.body().get(field)
        if value is None:
            raise invalid(resource, field, "missing_field")
        if not isinstance(value, str):
            raise Refused(
                422, f"Invalid request.\n\nFor 'properties/{field}', {value!r} is not a string."
            )
        if not value.strip():
            raise invalid(resource, field, "custom", f"{field} cannot be blank")
        return value

    def user(self, name: str = "username") -> Account:
        """The user named in the path; raises Refused(404)."""
        found = self.world.accounts.get(self.names[name].lower())
        if found is None:
            raise not_found()
        return found

    def organization(self) -> Account:
        """The organization in the path; raises Refused(404), or 403: the App is not installed."""
        found = self.world.accounts.get(self.names["org"].lower())
        if found is None or not found.is_organization:
            raise not_found()
        self.need_access(found)
        return found

    def repository(self) -> Repository:
        """The repository named in the path; raises Refused(404) also for what must not be seen."""
        found = self.world.repositories.get(f"{self.names['owner']}/{self.names['repo']}".lower())
        if found is None or (found.private and not self.has_access(found.owner)):
            raise not_found()
        if self.request.method != "GET":
            self.need_access(found.owner)
        return found

    def issue(self, name: str = "issue_number") -> Issue:
        """The issue or pull request of that number; raises Refused(404)."""
        found = self.repository().issues.get(self.number(name))
        if found is None:
            raise not_found()
        return found

    def has_access(self, account: Account) -> bool:
        """Whether the token that was sent is one of the installation on that account."""
        return self.installation is not None and self.installation.account is account

    def need_access(self, account: Account) -> None:
        """Raises Refused(403), as GitHub does for a token of another installation."""
        if not self.has_access(account):
            raise Refused(403, "Resource not accessible by integration")

    def page(self, things: Sequence[Item], shape: Callable[[Item], Any]) -> Answer:
        """The page of a list that was asked for, with its Link header."""
        shown, headers = self.slice(things)
        return Answer(200, [shape(thing) for thing in shown], headers)

    def slice(self, things: Sequence[Item]) -> tuple[Sequence[Item], dict[str, str]]:
        """The part of a list on the page that was asked for, and the headers that lead on."""
        size = min(max(self.count("per_page", 30), 1), _MOST_PER_PAGE)
        last = max(1, -(-len(things) // size))
        at = max(self.count("page", 1), 1)
        links = dict(self._neighbours(at, last))
        header = ", ".join(f'<{self.url(page=n)}>; rel="{rel}"' for rel, n in links.items())
        return things[(at - 1) * size : at * size], {"Link": header} if header else {}

    def count(self, name: str, default: int) -> int:
        """A number among the query parameters, or the default."""
        text = self.request.query.get(name, "")
        # What is no number is taken as absent, as GitHub does.
        return int(text) if re.fullmatch("[0-9]{1,9}", text) else default

    @staticmethod
    def _neighbours(at: int, last: int) -> Iterator[tuple[str, int]]:
        if at > 1:
            yield "prev", min(at - 1, last)
        if at < last:
            yield "next", at + 1
            yield "last", last
        if at > 1:
            yield "first", 1

    def url(self, **parameters: Any) -> str:
        """The address that was asked, with other query parameters.

        On the host that was asked, which may be a proxy before this server.
        """
        host = self.request.headers.get("host")
        base = f"http://{host}" if host else self.world.api_url
        query = urlencode({**self.request.query, **parameters})
        return f"{base}{self.request.path}?{query}"


Handler = Callable[[RouteCall], Answer]


@dataclass(frozen=True)
class Route:
    """One route: a handler, and who calls it.

    The App itself (`by_app`, by its JWT), anybody at all (`by_anybody`), or else an installation.
    """

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    by_app: bool
    by_anybody: bool


class RouteTable:
    """A table of routes, filled by decorators."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def __call__(
        self, method: str, template: str, *, by_app: bool = False, by_anybody: bool = False
    ) -> Callable[[Handler], Handler]:
        """Decorate a handler: `routes("GET", "/repos/{owner}/{repo}")`."""

        def add(handler: Handler) -> Handler:
            self._routes.append(Route(method, _pattern(template), handler, by_app, by_anybody))
            return handler

        return add

    def include(self, other: "RouteTable") -> None:
        """Take over all routes of another table."""
        self._routes.extend(other._routes)  # noqa: SLF001 - its own class

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route and the decoded names in the path; raises Refused(404)."""
        for route in self._routes:
            match = route.pattern.fullmatch(path) if route.method == method else None
            if match is not None:
                return route, {name: unquote(text) for name, text in match.groupdict().items()}
        raise not_found()


def _pattern(template: str) -> re.Pattern[str]:
    """{comment_id}, {issue_number} match numbers only, {path} all the rest, others a segment."""
    pieces = re.split(r"\{(\w+)\}", template)
    for at in range(1, len(pieces), 2):
        pieces[at] = f"(?P<{pieces[at]}>{_matching(pieces[at])})"
    pieces[::2] = [re.escape(text) for text in pieces[::2]]
    return re.compile("".join(pieces))


def _matching(name: str) -> str:
    if name == "path":
        return ".+"
    return "[0-9]{1,18}" if name.endswith(("_id", "number")) else "[^/]+"
