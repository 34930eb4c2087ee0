"""One HTTP exchange over `requests`: the only file that does network I/O.

It decides one thing: when no answer comes, was anything sent? `requests` mixes both cases in
ConnectionError, so the cause below is looked at; in doubt it is Ambiguous, the careful answer.

Redirects are not followed here (`requests` would take the token along within a host, and decide by
itself what the same host is); the client asks for the new address, if it is one of GitHub's.
"""

import io
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from luggage.github.answers import ApiResponse
from luggage.github.errors import Ambiguous, RequestFailed, Unreachable

CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
# A request that nobody acknowledges is given up by the kernel after this long; by default it would
# go on for a quarter of an hour, also when this process is long dead.
UNACKNOWLEDGED_SECONDS = 10.0
_POOL = 32  # kept connections, no bound: more threads than this open and close their own

# Reasons of ssl.SSLError that only a handshake gives; others can also break an exchange under way.
_HANDSHAKE = {"CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL"}


_SOCKET_OPTIONS = [*HTTPConnection.default_socket_options]
if hasattr(socket, "TCP_USER_TIMEOUT"):  # pragma: no branch - Linux has it, others do without
    _SOCKET_OPTIONS.append(
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNACKNOWLEDGED_SECONDS * 1000))
    )


def make_session(
    *, proxies: Mapping[str, str] | None = None, verify: bool | str = True
) -> requests.Session:
    """Return a session that many threads may share: no cookies, no environment, a pool with locks.

    `proxies` is what `requests.utils.get_environ_proxies(api_url)` gives, read once by the caller:
    left to itself, requests reads the environment and ~/.netrc for each call. `verify` may be a CA
    bundle.
    """
    session = requests.Session()
    session.trust_env = False
    session.verify = verify
    session.proxies = dict(proxies or {})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = _Adapter(pool_connections=4, pool_maxsize=_POOL)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _Adapter(HTTPAdapter):
    """Gives up on what GitHub's side does not acknowledge, also when this process has died."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pool, with the options of its sockets; called by requests."""
        super().init_poolmanager(*args, **options, socket_options=_SOCKET_OPTIONS)


class Transport:
    """Sends requests and gives answers; safe to share between threads."""

    def __init__(self, session: requests.Session, *, clock: Callable[[], float]) -> None:
        """Take the session, as `make_session` makes it, and the clock for `Answer.received_at`."""
        self._session = session
        self._clock = clock

    def send(  # noqa: PLR0913 -- the parts of a request
        self,
        method: str,
        url: str,
        *,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        not_after: float | None = None,
    ) -> ApiResponse:
        """Return GitHub's answer, whatever its status; raises Unreachable or Ambiguous for none.

        Once `not_after` (epoch seconds) has passed, nothing is sent: Unreachable. `path` is for the
        error's text alone. No message holds a header, a query or a proxy's address.
        """
        if not_after is not None and self._clock() > not_after:
            raise _too_late(method, path)
        timed = None
        if not_after is not None and body is not None:
            timed = _InTime(body, not_after, self._clock)
        try:
            response = self._session.request(
                method,
                url,
                headers=headers,
                data=timed or body,
                allow_redirects=False,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
            )
        except _TooLateError as error:
            raise _too_late(method, path) from error
        except _FAILURES as error:
            raise _no_answer(error, method, path) from error
        lowered = {name.lower(): value for name, value in response.headers.items()}
        return ApiResponse(
            method, path, response.status_code, lowered, response.content, self._clock()
        )


def _too_late(method: str, path: str) -> Unreachable:
    return Unreachable("it is too late to send it", method=method, path=path)


class _TooLateError(Exception):
    """Its own kind, which neither urllib3 nor requests takes for one of theirs."""


class _InTime(io.BytesIO):
    """A body that is not handed out once its time is over.

    It is read when the connection is there and the head is sent, just before it is written itself:
    a look at the clock before that would be as old as a handshake takes. A head without its body is
    no request, and the connection is closed after it.
    """

    def __init__(self, body: bytes, not_after: float, clock: Callable[[], float]) -> None:
        super().__init__(body)
        self._not_after = not_after
        self._clock = clock

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes; raises _TooLateError as long as there are any."""
        part = super().read(size)
        if part and self._clock() > self._not_after:
            raise _TooLateError
        return part


# OSError has all of requests' errors below it; ValueError is a Location that cannot be parsed,
# which requests tries even when told not to follow.
_FAILURES = (OSError, ValueError, urllib3.exceptions.HTTPError)


def _no_answer(error: BaseException, method: str, path: str) -> RequestFailed:
    chain = list(_chain(error))
    if any(isinstance(cause, ssl.SSLError) and cause.reason in _HANDSHAKE for cause in chain):
        return Unreachable("TLS could not be set up", method=method, path=path)
    for types, words in _NOTHING_SENT:
        if any(isinstance(cause, types) for cause in chain):
            return Unreachable(words, method=method, path=path)
    # The type's name, not its text: texts hold addresses, of proxies with passwords too.
    return Ambiguous(f"no answer ({type(chain[-1]).__name__})", method=method, path=path)


# The cause that says most stands first: urllib3 wraps an unknown host into "no connection" too.
_NOTHING_SENT: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((socket.gaierror, urllib3.exceptions.NameResolutionError), "the host is not known"),
    ((ConnectionRefusedError,), "the connection was refused"),
    ((requests.exceptions.ProxyError, urllib3.exceptions.ProxyError), "the proxy failed"),
    ((urllib3.exceptions.NewConnectionError,), "no connection could be made"),
    ((requests.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError), "no connection in time"),
    ((requests.exceptions.InvalidProxyURL,), "the proxy's address cannot be used"),
)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Give the error and what lies below it: causes, and what urllib3 keeps in `reason`, `args`."""
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        current = pending.pop(0)
        if isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            yield current
            pending += [current.__cause__, current.__context__, getattr(current, "reason", None)]
            pending += current.args
