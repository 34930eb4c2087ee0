"""A call and its answer: credentials, limits, redirects and ETags put together.

One Exchange for each installation and one for the App itself; all their clients in all threads
share it.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypedDict
from urllib.parse import urlencode

from luggage.github.answers import (
    SECONDARY_LIMIT_SECONDS,
    ApiResponse,
    RateLimit,
    failure,
    graphql_failure,
    rate_limit,
    unreadable,
)
from luggage.github.cache import EtagCache, Kept
from luggage.github.credentials import Attempt
from luggage.github.errors import Invalid, RateLimited, RequestFailed
from luggage.github.limits import Gate
from luggage.github.secret import SecretText
from luggage.github.tokens import Skew
from luggage.github.transport import Transport
from luggage.github.urls import BadAddress, Origin, expand

API_VERSION = "2022-11-28"

_log = logging.getLogger("luggage.github")
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 307, 308})
_NOT_MODIFIED = 304


class Named(TypedDict):
    """How errors name a call."""

    method: str
    path: str


@dataclass(frozen=True)
class ApiCall:
    """What is asked for: `path` is what errors tell, `url` the whole address, `body` the JSON.

    After `not_after`, by our clock, nothing is sent any more, not for a later try either.
    """

    method: str
    path: str
    url: str
    body: bytes | None = field(default=None, repr=False)
    writes: bool = True
    not_after: float | None = None

    @property
    def named(self) -> Named:
        """Return method and path, as errors take them."""
        return {"method": self.method, "path": self.path}


@dataclass(frozen=True)
class Exchanged:
    """One HTTP exchange, for whoever counts: in whose name ("installation 7", "the App").

    `status` is None where no answer came; `limit` is what the answer says of the primary limit.
    """

    name: str
    method: str
    status: int | None
    seconds: float
    limit: RateLimit | None


@dataclass(frozen=True)
class Wire:
    """What all exchanges of one App share, in all threads."""

    origin: Origin
    transport: Transport
    cache: EtagCache
    skew: Skew
    user_agent: str
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    watch: Callable[[Exchanged], object] = lambda _: None


class Exchange:
    """Asks GitHub in one name, and keeps to its limits; safe to share between threads."""

    def __init__(
        self,
        name: str,
        wire: Wire,
        attempt: Callable[[], Attempt],
        gate: Gate,
        turn: str = "",
    ) -> None:
        """Take whose exchange it is, what is shared, how to make credentials, and the limits.

        `turn` is in whose name turns to write are taken.
        """
        self.name = name
        self._wire = wire
        self._attempt = attempt
        self._gate = gate
        self._turn = turn

    def in_turn(self, turn: str) -> "Exchange":
        """Return one that takes its turns to write in the name of `turn`; all else is shared."""
        return Exchange(self.name, self._wire, self._attempt, self._gate, turn)

    @property
    def rate_limit(self) -> RateLimit | None:
        """Return the primary limit last heard of, None before that."""
        return self._gate.rate_limit

    def call(
        self,
        method: str,
        template: str,
        names: Mapping[str, object],
        params: Mapping[str, object] | None = None,
        body: object = None,
    ) -> ApiCall:
        """Return the call; raises Invalid when the names cannot be part of an address."""
        try:
            path = expand(template, names)
            url = self._wire.origin.url + path + _query(params or {})
        except (BadAddress, UnicodeEncodeError) as error:
            raise Invalid(str(error), method=method, path=template) from None
        return ApiCall(method, path, url, _encoded(body), writes=method != "GET")

    def graphql_call(self, body: object, *, writes: bool) -> ApiCall:
        """Return a call of the GraphQL endpoint."""
        url = self._wire.origin.graphql_url
        return ApiCall("POST", "/graphql", url, _encoded(body), writes=writes)

    def following(self, call: ApiCall, link: str) -> ApiCall:
        """Return the call for the next page; raises Invalid when `link` leads away from the API."""
        try:
            return replace(call, url=self._wire.origin.within(link))
        except BadAddress as error:
            raise Invalid(f"{error}; it was not followed", **call.named) from None

    def ask(self, call: ApiCall) -> ApiResponse:
        """Return a good answer, an unchanged one from memory; raises RequestFailed for others."""
        self._gate.enter(call.method, call.path, write=call.writes, turn=self._turn)
        if call.method != "GET":
            return self._try(call, None)
        kept = self._wire.cache.get(self.name, call.url)
        answer = self._try(call, kept)
        if kept is not None and answer.status == _NOT_MODIFIED:
            headers = {**answer.headers, "link": kept.link}
            return replace(answer, status=200, headers=headers, body=kept.body)
        etag, link = (answer.headers.get(name, "") for name in ("etag", "link"))
        if etag:
            self._wire.cache.put(self.name, call.url, Kept(etag, answer.body, link))
        return answer

    def graphql_failure(self, call: ApiCall, answer: ApiResponse, told: object) -> RequestFailed:
        """Return the error a GraphQL answer means, and keep to the limit if it is one."""
        limit = rate_limit(answer, skew_seconds=self._wire.skew.seconds)
        retry_at = answer.received_at + SECONDARY_LIMIT_SECONDS
        if limit is not None and limit.remaining == 0:
            retry_at = max(limit.reset_at, answer.received_at + 1.0)
        error = graphql_failure(answer, told, retry_at=retry_at)
        if isinstance(error, RateLimited):
            self._gate.close_until(call.path, error.retry_at)
        return error

    def _try(self, call: ApiCall, kept: Kept | None) -> ApiResponse:
        attempt = self._attempt()
        while True:
            answer = self._follow(call, self._headers(attempt.secret(), call, kept))
            self._wire.skew.learn(answer)
            skew_seconds = self._wire.skew.seconds
            retry_at = self._gate.learn(answer, skew_seconds=skew_seconds, turn=self._turn)
            _log.debug("%s: %s %s: %d", self.name, call.method, call.path, answer.status)
            if answer.ok or (kept is not None and answer.status == _NOT_MODIFIED):
                return answer
            wait = attempt.again(answer) if retry_at is None else None
            if wait is None:
                raise failure(answer, retry_at=retry_at)
            if wait > 0.0:
                self._wire.sleep(wait)

    def _follow(self, call: ApiCall, headers: Mapping[str, str]) -> ApiResponse:
        """Send; go where GitHub redirects to within its API, with the same method, as it asks for.

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
            if answer.status not in _REDIRECTS:
                return answer
            url = self.following(call, answer.headers.get("location", "")).url
        raise Invalid("redirected too often", status=answer.status, **call.named)

    def _watched(self, call: ApiCall, send: Callable[[], ApiResponse]) -> ApiResponse:
        """Send, and tell whoever counts how it went."""
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

    def _headers(self, secret: SecretText, call: ApiCall, kept: Kept | None) -> dict[str, str]:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": SecretText(f"Bearer {secret}"),
            "User-Agent": self._wire.user_agent,
            "X-GitHub-Api-Version": API_VERSION,
        }
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        if kept is not None:
            headers["If-None-Match"] = kept.etag
        return headers


def decode(answer: ApiResponse) -> Any:
    """Return the decoded JSON of a good answer, None for an empty one; raises Ambiguous."""
    try:
        return answer.decoded()
    except (ValueError, RecursionError):
        raise unreadable(answer) from None


def _encoded(body: object) -> bytes | None:
    return None if body is None else json.dumps(body, allow_nan=False).encode()


def _query(params: Mapping[str, object]) -> str:
    given = {name: _as_github_writes(value) for name, value in params.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""


def _as_github_writes(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
