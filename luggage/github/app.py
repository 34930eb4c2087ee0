"""GitHub App: credentials, a client per installation, and handlers for deliveries.

It runs under any web framework: pass it the headers and the raw body of a request.
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
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from luggage.github.cache import EtagCache
from luggage.github.client import Client, Exchange, Exchanged, Wire, decode
from luggage.github.errors import Ambiguous, ConfigurationError, Transient
from luggage.github.limits import Gate, LimitMemory, Pace, Share
from luggage.github.routes import Call, CommandHandler, Handler, Routes
from luggage.github.tokens import (
    AppAuth,
    AppCredentials,
    InstallationAuth,
    InstallationTokens,
    Skew,
    TokenStore,
    load_private_key,
)
from luggage.github.transport import Transport, configured_origin, make_session
from luggage.github.webhooks import Delivery, read, usable_secrets

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
    """A GitHub App. Create one at start and share it between threads.

    `private_key` is the PEM text, or a key from `load_private_key`.
    `clock` returns epoch seconds. `sleep` waits before a request with a fresh token is retried.
    `wait` waits for the next write slot of an installation; with None the client raises RateLimited
    instead. `limits` and `tokens` let processes share rate limits and tokens. `watch` receives each
    HTTP exchange, in the thread that made it. Raises ConfigurationError for unusable settings.
    """

    def __init__(  # noqa: PLR0913 -- keyword-only settings, most with a default
        self,
        *,
        app_id: str | int,
        private_key: str | RSAPrivateKey,
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
            origin=configured_origin(api_url),
            transport=Transport(session or make_session(), clock=clock),
            cache=EtagCache(),
            skew=skew,
            user_agent=self.user_agent,
            sleep=sleep,
            clock=clock,
            watch=watch,
        )
        key = load_private_key(private_key) if isinstance(private_key, str) else private_key
        credentials = AppCredentials(self.app_id, key, clock=clock, skew=skew)
        auth = partial(AppAuth, credentials, skew)
        self._app = Exchange("the App", self._wire, auth, self._gate("the App"))
        self._tokens = InstallationTokens(
            self._renew, clock=clock, skew=skew, store=tokens, sleep=sleep
        )
        self._lock = threading.Lock()
        self._installations: dict[int, Exchange] = {}

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], **settings: Any) -> Self:
        """Return an App configured from `environ`; `settings` override it.

        Reads GITHUB_APP_ID, GITHUB_PRIVATE_KEY, GITHUB_WEBHOOK_SECRET, GITHUB_USER_AGENT and
        GITHUB_API_URL, and GITHUB_WEBHOOK_SECRET_OLD while a webhook secret is being replaced. A
        trailing line break is removed from each value. Raises ConfigurationError, which names
        missing variables.
        """
        values = {name: _LINE_END.sub("", environ.get(key, "")) for name, key in _NAMES.items()}
        options: dict[str, Any] = {name: value for name, value in values.items() if value}
        if "webhook_secrets" in options:
            old = _LINE_END.sub("", environ.get(_OLD_SECRET, ""))
            options["webhook_secrets"] = [options["webhook_secrets"], *([old] if old else [])]
        options |= settings
        missing = [key for name, key in _NAMES.items() if name not in {"api_url", *options}]
        if missing:
            raise ConfigurationError(f"not set: {', '.join(missing)}")
        return cls(**options)

    def __repr__(self) -> str:
        """Return the App's id and API address, without secrets."""
        return f"<GithubApp {self.app_id} at {self._wire.origin.url}>"

    @property
    def app_client(self) -> Client:
        """Return the client of the App itself, for its installations and deliveries."""
        return Client(self._app)

    @property
    def skew_seconds(self) -> float | None:
        """Return how far GitHub's clock is ahead of ours; None before the first response."""
        return self._wire.skew.seconds if self._wire.skew.is_known else None

    def client_for(
        self, installation_id: int, *, waiter: str = "", person: str = "", urgent: bool = False
    ) -> Client:
        """Return a client of an installation, without sending a request.

        All clients of an installation share tokens, limits and cache. `waiter` names a piece of
        work: when its write raises RateLimited, the write slot at `retry_at` stays reserved for
        that name. `person` is who causes the requests: people share what the installation may
        send, and `urgent` requests have a part of their own.
        """
        with self._lock:
            exchange = self._installations.get(installation_id)
            if exchange is None:
                exchange = self._installation(installation_id)
                self._installations[installation_id] = exchange
        if not (waiter or person):
            return Client(exchange)
        return Client(exchange.for_waiter(waiter, Share(person, urgent)))

    def token_for(self, installation_id: int) -> str:
        """Return a token valid for at least five more minutes, for tools such as git.

        Threads that ask at the same time share one renewal. Raises RequestFailed.
        """
        return self._tokens.get(installation_id).value

    def add(self, fn: Handler, event: str, /, **restrictions: Any) -> None:
        """Register `fn(event, payload, client)` for an event with these top-level field values.

        Raises ValueError for an event, a field or an action that GitHub does not have, with the
        name that was probably meant; TypeError for an `async` function.
        """
        self._routes.add(fn, event, restrictions)

    def route(self, event: str, /, **restrictions: Any) -> Callable[[_H], _H]:
        """Return the decorator form of `add`: `@app.route("issues", action="opened")`."""

        def decorate(fn: _H) -> _H:
            self.add(fn, event, **restrictions)
            return fn

        return decorate

    def add_command(self, fn: CommandHandler, command: str) -> None:
        """Register `fn(words, event, payload, client)` for a command such as "/ping".

        Raises ValueError unless `command` is a slash followed by a word.
        """
        self._routes.add_command(fn, command)

    def route_command(self, command: str) -> Callable[[_C], _C]:
        """Return the decorator form of `add_command`: `@app.route_command("/ping")`."""

        def decorate(fn: _C) -> _C:
            self.add_command(fn, command)
            return fn

        return decorate

    def dispatch_webhook(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Verify a delivery, run all handlers that match it, and return it.

        Raises DeliveryRejected, whose `status` is the HTTP status to respond with, and what
        `dispatch` raises.
        """
        delivery = read(headers, body, self._secrets)
        _log.info("delivery %s: %s %s", delivery.id, delivery.event, delivery.action or "")
        return self.dispatch(delivery)

    def dispatch(self, delivery: Delivery) -> Delivery:
        """Run all handlers that match a verified delivery, such as a stored one, and return it.

        Handlers run in the order they were added, even if one fails; their failures are then raised
        as an ExceptionGroup. A delivery without an installation runs none. Calling it again runs
        the handlers again.
        """
        if delivery.installation_id is None:
            _log.info("delivery %s: no installation, not dispatched", delivery.id)
            return delivery
        client = self.client_for(delivery.installation_id)
        results = [_run(call, client) for call in self._routes.matching(delivery)]
        failures = [error for error in results if error is not None]
        if failures:
            message = f"{len(failures)} handler(s) of delivery {delivery.id} failed"
            raise ExceptionGroup(message, failures)
        return delivery

    def _installation(self, installation_id: int) -> Exchange:
        auth = partial(InstallationAuth, self._tokens, installation_id, clock=self._clock)
        name = f"installation {installation_id}"
        return Exchange(name, self._wire, auth, self._gate(name))

    def _renew(self, installation_id: int) -> Any:
        path = "/app/installations/{installation_id}/access_tokens"
        call = self._app.call("POST", path, {"installation_id": installation_id})
        try:
            return decode(self._app.send(replace(call, writes=False)))
        except Ambiguous as error:
            # The caller's own request was not sent, and a spare token does no harm.
            raise error.as_a(Transient) from error


def _run(call: Call, client: Client) -> Exception | None:
    try:
        call(client)
    except Exception as error:  # noqa: BLE001 -- the caller raises them as a group
        return error
    return None


def _app_id(app_id: str | int) -> str:
    text = str(app_id).strip()
    if not text or not text.isascii() or not text.isprintable():
        raise ConfigurationError(
            "app_id is missing or not ASCII; use the App ID from the App's settings page"
        )
    return text


def _user_agent(user_agent: str) -> str:
    plain = user_agent.isascii() and user_agent.isprintable()
    if not plain or user_agent != user_agent.strip() or not user_agent:
        raise ConfigurationError(
            "user_agent must be printable ASCII without surrounding spaces, and GitHub rejects "
            "requests without one; use the name of your App or organisation"
        )
    return user_agent
