"""Webhook endpoint: verifies, stores and acknowledges deliveries.

It answers 202 only after the commit, and calls neither GitHub nor rules: GitHub waits 10 s for the
response and does not retry. docs/decisions/0109 says why it runs before Flask.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from bot.store.enqueue import job_of
from bot.store.meters import DELIVERIES_TOTAL
from bot.web.shared import PROTECTION
from luggage.database import unavailable
from luggage.github import webhooks
from luggage.github.errors import DeliveryRejected
from luggage.jobs import GroupCommit, Put
from luggage.serving import DeferredResponse
from luggage.telemetry.logs import log_context
from luggage.telemetry.meter import Meter

if TYPE_CHECKING:
    from concurrent.futures import Future

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/webhook/github"
DATABASE_AWAY = "the database does not respond; try again"
# GitHub: "payloads are capped at 25 MB".
LARGEST_BODY = 25 * 1024 * 1024
# Requests of people who open the address in a browser.
_READING = frozenset({"GET", "HEAD"})
# GitHub's ids have 36 characters; an unverified one may be longer.
_LONGEST_ID = 100
# The headers that webhooks.read_shallow reads, and their WSGI names.
_WSGI_HEADERS = {
    "X-GitHub-Delivery": "HTTP_X_GITHUB_DELIVERY",
    "X-GitHub-Event": "HTTP_X_GITHUB_EVENT",
    "X-Hub-Signature-256": "HTTP_X_HUB_SIGNATURE_256",
}
_Headers = Mapping[str, str]

log = logging.getLogger(__name__)


class _Refused(Exception):  # noqa: N818
    """The request cannot be a delivery."""

    def __init__(self, status: HTTPStatus, reason: str, **headers: str) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = headers


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A WSGI app that receives deliveries at PATH, and passes all other requests to `inner`.

    Those that only read are among them: `inner` refuses them in words that a browser can show.

    `secrets` are the valid webhook secrets. It never blocks.
    """

    inner: "WSGIApplication"
    secrets: Sequence[str]
    deliveries: GroupCommit
    clock: Callable[[], float]
    settle_seconds: float
    meter: Meter

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Handle a WSGI request."""
        if environ["PATH_INFO"] != PATH or environ["REQUEST_METHOD"] in _READING:
            return self.inner(environ, start_response)
        try:
            body = _body(environ)
            headers = {name: environ.get(key, "") for name, key in _WSGI_HEADERS.items()}
            delivery = webhooks.read_shallow(headers, body, self.secrets)
            stored = self.receive(delivery, body)
        except Exception as error:  # noqa: BLE001  _fail logs it and responds
            with _claimed_context(environ):
                return [self._fail(start_response, error)]
        return DeferredResponse(stored, lambda: self._conclude(delivery, stored, start_response))

    def _fail(self, start_response: "StartResponse", error: Exception) -> bytes:
        """Respond to a request that failed with `error`."""
        match error:
            case _Refused():
                return self._refuse(start_response, error.status, str(error), error.headers)
            case DeliveryRejected():
                log.warning("delivery refused: %s %s", error.status, error)
                return self._refuse(start_response, HTTPStatus(error.status), str(error))
            case SQLAlchemyError():
                log.error(unavailable(error))
                status = HTTPStatus.SERVICE_UNAVAILABLE
                return self._refuse(start_response, status, DATABASE_AWAY, {"Retry-After": "10"})
        log.error("receiving a delivery failed", exc_info=error)
        reason = "internal error; see the bot's log"
        return self._refuse(start_response, HTTPStatus.INTERNAL_SERVER_ERROR, reason)

    def receive(self, delivery: webhooks.Delivery, body: bytes) -> "Future[Put]":
        """Store a delivery, which wakes the loop. Safe to repeat.

        The future is done after the commit, or fails with SQLAlchemyError.
        """
        job = job_of(delivery, body, run_at=self.clock() + self.settle_seconds)
        return self.deliveries.put(job)

    def _conclude(
        self, delivery: webhooks.Delivery, stored: "Future[Put]", start_response: "StartResponse"
    ) -> bytes:
        """Respond 202 after the commit, or with an error if it failed."""
        try:
            created = stored.result().created
        except Exception as error:  # noqa: BLE001  _fail logs it and responds
            with log_context(delivery=delivery.id):
                return self._fail(start_response, error)
        if not created:
            with log_context(delivery=delivery.id):
                log.info("already stored: %s", delivery.event)
        label = "stored" if created else "known"
        self.meter.add(DELIVERIES_TOTAL, webhooks.documented_event(delivery.event), label)
        content = {"delivery": delivery.id, "stored": created}
        return _respond(start_response, HTTPStatus.ACCEPTED, content)

    def _refuse(
        self,
        start_response: "StartResponse",
        status: HTTPStatus,
        reason: str,
        headers: _Headers = MappingProxyType({}),
    ) -> bytes:
        """Respond with an error, and count it; its event is unverified."""
        self.meter.add(DELIVERIES_TOTAL, "unverified", str(status.value))
        return _respond(start_response, status, {"error": reason}, headers)


def _claimed_context(environ: "WSGIEnvironment") -> log_context:
    """Add the delivery id of an unverified request to log lines and reports."""
    claimed = environ.get("HTTP_X_GITHUB_DELIVERY", "")[:_LONGEST_ID]
    return log_context(delivery=claimed) if claimed else log_context()


def _body(environ: "WSGIEnvironment") -> bytes:
    """Return the raw bytes of the request; raises _Refused."""
    if environ["REQUEST_METHOD"] != "POST":
        raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, "use POST", Allow="POST")
    content_length = environ.get("CONTENT_LENGTH", "")
    if environ.get("HTTP_TRANSFER_ENCODING") or not content_length.isdecimal():
        # Servers silently truncate a chunked body at a limit.
        reason = "send the body with a Content-Length, not chunked"
        raise _Refused(HTTPStatus.LENGTH_REQUIRED, reason)
    length = int(content_length)
    if length > LARGEST_BODY:
        raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a delivery has at most 25 MB")
    body: bytes = environ["wsgi.input"].read(length)
    if len(body) != length:
        # Servers silently pass on a truncated body.
        raise _Refused(HTTPStatus.BAD_REQUEST, "the body is shorter than its Content-Length")
    return body


def _respond(
    start_response: "StartResponse",
    status: HTTPStatus,
    content: Mapping[str, Any],
    headers: _Headers = MappingProxyType({}),
) -> bytes:
    body = msgspec.json.encode(content)
    own = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    start_response(f"{status.value} {status.phrase}", [*{**own, **headers, **PROTECTION}.items()])
    return body
