"""A GitHub App: its credentials, a client for each installation, and what to do with deliveries.

It owns no web server and no loop, so that it fits into any: hand it the headers and the raw body
of a request. It reads no environment; whoever starts the program hands the settings in.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Self, TypeVar

import requests

from luggage.github.cache import EtagCache
from luggage.github.client import Client
from luggage.github.credentials import AppAttempt, InstallationAttempt
from luggage.github.errors import Ambiguous, ConfigurationError, Transient
from luggage.github.exchange import Exchange, Exchanged, Wire, decode
from luggage.github.limits import Gate, LimitMemory
from luggage.github.routes import Call, CommandHandler, Handler, Routes
from luggage.github.tokens import (
    AppCredentials,
    InstallationTokens,
    Skew,
    TokenStore,
    load_private_key,
)
from luggage.github.transport import Transport, make_session
from luggage.github.urls import BadAddress, Origin
from luggage.github.webhooks import Delivery, read, usable_secrets
from luggage.github.write_throttle import Pace

_log = logging.getLogger("luggage.github")
_NAMES = {
    "app_id": "GITHUB_APP_ID",
    "private_key": "GITHUB_PRIVATE_KEY",
    "webhook_secrets": "GITHUB_WEBHOOK_SECRET",
    "user_agent": "GITHUB_USER_AGENT",
    "api_url": "GITHUB_API_URL",
}
_OLD_SECRET = "GITHUB_WEBHOOK_SECRET_OLD"  # noqa: S105 -- the name of a variable
_LINE_END = re.compile(r"\r?\n\Z")
_H = TypeVar("_H", bound=Handler)
_C = TypeVar("_C", bound=CommandHandler)


class GithubApp:
    """One GitHub App; make one at start and share it between all threads.

    `clock` gives seconds since the epoch; `sleep` is used for a fresh token's first seconds;
    `wait` is how a client waits for its turn to write (one write a second for each installation),
    and None lets it raise RateLimited instead. Through `limits` and `tokens` several processes
    share what they know of limits, and their tokens; `watch` is told of each HTTP exchange, in the
    thread that made it. Raises ConfigurationError for settings that
    cannot be used.
    """

    def __init__(  # noqa: PLR0913 -- an App's settings; all by keyword, the most with a default
        self,
        *,
        app_id: str | int,
        private_key: str,
        webhook_secrets: Sequence[str],
        user_agent: str,
        api_url: str = "https://api.github.com",
        session: requests.Session | None = None,
        clock: Callable[[], float] = time.time,  # noqa: TID251 -- the default only
        sleep: Callable[[float], None] = time.sleep,  # noqa: TID251 -- the default only
        wait: Callable[[float], None] | None = time.sleep,  # noqa: TID251 -- the default only
        limits: LimitMemory | None = None,
        pace: Pace | None = None,
        tokens: TokenStore | None = None,
        watch: Callable[[Exchanged], object] = lambda _: None,
    ) -> None:
        self.app_id = _app_id(app_id)
        self.user_agent = _user_agent(user_agent)
        self._secrets = usable_secrets(webhook_secrets)
        gate = partial(Gate, clock=clock, wait=wait, memory=limits, pace=pace)
        self._gate: Callable[[str], Gate] = lambda name: gate(name=name)
        self._clock = clock
        self._routes = Routes()
        skew = Skew()
        self._wire = Wire(
            origin=_origin(api_url),
            transport=Transport(session or make_session(), clock=clock),
            cache=EtagCache(),
            skew=skew,
            user_agent=self.user_agent,
            sleep=sleep,
            clock=clock,
            watch=watch,
        )
        key = load_private_key(private_key)
        credentials = AppCredentials(self.app_id, key, clock=clock, skew=skew)
        attempt = partial(AppAttempt, credentials, skew)
        self._app = Exchange("the App", self._wire, attempt, self._gate("the App"))
        self._tokens = InstallationTokens(
            self._renew, clock=clock, skew=skew, store=tokens, sleep=sleep
        )
        self._lock = threading.Lock()
        self._installations: dict[int, Exchange] = {}

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], **settings: Any) -> Self:
        """Return an App with the settings named GITHUB_APP_ID and so on; `settings` override them.

        Read are GITHUB_APP_ID, GITHUB_PRIVATE_KEY, GITHUB_WEBHOOK_SECRET, GITHUB_USER_AGENT and
        GITHUB_API_URL of the mapping the caller hands in, such as os.environ. While one webhook
        secret replaces another, GITHUB_WEBHOOK_SECRET_OLD holds the other. A line end at the end of
        a value is dropped. Raises ConfigurationError that names what is missing.
        """
        found = {name: _LINE_END.sub("", environ.get(key, "")) for name, key in _NAMES.items()}
        given: dict[str, Any] = {name: value for name, value in found.items() if value}
        if "webhook_secrets" in given:
            old = _LINE_END.sub("", environ.get(_OLD_SECRET, ""))
            given["webhook_secrets"] = [given["webhook_secrets"], *([old] if old else [])]
        given |= settings
        lacking = [key for name, key in _NAMES.items() if name not in {"api_url", *given}]
        if lacking:
            raise ConfigurationError(f"not set: {', '.join(lacking)}")
        return cls(**given)

    def __repr__(self) -> str:
        """Return which App it is and where; never a secret."""
        return f"<GithubApp {self.app_id} at {self._wire.origin.url}>"

    @property
    def app_client(self) -> Client:
        """Return the client of the App itself, which sees its installations and deliveries."""
        return Client(self._app)

    @property
    def skew_seconds(self) -> float | None:
        """Return how far GitHub's clock is ahead of ours, None before the first answer."""
        return self._wire.skew.seconds if self._wire.skew.is_known else None

    def client_for(self, installation_id: int, *, turn: str = "") -> Client:
        """Return a client of an installation; nothing is sent yet. Clients share all they learn.

        With `turn`, the name of a piece of work, a RateLimited promises it a time of its own to
        come back at, while others that wait for the same limit are given other times.
        """
        with self._lock:
            exchange = self._installations.get(installation_id)
            if exchange is None:
                exchange = self._installation(installation_id)
                self._installations[installation_id] = exchange
        return Client(exchange.in_turn(turn) if turn else exchange)

    def token_for(self, installation_id: int) -> str:
        """Return a token good for five more minutes at least, for tools that want one, such as git.

        One renewal at a time for each installation, however many threads ask. Raises RequestFailed.
        """
        return self._tokens.get(installation_id).value

    def add(self, fn: Handler, event: str, /, **restrictions: Any) -> None:
        """Let `fn(event, payload, client)` handle an event, given values of top-level fields."""
        self._routes.add(fn, event, restrictions)

    def route(self, event: str, /, **restrictions: Any) -> Callable[[_H], _H]:
        """Return the decorator for `add`: `@app.route("issues", action="opened")`."""

        def decorate(fn: _H) -> _H:
            self.add(fn, event, **restrictions)
            return fn

        return decorate

    def add_command(self, fn: CommandHandler, command: str) -> None:
        """Let `fn(words, event, payload, client)` handle a command such as "/ping" in a comment.

        Raises ValueError when `command` is not a slash and a word.
        """
        self._routes.add_command(fn, command)

    def route_command(self, command: str) -> Callable[[_C], _C]:
        """Return the decorator for `add_command`: `@app.route_command("/ping")`."""

        def decorate(fn: _C) -> _C:
            self.add_command(fn, command)
            return fn

        return decorate

    def dispatch_webhook(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Verify a delivery, run every handler that wants it, return it.

        One failing handler does not stop the others: all run, in the order they were added, then
        their failures are raised together as an ExceptionGroup. Without an installation there is
        no client to hand out, so nothing runs. Raises DeliveryRejected, whose `status` is the HTTP
        status to answer. A redelivery runs everything again.
        """
        delivery = read(headers, body, self._secrets)
        _log.info("delivery %s: %s %s", delivery.id, delivery.event, delivery.action or "")
        if delivery.installation_id is None:
            _log.info("delivery %s: no installation, not dispatched", delivery.id)
            return delivery
        client = self.client_for(delivery.installation_id)
        ends = [_run(call, client) for call in self._routes.matching(delivery)]
        failures = [end for end in ends if end is not None]
        if failures:
            words = f"{len(failures)} handler(s) of delivery {delivery.id} failed"
            raise ExceptionGroup(words, failures)
        return delivery

    def _installation(self, installation_id: int) -> Exchange:
        attempt = partial(InstallationAttempt, self._tokens, installation_id, clock=self._clock)
        name = f"installation {installation_id}"
        return Exchange(name, self._wire, attempt, self._gate(name))

    def _renew(self, installation_id: int) -> Any:
        path = "/app/installations/{installation_id}/access_tokens"
        call = self._app.call("POST", path, {"installation_id": installation_id})
        try:
            return decode(self._app.ask(replace(call, writes=False)))
        except Ambiguous as error:
            # Nothing of what the caller wanted was sent, and one token too many does no harm.
            raise error.as_a(Transient) from error


def _run(call: Call, client: Client) -> Exception | None:
    try:
        call(client)
    except Exception as error:  # noqa: BLE001 -- raised by the caller, together with the others'
        return error
    return None


def _app_id(app_id: str | int) -> str:
    text = str(app_id).strip()
    if not text or not text.isascii() or not text.isprintable():
        raise ConfigurationError("app_id is missing: it is the number on the App's settings page")
    return text


def _user_agent(user_agent: str) -> str:
    plain = user_agent.isascii() and user_agent.isprintable()
    if not plain or user_agent != user_agent.strip() or not user_agent:
        raise ConfigurationError(
            "user_agent is missing, or not plain ASCII, or has white space at an end: GitHub "
            "refuses requests without one; write the App's name or your organisation's"
        )
    return user_agent


def _origin(api_url: str) -> Origin:
    try:
        return Origin(api_url)
    except BadAddress as error:
        raise ConfigurationError(f"api_url: {error}") from None
