"""HTTP transport over `requests`, and the URLs that it may use: the only module with network I/O.

Names come from payloads and are untrusted: `../x` must stay one name. `str.format` would let a
template reach attributes, and `urljoin` would let a link choose the host.

Without a response it decides whether anything was sent. `requests` reports both cases as
ConnectionError, so it inspects the cause; in doubt the error is Ambiguous. It does not follow
redirects, because `requests` might send the token along; client.py does, within the API.
"""

import io
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from luggage.github.answers import ApiResponse
from luggage.github.errors import Ambiguous, ConfigurationError, RequestFailed, Unreachable

_FIELD = re.compile(r"\{(\w+)\}")
_PATH = re.compile(r"/[A-Za-z0-9/%._~!$&'()*+,;=:@-]*")  # RFC 3986, section 3.3
_DOTS = frozenset({".", ".."})


class BadAddress(ValueError):  # noqa: N818  says what happened
    """A name or link that cannot become a URL of the API; nothing was sent."""


def expand(template: str, names: Mapping[str, object]) -> str:
    """Return the path of `template` with each `{name}` replaced by its percent-encoded value.

    Raises BadAddress for an invalid value (empty, None, "." or "..", a lone surrogate) or a path
    that does not start with "/"; TypeError if the names do not match the template.
    """
    fields = set(_FIELD.findall(template))
    if fields != names.keys():
        raise TypeError(f"{template} needs the names {sorted(fields)}, not {sorted(names)}")
    path = _FIELD.sub(lambda match: _encode(match[1], names[match[1]]), template)
    return checked(path)


def checked(path: str) -> str:
    """Return `path` if it is plain; raises BadAddress for a query, dot segments or spaces."""
    # requests decodes "%2e", and urllib3 then resolves the dots.
    dotted = re.sub("%2e", ".", path, flags=re.IGNORECASE)
    if not _PATH.fullmatch(path) or _DOTS.intersection(dotted.split("/")):
        raise BadAddress(f"{path!r} is not an API path such as /repos/owner/name")
    return path


def _encode(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadAddress(f"{name} is {value!r}, which is not a valid name")
    try:
        encoded = quote(str(value), safe="")
    except UnicodeEncodeError:
        raise BadAddress(f"{name} contains a lone surrogate") from None
    # Encoding ".." does not help: HTTP libraries decode and resolve it.
    if not encoded or encoded in _DOTS:
        raise BadAddress(f"{name} is {value!r}, which is not a valid name")
    return encoded


class Origin:
    """The API's base URL: the only destination that receives our tokens."""

    def __init__(self, api_url: str) -> None:
        """Raises BadAddress if `api_url` is not an http(s) URL."""
        try:
            parts = urlsplit(api_url)
            usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable or "@" in parts.netloc or parts.query or parts.fragment:
            raise BadAddress("the API address must look like https://api.github.com")
        self._authority = _authority(parts)
        self._site = f"{parts.scheme}://{parts.netloc}"
        self._prefix = parts.path.rstrip("/")

    @property
    def url(self) -> str:
        """Return the base URL of the REST API, without a trailing slash."""
        return self._site + self._prefix

    @property
    def graphql_url(self) -> str:
        """Return the GraphQL endpoint, next to /api/v3 on GitHub Enterprise Server.

        Source: https://docs.github.com/enterprise-server/graphql/guides/forming-calls-with-graphql
        """
        base = (
            self._prefix.removesuffix("/v3") if self._prefix.endswith("/api/v3") else self._prefix
        )
        return f"{self._site}{base}/graphql"

    def within(self, link: str) -> str:
        """Return `link` (from a Location or Link header) rebuilt on this origin.

        Raises BadAddress if it leaves the API. The message names only the host, because links may
        contain secrets.
        """
        try:
            parts = urlsplit(link)
            authority = _authority(parts) if parts.netloc else self._authority
        except ValueError:
            raise BadAddress("the link is malformed") from None
        if (
            authority != self._authority
            or "@" in parts.netloc
            or (parts.scheme and not parts.netloc)
        ):
            raise BadAddress(f"the link leads to another host, {str(parts.hostname)[:100]!r}")
        if not parts.path.startswith(self._prefix + "/"):
            raise BadAddress("the link leaves the API")
        # Rebuilt, so that no two parsers can disagree about the host.
        query = f"?{quote(parts.query, safe='%=&+:/,~*!$();@')}" if parts.query else ""
        return self._site + checked(parts.path) + query


def configured_origin(api_url: str) -> Origin:
    """Return the origin of a setting; raises ConfigurationError."""
    try:
        return Origin(api_url)
    except BadAddress as error:
        raise ConfigurationError(f"api_url: {error}") from None


def _authority(parts: SplitResult) -> tuple[str, str | None, int | None]:
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return (parts.scheme, parts.hostname, port)


CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
# The kernel drops unacknowledged requests after this long, even if this process has died. The
# default is a quarter of an hour.
UNACKNOWLEDGED_SECONDS = 10.0
_POOL = 32  # pooled connections; more threads than this open and close extra ones

# Reasons of ssl.SSLError that only a handshake can cause.
_HANDSHAKE = {"CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL"}


_SOCKET_OPTIONS = [*HTTPConnection.default_socket_options]
if hasattr(socket, "TCP_USER_TIMEOUT"):  # pragma: no branch - Linux only
    _SOCKET_OPTIONS.append(
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNACKNOWLEDGED_SECONDS * 1000))
    )


