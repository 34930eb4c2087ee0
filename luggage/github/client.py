"""API client: takes a path and names, returns decoded JSON or raises an error of errors.py.

It retries only failures of its own credentials and leaves other retries to the caller.
docs/decisions/0020 says why it wraps requests.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from requests.utils import parse_header_links

from luggage.github.answers import RateLimit
from luggage.github.errors import Invalid, WriteRefused
from luggage.github.exchange import ApiCall, Exchange, decode

# Also matches the word in strings and comments: a false refusal is safer than a hidden write.
_WRITING_QUERY = re.compile(r"\b(?:mutation|subscription)\b")
_Params = Mapping[str, object] | None


@dataclass(frozen=True)
class Page:
    """One page of a list; `following` holds the params of the next page, None on the last."""

    items: Sequence[Any] = field(repr=False)
    following: Mapping[str, str] | None


class Client:
    """API client of one installation or of the App; safe to share between threads.

    `GithubApp.client_for` and `GithubApp.app_client` create clients. Methods take a path such as
    "/orgs/{org}/memberships/{username}" and its names, which are percent-encoded. They return the
    decoded JSON, None for an empty response, and raise RequestFailed when a request fails.
    """

    def __init__(self, exchange: Exchange, *, reads_only: bool = False) -> None:
        self._exchange = exchange
        self._reads_only = reads_only

    def __repr__(self) -> str:
        """Return the owner of the client, without credentials."""
        return f"<Client of {self._exchange.name}{', read-only' if self._reads_only else ''}>"

    @property
    def rate_limit(self) -> RateLimit | None:
        """Return the installation's primary limit as last reported; None before that."""
        return self._exchange.rate_limit

    def read_only(self) -> "Client":
        """Return a client that allows GET and GraphQL queries; writes raise WriteRefused."""
        return Client(self._exchange, reads_only=True)

    def get(self, path: str, /, *, params: _Params = None, **names: str | int) -> Any:
        """Read a resource; raises RequestFailed. Safe to repeat."""
        return self._value(self._exchange.call("GET", path, names, params))

    def put(
        self,
        path: str,
        /,
        *,
        json: object = None,
        params: _Params = None,
        not_after: float | None = None,
        **names: str | int,
    ) -> Any:
        """Create or replace a resource; arguments and errors as in `post`. Safe to repeat."""
        call = self._exchange.call("PUT", path, names, params, json)
        return self._value(replace(call, not_after=not_after))

    def post(
        self,
        path: str,
        /,
        *,
        json: object = None,
        params: _Params = None,
        not_after: float | None = None,
        **names: str | int,
    ) -> Any:
        """Create a resource; raises RequestFailed, WriteRefused.

        After Ambiguous, check whether it was created before repeating. After `not_after` (epoch
        seconds) the request is not sent and raises Unreachable, for writes that must not arrive
        late.
        """
        call = self._exchange.call("POST", path, names, params, json)
        return self._value(replace(call, not_after=not_after))

    def patch(
        self, path: str, /, *, json: object = None, params: _Params = None, **names: str | int
    ) -> Any:
        """Update a resource; raises RequestFailed, WriteRefused. Repeating sets the same values."""
        return self._value(self._exchange.call("PATCH", path, names, params, json))

    def delete(
        self, path: str, /, *, json: object = None, params: _Params = None, **names: str | int
    ) -> Any:
        """Delete a resource; raises RequestFailed, WriteRefused. Repeating raises NotFound."""
        return self._value(self._exchange.call("DELETE", path, names, params, json))

    def pages(self, path: str, /, *, params: _Params = None, **names: str | int) -> Iterator[Any]:
        """Yield the items of all pages, fetching each page of 100 when it is reached.

        Accepts lists, and objects that hold one list, such as search results. Raises RequestFailed,
        and Invalid for a next link that leaves the API. Items added meanwhile may make others
        appear twice.
        """
        call = self._exchange.call("GET", path, names, {"per_page": 100, **(params or {})})
        seen: set[str] = set()
        while call.url not in seen:
            seen.add(call.url)
            answer = self._exchange.send(call)
            yield from _items(call, decode(answer))
            link = _next_link(answer.headers.get("link", ""))
            if link is None:
                return
            call = self._exchange.following(call, link)
        raise Invalid("the next links form a loop", **call.named)

    def page(self, path: str, /, *, params: _Params = None, **names: str | int) -> Page:
        """Return one page; raises as `pages` does. Safe to repeat."""
        call = self._exchange.call("GET", path, names, {"per_page": 100, **(params or {})})
        answer = self._exchange.send(call)
        link = _next_link(answer.headers.get("link", ""))
        following = None if link is None else _query_of(self._exchange.following(call, link).url)
        return Page(_items(call, decode(answer)), following)

    def graphql(self, query: str, /, **variables: object) -> Any:
        """Return the `data` of a query; raises RequestFailed, also for errors with status 200.

        Pass values as `variables`, never in the query. A query that contains the word "mutation"
        anywhere counts as a write.
        """
        body = {"query": query, "variables": variables}
        writes = _WRITING_QUERY.search(query) is not None
        call = self._permitted(self._exchange.graphql_call(body, writes=writes))
        answer = self._exchange.send(call)
        result = decode(answer)
        if isinstance(result, dict) and not result.get("errors"):
            return result.get("data")
        raise self._exchange.graphql_failure(call, answer, result)

    def _value(self, call: ApiCall) -> Any:
        return decode(self._exchange.send(self._permitted(call)))

    def _permitted(self, call: ApiCall) -> ApiCall:
        if self._reads_only and call.writes:
            raise WriteRefused(
                f"{call.method} {call.path} is a write, and this client is read-only"
            )
        return call


def _items(call: ApiCall, value: Any) -> list[Any]:
    candidates = list(value.values()) if isinstance(value, dict) else [value]
    lists = [candidate for candidate in candidates if isinstance(candidate, list)]
    if len(lists) != 1:
        raise Invalid("the response is not a page: expected exactly one list", **call.named)
    return lists[0]


def _query_of(url: str) -> Mapping[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def _next_link(header: str) -> str | None:
    links = parse_header_links(header) if header else []
    return next((link["url"] for link in links if link.get("rel") == "next"), None)
