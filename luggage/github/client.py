"""A client of GitHub's API: path and names in, decoded JSON or an error of errors.py out.

It tries nothing twice but what can only be a fault of its own credentials; when to repeat is for
the caller, who has a queue and knows what else there is to do. Against PyGithub and ghapi: they
wrap each endpoint in a class, follow URLs found in payloads, and sleep through rate limits.
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

# A word inside a string or a comment counts as well: better refused than written unseen.
_WRITING_QUERY = re.compile(r"\b(?:mutation|subscription)\b")
_Params = Mapping[str, object] | None


@dataclass(frozen=True)
class Page:
    """Some items of a list, and the `params` that ask for those after them; None for the last."""

    items: Sequence[Any] = field(repr=False)
    following: Mapping[str, str] | None


class Client:
    """Asks GitHub's API in the name of one installation, or of the App; share it between threads.

    `GithubApp.client_for` and `GithubApp.app_client` make them. Each method takes a path such as
    "/orgs/{org}/memberships/{username}" and the names to put into it, which are percent-encoded.
    Each returns the decoded JSON, None for an empty answer, and raises a RequestFailed of errors.py
    when GitHub does not give what was asked for.
    """

    def __init__(self, exchange: Exchange, *, reads_only: bool = False) -> None:
        self._exchange = exchange
        self._reads_only = reads_only

    def __repr__(self) -> str:
        """Return whose client it is; never a credential."""
        return f"<Client of {self._exchange.name}{', read-only' if self._reads_only else ''}>"

    @property
    def rate_limit(self) -> RateLimit | None:
        """Return the primary limit this installation last heard of, None before that."""
        return self._exchange.rate_limit

    def read_only(self) -> "Client":
        """Return a client of the same installation that raises WriteRefused for every write.

        It sends GET, and queries of GraphQL; a mutation cannot be written without its word.
        """
        return Client(self._exchange, reads_only=True)

    def get(self, path: str, /, *, params: _Params = None, **names: str | int) -> Any:
        """Read; raises RequestFailed. Repeating is safe, and cheap where nothing has changed."""
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
        """Put in place; raises RequestFailed, WriteRefused. Repeating is safe, as GitHub has it.

        `not_after` as for `post`.
        """
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
        """Add; raises RequestFailed, WriteRefused. After Ambiguous look before repeating.

        After `not_after` (epoch seconds) it is not sent any more, but raises Unreachable: for a
        caller who could not say otherwise when it is too late for it to arrive.
        """
        call = self._exchange.call("POST", path, names, params, json)
        return self._value(replace(call, not_after=not_after))

    def patch(
        self, path: str, /, *, json: object = None, params: _Params = None, **names: str | int
    ) -> Any:
        """Change; raises RequestFailed, WriteRefused. Repeating sets the same values again."""
        return self._value(self._exchange.call("PATCH", path, names, params, json))

    def delete(
        self, path: str, /, *, json: object = None, params: _Params = None, **names: str | int
    ) -> Any:
        """Remove; raises RequestFailed, WriteRefused. Repeated, it is NotFound: gone already."""
        return self._value(self._exchange.call("DELETE", path, names, params, json))

    def pages(self, path: str, /, *, params: _Params = None, **names: str | int) -> Iterator[Any]:
        """Give the items of all pages, each page asked for when it is reached, 100 items at a time.

        Understands lists, and objects with one list in them, such as searches. Raises
        RequestFailed; Invalid when a page's link leads anywhere but on. No snapshot: what is added
        meanwhile may show an item twice.
        """
        call = self._exchange.call("GET", path, names, {"per_page": 100, **(params or {})})
        seen: set[str] = set()
        while call.url not in seen:
            seen.add(call.url)
            answer = self._exchange.ask(call)
            yield from _items(call, decode(answer))
            link = _next_link(answer.headers.get("link", ""))
            if link is None:
                return
            call = self._exchange.following(call, link)
        raise Invalid("the pages go round in a circle", **call.named)

    def page(self, path: str, /, *, params: _Params = None, **names: str | int) -> Page:
        """Return one page, for whoever wants to go on from it later; raises RequestFailed.

        Invalid when the page's link leads anywhere but on. Repeating is safe.
        """
        call = self._exchange.call("GET", path, names, {"per_page": 100, **(params or {})})
        answer = self._exchange.ask(call)
        link = _next_link(answer.headers.get("link", ""))
        following = None if link is None else _query_of(self._exchange.following(call, link).url)
        return Page(_items(call, decode(answer)), following)

    def graphql(self, query: str, /, **variables: object) -> Any:
        """Return the `data` of a query; raises RequestFailed, for errors with status 200 too.

        Values belong into `variables`, never into the text. A mutation counts as a write, and a
        text that has the word anywhere counts as a mutation.
        """
        body = {"query": query, "variables": variables}
        writes = _WRITING_QUERY.search(query) is not None
        call = self._permitted(self._exchange.graphql_call(body, writes=writes))
        answer = self._exchange.ask(call)
        told = decode(answer)
        if isinstance(told, dict) and not told.get("errors"):
            return told.get("data")
        raise self._exchange.graphql_failure(call, answer, told)

    def _value(self, call: ApiCall) -> Any:
        return decode(self._exchange.ask(self._permitted(call)))

    def _permitted(self, call: ApiCall) -> ApiCall:
        if self._reads_only and call.writes:
            raise WriteRefused(f"{call.method} {call.path} on a client made by read_only()")
        return call


def _items(call: ApiCall, value: Any) -> list[Any]:
    candidates = list(value.values()) if isinstance(value, dict) else [value]
    lists = [candidate for candidate in candidates if isinstance(candidate, list)]
    if len(lists) != 1:
        raise Invalid("the answer is no page: it holds not one list", **call.named)
    return lists[0]


def _query_of(url: str) -> Mapping[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def _next_link(header: str) -> str | None:
    links = parse_header_links(header) if header else []
    return next((link["url"] for link in links if link.get("rel") == "next"), None)
