"""Addresses: from a template and names to a path, and from a link of GitHub's back to a path. Pure.

Names come from payloads and are hostile until encoded: `../x` must stay one name. Chosen against
`str.format`, which would let a template reach into attributes, and against `urljoin`, which lets an
absolute link choose the host.
"""

# ruff: noqa: N818 -- named after what happened, as the caller reads it in `except`

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, quote, urlsplit

_FIELD = re.compile(r"\{(\w+)\}")
_PATH = re.compile(r"/[A-Za-z0-9/%._~!$&'()*+,;=:@-]*")  # RFC 3986, section 3.3
_DOTS = frozenset({".", ".."})


class BadAddress(ValueError):
    """A name or a link that cannot become an address at GitHub; nothing was sent."""


def expand(template: str, names: Mapping[str, object]) -> str:
    """Return the path of `template`, each `{name}` replaced by its percent-encoded value.

    Raises BadAddress for a value that is no name (empty, None, "." or "..", a lone surrogate) and
    for a path that does not start with "/"; TypeError when names and template do not belong
    together.
    """
    fields = set(_FIELD.findall(template))
    if fields != names.keys():
        raise TypeError(f"{template} wants the names {sorted(fields)}, given {sorted(names)}")
    path = _FIELD.sub(lambda match: _encode(match[1], names[match[1]]), template)
    return checked(path)


def checked(path: str) -> str:
    """Return `path` when it is a plain path (no query, dots, blanks); else raises BadAddress."""
    # requests decodes "%2e" on the way out, and urllib3 then resolves the dots.
    dotted = re.sub("%2e", ".", path, flags=re.IGNORECASE)
    if not _PATH.fullmatch(path) or _DOTS.intersection(dotted.split("/")):
        raise BadAddress(f"{path!r} is not a path of the API, such as /repos/owner/name")
    return path


def _encode(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadAddress(f"{name} is {value!r}, which is no name")
    try:
        encoded = quote(str(value), safe="")
    except UnicodeEncodeError:
        raise BadAddress(f"{name} holds a lone surrogate") from None
    # "%2E%2E" would not help: HTTP libraries decode and then resolve it.
    if not encoded or encoded in _DOTS:
        raise BadAddress(f"{name} is {value!r}, which is no name")
    return encoded


class Origin:
    """Where the API lives: the only place that gets our tokens."""

    def __init__(self, api_url: str) -> None:
        """Take the base of the REST API; raises BadAddress when it is not an http(s) address."""
        try:
            parts = urlsplit(api_url)
            usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable or "@" in parts.netloc or parts.query or parts.fragment:
            raise BadAddress("the API's address must look like https://api.github.com")
        self._place = _place(parts)
        self._site = f"{parts.scheme}://{parts.netloc}"
        self._prefix = parts.path.rstrip("/")

    @property
    def url(self) -> str:
        """Return the base of the REST API, without a slash at its end."""
        return self._site + self._prefix

    @property
    def graphql_url(self) -> str:
        """Return the GraphQL endpoint: beside /api/v3 on GitHub Enterprise Server, else below.

        Source: https://docs.github.com/enterprise-server/graphql/guides/forming-calls-with-graphql
        """
        base = (
            self._prefix.removesuffix("/v3") if self._prefix.endswith("/api/v3") else self._prefix
        )
        return f"{self._site}{base}/graphql"

    def within(self, link: str) -> str:
        """Return the address `link` leads to, built anew on our own origin.

        `link` is what a Location or Link header says, absolute or starting with "/". Raises
        BadAddress when it leads anywhere else; the message names nothing but the host, since links
        may hold secrets.
        """
        try:
            parts = urlsplit(link)
            place = _place(parts) if parts.netloc else self._place
        except ValueError:
            raise BadAddress("the link cannot be read") from None
        if place != self._place or "@" in parts.netloc or (parts.scheme and not parts.netloc):
            raise BadAddress(f"the link leads to another host, {str(parts.hostname)[:100]!r}")
        if not parts.path.startswith(self._prefix + "/"):
            raise BadAddress("the link leads out of the API")
        # Rebuilt from its parts: no two readers of one address can then disagree about its host.
        query = f"?{quote(parts.query, safe='%=&+:/,~*!$();@')}" if parts.query else ""
        return self._site + checked(parts.path) + query


def _place(parts: SplitResult) -> tuple[str, str | None, int | None]:
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return (parts.scheme, parts.hostname, port)
