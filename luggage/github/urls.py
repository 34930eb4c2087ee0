"""API URLs: expands path templates and checks links from GitHub, without I/O.

Names come from payloads and are untrusted: `../x` must stay one name. `str.format` would let a
template reach attributes, and `urljoin` would let a link choose the host.
"""

# ruff: noqa: N818 -- names say what happened, without an Error suffix

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, quote, urlsplit

from luggage.github.errors import ConfigurationError

_FIELD = re.compile(r"\{(\w+)\}")
_PATH = re.compile(r"/[A-Za-z0-9/%._~!$&'()*+,;=:@-]*")  # RFC 3986, section 3.3
_DOTS = frozenset({".", ".."})


class BadAddress(ValueError):
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
    """Return `path` if it is plain (no query, dots or spaces); raises BadAddress otherwise."""
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