def make_session(
    *, proxies: Mapping[str, str] | None = None, verify: bool | str = True
) -> requests.Session:
    """Return a session for any number of threads: no cookies, no environment.

    Get `proxies` once from `requests.utils.get_environ_proxies(api_url)`; otherwise requests would
    read the environment and ~/.netrc on each call. `verify` may be a CA bundle.
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
    """Sets a timeout for unacknowledged data on each socket."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Create the pool with our socket options; called by requests."""
        super().init_poolmanager(*args, **options, socket_options=_SOCKET_OPTIONS)


class Transport:
    """Sends requests; safe to share between threads."""

    def __init__(self, session: requests.Session, *, clock: Callable[[], float]) -> None:
        """`session` comes from `make_session`; `clock` sets ApiResponse.received_at."""
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
        """Return the response, whatever its status; raises Unreachable or Ambiguous without one.

        After `not_after` (epoch seconds) nothing is sent and Unreachable is raised. `path` only
        appears in errors, which contain no header, query or proxy address.
        """
        if not_after is not None and self._clock() > not_after:
            raise _too_late(method, path)
        timed_body = None
        if not_after is not None and body is not None:
            timed_body = _TimedBody(body, not_after, self._clock)
        try:
            response = self._session.request(
                method,
                url,
                headers=headers,
                data=timed_body or body,
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
    return Unreachable("the deadline has passed", method=method, path=path)


class _TooLateError(Exception):
    """Not a subclass of OSError, so urllib3 and requests do not wrap it."""


class _TimedBody(io.BytesIO):
    """A request body that cannot be read after a deadline.

    It is read once the connection is set up and the head sent, so the check is not as old as the
    handshake. A head without its body is not a request, and the connection is closed.
    """

    def __init__(self, body: bytes, not_after: float, clock: Callable[[], float]) -> None:
        super().__init__(body)
        self._not_after = not_after
        self._clock = clock

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes; raises _TooLateError if there are any after the deadline."""
        part = super().read(size)
        if part and self._clock() > self._not_after:
            raise _TooLateError
        return part


# OSError covers the errors of requests. ValueError is a malformed Location, which requests parses
# even when it does not follow it.
_FAILURES = (OSError, ValueError, urllib3.exceptions.HTTPError)


def _no_answer(error: BaseException, method: str, path: str) -> RequestFailed:
    chain = list(_chain(error))
    if any(isinstance(cause, ssl.SSLError) and cause.reason in _HANDSHAKE for cause in chain):
        return Unreachable("the TLS handshake failed", method=method, path=path)
    for types, message in _NOTHING_SENT:
        if any(isinstance(cause, types) for cause in chain):
            return Unreachable(message, method=method, path=path)
    # Only the type: error texts contain addresses, including those of proxies with passwords.
    return Ambiguous(f"no response ({type(chain[-1]).__name__})", method=method, path=path)


# Most specific first: urllib3 also wraps an unknown host in NewConnectionError.
_NOTHING_SENT: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    (
        (socket.gaierror, urllib3.exceptions.NameResolutionError),
        "the host name could not be resolved",
    ),
    ((ConnectionRefusedError,), "the connection was refused"),
    ((requests.exceptions.ProxyError, urllib3.exceptions.ProxyError), "the proxy failed"),
    ((urllib3.exceptions.NewConnectionError,), "the connection failed"),
    ((requests.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError), "the connection timed out"),
    ((requests.exceptions.InvalidProxyURL,), "the proxy address is invalid"),
)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes, including those urllib3 keeps in `reason` and `args`."""
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        current = pending.pop(0)
        if isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            yield current
            pending += [current.__cause__, current.__context__, getattr(current, "reason", None)]
            pending += current.args
