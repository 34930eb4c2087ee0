"""Receive a webhook: verify, store, commit, and only then answer 202.

A delivery is verified over its raw bytes, stored and committed before it is answered, and nothing
else happens here: GitHub is never called, and no rule runs. GitHub waits 10 s for an answer and
does not try again by itself, so whatever cannot be stored is refused, never accepted.

Chosen: a WSGI app before Flask's own, in the same Flask app. Against: a view; contexts, routing and
hooks are half of what such a request costs, and it needs none of them (docs/performance.md).
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
from bot.store.meters import DELIVERIES_TOTAL, event_label
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
DATABASE_AWAY = "the database cannot be reached; try again"
# GitHub: "payloads are capped at 25 MB".
LARGEST_BODY = 25 * 1024 * 1024
# GitHub's ids have 36 characters; a stranger's claim may have thousands.
_LONGEST_ID = 100
# What of a request webhooks.read_shallow looks at, by the names that WSGI gives them.
_READ = {
    "X-GitHub-Delivery": "HTTP_X_GITHUB_DELIVERY",
    "X-GitHub-Event": "HTTP_X_GITHUB_EVENT",
    "X-Hub-Signature-256": "HTTP_X_HUB_SIGNATURE_256",
}
_Headers = Mapping[str, str]

log = logging.getLogger(__name__)


class _Refused(Exception):  # noqa: N818
    """The request is none that could be a delivery."""

    def __init__(self, status: HTTPStatus, reason: str, **headers: str) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = headers


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A WSGI app that receives deliveries at PATH, and hands every other request to `inner`.

    `secrets` are the live webhook secrets, one or more. Never waits.
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
        """Answer a request; WSGI."""
        if environ["PATH_INFO"] != PATH:
            return self.inner(environ, start_response)
        try:
            body = _body(environ)
            headers = {name: environ.get(key, "") for name, key in _READ.items()}
            delivery = webhooks.read_shallow(headers, body, self.secrets)
            stored = self.receive(delivery, body)
        except Exception as error:  # noqa: BLE001  whatever it is, it is answered and logged
            with _about_claimed(environ):
                return [self._excuse(start_response, error)]
        return DeferredResponse(stored, lambda: self._conclude(delivery, stored, start_response))

    def _excuse(self, start_response: "StartResponse", error: Exception) -> bytes:
        """Say why a request is not taken."""
        match error:
            case _Refused():
                return self._refuse(start_response, error.status, str(error), error.headers)
            case DeliveryRejected():
                log.warning("delivery refused: %s %s", error.status, error)
                return self._refuse(start_response, HTTPStatus(error.status), str(error))
            case SQLAlchemyError():
                log.error(unavailable(error))
                away = HTTPStatus.SERVICE_UNAVAILABLE
                return self._refuse(start_response, away, DATABASE_AWAY, {"Retry-After": "10"})
        log.error("a delivery could not be taken in", exc_info=error)
        reason = "the bot is broken; its log says where"
        return self._refuse(start_response, HTTPStatus.INTERNAL_SERVER_ERROR, reason)

    def receive(self, delivery: webhooks.Delivery, body: bytes) -> "Future[Put]":
        """Store a delivery, which wakes the loop. Safe to repeat.

        The future is done when the delivery is committed, and has failed with SQLAlchemyError when
        the database did not commit it.
        """
        job = job_of(delivery, body, run_at=self.clock() + self.settle_seconds)
        return self.deliveries.put(job)

    def _conclude(
        self, delivery: webhooks.Delivery, stored: "Future[Put]", start_response: "StartResponse"
    ) -> bytes:
        """Answer 202 for what is committed, and 503 for what the database did not take."""
        try:
            created = stored.result().created
        except Exception as error:  # noqa: BLE001  whatever it is, it is answered and logged
            with log_context(delivery=delivery.id):
                return self._excuse(start_response, error)
        if not created:
            with log_context(delivery=delivery.id):
                log.info("known already: %s", delivery.event)
        word = "stored" if created else "known"
        self.meter.add(DELIVERIES_TOTAL, event_label(delivery.event), word)
        said = {"delivery": delivery.id, "stored": created}
        return _say(start_response, HTTPStatus.ACCEPTED, said)

    def _refuse(
        self,
        start_response: "StartResponse",
        status: HTTPStatus,
        reason: str,
        headers: _Headers = MappingProxyType({}),
    ) -> bytes:
        """Answer an error, and count it; for the event of what is refused nobody has vouched."""
        self.meter.add(DELIVERIES_TOTAL, "unverified", str(status.value))
        return _say(start_response, status, {"error": reason}, headers)


def _about_claimed(environ: "WSGIEnvironment") -> log_context:
    """Have what is logged and reported of a request name the delivery that it claims to be."""
    claimed = environ.get("HTTP_X_GITHUB_DELIVERY", "")[:_LONGEST_ID]
    return log_context(delivery=claimed) if claimed else log_context()


def _body(environ: "WSGIEnvironment") -> bytes:
    """Return the raw bytes of the request; raises _Refused."""
    if environ["REQUEST_METHOD"] != "POST":
        raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, "deliveries are posted", Allow="POST")
    given = environ.get("CONTENT_LENGTH", "")
    if environ.get("HTTP_TRANSFER_ENCODING") or not given.isdecimal():
        # Servers cut a chunked body at a limit without an error.
        reason = "send the body with a Content-Length, not chunked"
        raise _Refused(HTTPStatus.LENGTH_REQUIRED, reason)
    length = int(given)
    if length > LARGEST_BODY:
        raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a delivery has at most 25 MB")
    body: bytes = environ["wsgi.input"].read(length)
    if len(body) != length:
        # Servers hand one that is cut short on without a word.
        raise _Refused(HTTPStatus.BAD_REQUEST, "the body is shorter than its Content-Length")
    return body


def _say(
    start_response: "StartResponse",
    status: HTTPStatus,
    said: Mapping[str, Any],
    headers: _Headers = MappingProxyType({}),
) -> bytes:
    body = msgspec.json.encode(said)
    own = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    start_response(f"{status.value} {status.phrase}", [*{**own, **headers, **PROTECTION}.items()])
    return body
