"""API client: takes a path and names, returns decoded JSON or raises an error of errors.py.

The App and each installation have one Exchange, shared by their clients in all threads: it adds
credentials, rate limits, redirects and ETags to the transport. Only failures of its own credentials
are retried; other retries are left to the caller. docs/decisions/0020 says why it wraps
requests.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypedDict
from urllib.parse import parse_qsl, urlencode, urlsplit

from requests.utils import parse_header_links

from luggage.github.answers import (
    SECONDARY_LIMIT_SECONDS,
    ApiResponse,
    RateLimit,
    failure,
    graphql_failure,
    rate_limit,
    unreadable,
)
from luggage.github.cache import CachedResponse, EtagCache
from luggage.github.errors import Ambiguous, Invalid, RateLimited, RequestFailed, WriteRefused
from luggage.github.limits import NOBODY, Gate, Share
from luggage.github.secret import SecretText
from luggage.github.tokens import RequestAuth, Skew
from luggage.github.transport import BadAddress, Origin, Transport, expand

API_VERSION = "2022-11-28"

# Also matches the word in strings and comments: a false refusal is safer than a hidden write.
_WRITING_QUERY = re.compile(r"\b(?:mutation|subscription)\b")
_Params = Mapping[str, object] | None

_log = logging.getLogger("luggage.github")
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 307, 308})
_NOT_MODIFIED = 304
_PAGE = 100


class CallName(TypedDict):
    """The fields by which errors identify a call."""

    method: str
    path: str


@dataclass(frozen=True)
class ApiCall:
    """A call; errors show `path`. After `not_after` (our clock) not even a retry is sent."""

    method: str
    path: str
    url: str
    body: bytes | None = field(default=None, repr=False)
    writes: bool = True
    not_after: float | None = None

    @property
    def named(self) -> CallName:
        """Return method and path as keyword arguments for an error."""
        return {"method": self.method, "path": self.path}


@dataclass(frozen=True)
class Exchanged:
    """One HTTP exchange of "the App" or "installation 7"; `status` is None without a response."""

    name: str
    method: str
    status: int | None
    seconds: float
    limit: RateLimit | None


@dataclass(frozen=True)
class Wire:
    """Transport, cache and clocks shared by all exchanges of an App, in all threads."""

    origin: Origin
    transport: Transport
    cache: EtagCache
    skew: Skew
    user_agent: str
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    watch: Callable[[Exchanged], object] = lambda _: None


class Exchange:
    """Sends calls with one set of credentials and rate limits; safe to share between threads."""

    def __init__(  # noqa: PLR0913 -- the last two are named at the call
        self,
        name: str,
        wire: Wire,
        auth: Callable[[], RequestAuth],
        gate: Gate,
        *,
        waiter: str = "",
        share: Share = NOBODY,
    ) -> None:
        """`auth` creates credentials; `waiter` reserves write slots; `share` is who asks."""
        self.name = name
        self._wire = wire
        self._new_auth = auth
        self._gate = gate
        self._waiter = waiter
        self._share = share

    def for_waiter(self, waiter: str, share: Share) -> "Exchange":
        """Return an exchange for `waiter` and `share`, which has everything else in common."""
        return Exchange(
            self.name, self._wire, self._new_auth, self._gate, waiter=waiter, share=share
        )

    @property
    def rate_limit(self) -> RateLimit | None:
        """Return the primary limit as last reported; None before that."""
        return self._gate.rate_limit

    def call(
        self,
        method: str,
        template: str,
        names: Mapping[str, object],
        params: Mapping[str, object] | None = None,
        body: object = None,
    ) -> ApiCall:
        """Return a REST call; raises Invalid for names that cannot be part of a URL."""
        try:
            path = expand(template, names)
            url = self._wire.origin.url + path + _query(params or {})
        except (BadAddress, UnicodeEncodeError) as error:
            raise Invalid(str(error), method=method, path=template) from None
        return ApiCall(method, path, url, _encoded(body), writes=method != "GET")

    def graphql_call(self, body: object, *, writes: bool) -> ApiCall:
        """Return a GraphQL call."""
        url = self._wire.origin.graphql_url
        return ApiCall("POST", "/graphql", url, _encoded(body), writes=writes)

    def following(self, call: ApiCall, link: str) -> ApiCall:
        """Return the call for `link`; raises Invalid if it leaves the API."""
        try:
            return replace(call, url=self._wire.origin.within(link))
        except BadAddress as error:
            raise Invalid(f"{error}; it was not followed", **call.named) from None

    def send(self, call: ApiCall) -> ApiResponse:
        """Return a successful response, from the cache if unchanged; raises RequestFailed."""
        self._gate.enter(
            call.method, call.path, write=call.writes, waiter=self._waiter, share=self._share
        )
        if call.method != "GET":
            return self._try(call, None)
        cached = self._wire.cache.get(self.name, call.url)
        answer = self._try(call, cached)
        if cached is not None and answer.status == _NOT_MODIFIED:
            # Its own links are newer: a later page may exist since, and change nothing here.
            link = answer.headers.get("link", cached.link)
            if link != cached.link:
                self._wire.cache.put(self.name, call.url, replace(cached, link=link))
            headers = {**answer.headers, "link": link}
            return replace(answer, status=200, headers=headers, body=cached.body)
        etag, link = (answer.headers.get(name, "") for name in ("etag", "link"))
        if etag and answer.is_whole:
            self._wire.cache.put(self.name, call.url, CachedResponse(etag, answer.body, link))
        return answer

    def forget(self, call: ApiCall) -> None:
        """Ask for the call without a condition next time."""
        self._wire.cache.forget(self.name, call.url)

    def graphql_failure(self, call: ApiCall, answer: ApiResponse, data: object) -> RequestFailed:
        """Return the error of a GraphQL response; a rate limit also closes the gate."""
        limit = rate_limit(answer, skew_seconds=self._wire.skew.seconds)
        retry_at = answer.received_at + SECONDARY_LIMIT_SECONDS
        if limit is not None and limit.remaining == 0 and limit.reset_at > answer.received_at:
            retry_at = max(limit.reset_at, answer.received_at + 1.0)
        error = graphql_failure(answer, data, retry_at=retry_at)
        if isinstance(error, RateLimited):
            self._gate.close_until(call.path, error.retry_at)
        return error

    def _try(self, call: ApiCall, cached: CachedResponse | None) -> ApiResponse:
        auth = self._new_auth()
        while True:
            answer = self._follow(call, self._headers(auth.secret(), call, cached))
            self._wire.skew.learn(answer)
            skew_seconds = self._wire.skew.seconds
            retry_at = self._gate.learn(
                answer, skew_seconds=skew_seconds, waiter=self._waiter, share=self._share
            )
            _log.debug("%s: %s %s: %d", self.name, call.method, call.path, answer.status)
            if answer.ok or (cached is not None and answer.status == _NOT_MODIFIED):
                return answer
            wait = auth.retry_delay(answer) if retry_at is None else None
            if wait is None:
                raise failure(answer, retry_at=retry_at)
            if wait > 0.0:
                self._wire.sleep(wait)

    def _follow(self, call: ApiCall, headers: Mapping[str, str]) -> ApiResponse:
        """Send, and follow redirects within the API with the same method; raises Ambiguous.

        Source:
        https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
        ("Follow redirects": "repeated verbatim").
        """
        url = call.url
        send = partial(
            self._wire.transport.send,
            call.method,
            path=call.path,
            headers=headers,
            not_after=call.not_after,
        )
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._watched(call, partial(send, url, body=call.body))
            link = answer.headers.get("location", "")
            if answer.status not in _REDIRECTS or not link:
                return answer
            try:
                url = self._wire.origin.within(link)
            except BadAddress as error:
                # A proxy's, such as to its page for a login: GitHub's lead within the API.
                words = f"{error}; it was not followed"
                raise Ambiguous(words, status=answer.status, **call.named) from None
        raise Ambiguous("too many redirects", status=answer.status, **call.named)

    def _watched(self, call: ApiCall, send: Callable[[], ApiResponse]) -> ApiResponse:
        """Send, and report the exchange to `watch`."""
        wire, begun = self._wire, self._wire.clock()
        try:
            answer = send()
        except RequestFailed:
            wire.watch(Exchanged(self.name, call.method, None, wire.clock() - begun, None))
            raise
        limit = rate_limit(answer, skew_seconds=wire.skew.seconds)
        seconds = wire.clock() - begun
        wire.watch(Exchanged(self.name, call.method, answer.status, seconds, limit))
        return answer

    def _headers(
        self, secret: SecretText, call: ApiCall, cached: CachedResponse | None
    ) -> dict[str, str]:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": SecretText(f"Bearer {secret}"),
            "User-Agent": self._wire.user_agent,
            "X-GitHub-Api-Version": API_VERSION,
        }
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        if cached is not None:
            headers["If-None-Match"] = cached.etag
        return headers


def decode(answer: ApiResponse) -> Any:
    """Return the JSON of a successful response, None for one without content; raises Ambiguous."""
    try:
        return answer.decoded()
    except (ValueError, RecursionError):
        raise unreadable(answer) from None


def _encoded(body: object) -> bytes | None:
    return None if body is None else json.dumps(body, allow_nan=False).encode()


def _query(params: Mapping[str, object]) -> str:
    pairs = {name: _query_value(value) for name, value in params.items() if value is not None}
    return f"?{urlencode(pairs)}" if pairs else ""


def _query_value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Page:
    """One page of a list; `following` holds the params of the next page, None on the last."""

    items: Sequence[Any] = field(repr=False)
    following: Mapping[str, str] | None


class Client:
    """API client of one installation or of the App; safe to share between threads.

    `GithubApp.client_for` and `GithubApp.app_client` create clients. Methods take a path such as
    "/orgs/{org}/memberships/{username}" and its names, which are percent-encoded. They return the
    decoded JSON, None for a response without content, and raise RequestFailed when a request fails.
    In its objects, `answer["id"]` raises Ambiguous if GitHub left the field out.
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
            items, link = self._items(call, answer)
            yield from items
            if link is None:
                return
            call = self._exchange.following(call, link)
        raise Invalid("the next links form a loop", **call.named)

    def page(self, path: str, /, *, params: _Params = None, **names: str | int) -> Page:
        """Return one page; raises as `pages` does. Safe to repeat."""
        call = self._exchange.call("GET", path, names, {"per_page": 100, **(params or {})})
        items, link = self._items(call, self._exchange.send(call))
        following = None if link is None else _query_of(self._exchange.following(call, link).url)
        return Page(items, following)

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
            return result["data"]
        raise self._exchange.graphql_failure(call, answer, result)

    def _items(self, call: ApiCall, answer: ApiResponse) -> tuple[list[Any], str | None]:
        """Return the items of a page, and the link to the next page, if there is one."""
        items, link = _items(call, decode(answer)), _next_link(answer.headers.get("link", ""))
        if link is None and len(items) >= _per_page(call):
            # A further item would be on a page of its own, and leave this one unchanged.
            self._exchange.forget(call)
        return items, link

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
        raise Ambiguous("the response is not a page: expected exactly one list", **call.named)
    return lists[0]


def _per_page(call: ApiCall) -> int:
    size = _query_of(call.url).get("per_page", "")
    return int(size) if size.isdecimal() else _PAGE


def _query_of(url: str) -> Mapping[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def _next_link(header: str) -> str | None:
    links = parse_header_links(header) if header else []
    return next((link["url"] for link in links if link.get("rel") == "next"), None)
