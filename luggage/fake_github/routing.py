"""Route table, and the context that a route receives.

Paths are matched by segment before decoding, so that an encoded slash stays in its segment.
werkzeug's router decodes first.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode

from luggage.fake_github.credentials import Credentials
from luggage.fake_github.hooks import Hooks
from luggage.fake_github.limits import Limits
from luggage.fake_github.messages import (
    Answer,
    Item,
    Refused,
    Request,
    existing,
    invalid,
    not_found,
)
from luggage.fake_github.records import Account, Installation, Issue, Repository
from luggage.fake_github.world import World

_MOST_PER_PAGE = 100
# GitHub's limits on the texts of issues and comments, in characters.
_LONGEST = {"title": 256, "body": 65_536}


@dataclass(frozen=True, kw_only=True)
class RouteCall:
    """An authenticated request to a route, with the names in its path."""

    world: World
    request: Request
    names: dict[str, str]
    credentials: Credentials
    limits: Limits
    hooks: Hooks
    installation: Installation | None
    log: Callable[[str], None]

    @property
    def actor(self) -> Account:
        """Return the bot's account, which performs all writes."""
        return self.world.bot

    def number(self, name: str) -> int:
        """Return a number in the path."""
        return int(self.names[name])

    def body(self) -> dict[str, Any]:
        """Return the JSON object in the body, {} if empty; raises Refused.

        Other JSON is a 400, and a text that is too long a 422.
        """
        value = self.request.json
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise Refused(400, "Body should be a JSON object")
        for field, most in _LONGEST.items():
            if isinstance(value.get(field), str) and len(value[field]) > most:
                message = f"{field} is too long (maximum is {most} characters)"
                raise invalid("Issue", field, "custom", message)
        return value

    def text(self, resource: str, field: str) -> str:
        """Return a non-blank text in the body; raises Refused(422)."""
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
        """Return the user in the path; raises Refused(404)."""
        return existing(self.world.accounts.get(self.names[name].lower()))

    def organization(self) -> Account:
        """Return the organization in the path; raises Refused(404), or 403 without the App."""
        account = self.user("org")
        if not account.is_organization:
            raise not_found()
        self.require_access(account)
        return account

    def repository(self) -> Repository:
        """Return the repository in the path; raises Refused(404), also for a hidden one.

        A blocked one raises Refused with its status.
        """
        repository = self.world.repositories.get(
            f"{self.names['owner']}/{self.names['repo']}".lower()
        )
        moved = self.world.former_names.get(f"{self.names['owner']}/{self.names['repo']}".lower())
        if repository is None and moved is not None and self.has_access(moved.owner):
            raise self._redirect(moved)
        if repository is None or (repository.private and not self.has_access(repository.owner)):
            raise not_found()
        if repository.blocked:
            raise Refused(repository.blocked, "Repository access blocked")
        if self.request.method != "GET":
            self.require_access(repository.owner)
        return repository

    def _redirect(self, repository: Repository) -> Refused:
        """Return the redirect to a renamed repository, by its id."""
        rest = "".join(f"/{part}" for part in self.request.path.split("/")[4:])
        path = f"/repositories/{repository.id}{rest}"
        url = self.url(path)
        return Refused(301, "Moved Permanently", headers={"Location": url})

    def issue(self, name: str = "issue_number") -> Issue:
        """Return the issue or pull request of that number; raises Refused(404)."""
        return existing(self.repository().issues.get(self.number(name)))

    def unlocked(self, issue: Issue, thing: str) -> Issue:
        """Return the issue; raises Refused(403) for a locked one, as GitHub does to Apps.

        `thing` is what cannot be created: a comment, a reaction.
        """
        if issue.locked:
            raise Refused(403, f"Unable to create {thing} because issue is locked.")
        return issue

    def has_access(self, account: Account) -> bool:
        """Return whether the sent token belongs to the installation on that account."""
        return self.installation is not None and self.installation.account is account

    def require_access(self, account: Account) -> None:
        """Raise Refused(403) for a token of another installation, as GitHub does."""
        if not self.has_access(account):
            raise Refused(403, "Resource not accessible by integration")

    def page(self, things: Sequence[Item], shape: Callable[[Item], Any]) -> Answer:
        """Return the requested page of a list, with its Link header."""
        shown, headers = self.slice(things)
        return Answer(200, [shape(thing) for thing in shown], headers)

    def slice(self, things: Sequence[Item]) -> tuple[Sequence[Item], dict[str, str]]:
        """Return the requested page's part of a list, and the Link header."""
        size = min(max(self.count("per_page", 30), 1), _MOST_PER_PAGE)
        last = max(1, -(-len(things) // size))
        at = max(self.count("page", 1), 1)
        links = dict(self._neighbours(at, last))
        header = ", ".join(f'<{self.url(page=n)}>; rel="{rel}"' for rel, n in links.items())
        return things[(at - 1) * size : at * size], {"Link": header} if header else {}

    def count(self, name: str, default: int) -> int:
        """Return a number among the query parameters, or the default."""
        text = self.request.query.get(name, "")
        # GitHub ignores a value that is not a number.
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

    def url(self, path: str = "", /, **parameters: Any) -> str:
        """Return the URL with other query parameters, on the request's host (maybe a proxy)."""
        host = self.request.headers.get("host")
        base = f"http://{host}" if host else self.world.api_url
        query = urlencode({**self.request.query, **parameters})
        return f"{base}{path or self.request.path}" + (f"?{query}" if query or not path else "")


Handler = Callable[[RouteCall], Answer]


@dataclass(frozen=True)
class Route:
    """A route for the App itself (`by_app`), anyone (`any_caller`) or an installation."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    by_app: bool
    any_caller: bool


class RouteTable:
    """Routes, added by decorators."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def __call__(
        self, method: str, template: str, *, by_app: bool = False, any_caller: bool = False
    ) -> Callable[[Handler], Handler]:
        """Return a decorator: `@routes("GET", "/repos/{owner}/{repo}")`."""

        def add(handler: Handler) -> Handler:
            self._routes.append(Route(method, _pattern(template), handler, by_app, any_caller))
            return handler

        return add

    def include(self, other: "RouteTable") -> None:
        """Add all routes of another table."""
        self._routes.extend(other._routes)  # noqa: SLF001 - its own class

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route and the decoded names in the path; raises Refused(404)."""
        for route in self._routes:
            match = route.pattern.fullmatch(path) if route.method == method else None
            if match is not None:
                return route, {name: unquote(text) for name, text in match.groupdict().items()}
        raise not_found()


def _pattern(template: str) -> re.Pattern[str]:
    """Return the regex: names in _id and number match digits, {path} the rest, others a segment."""
    pieces = re.split(r"\{(\w+)\}", template)
    for at in range(1, len(pieces), 2):
        pieces[at] = f"(?P<{pieces[at]}>{_matching(pieces[at])})"
    pieces[::2] = [re.escape(text) for text in pieces[::2]]
    return re.compile("".join(pieces))


def _matching(name: str) -> str:
    if name == "path":
        return ".+"
    return "[0-9]{1,18}" if name.endswith(("_id", "number")) else "[^/]+"
