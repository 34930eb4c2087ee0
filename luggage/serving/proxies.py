"""Proxies that may say who the client is: their `X-Forwarded-For` and `X-Forwarded-Proto` count.

Everybody can send these headers. So they count only from the addresses that the operator names, and
no app sees them.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_FOR, _PROTO = "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO"
_OTHERS = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
    "HTTP_X_FORWARDED_SERVER",
    "HTTP_X_REAL_IP",
)
# An IPv6 client chooses its address in a network of this size.
_IPV6_PREFIX = 64

log = logging.getLogger(__name__)


@dataclass
class TrustedProxies:
    """The networks of the trusted proxies; empty: none is trusted."""

    networks: Sequence[IPv4Network | IPv6Network] = ()
    _has_warned: bool = field(default=False, init=False)

    def apply(self, environ: "WSGIEnvironment") -> None:
        """Set client and scheme as the trusted proxies say, and remove the headers."""
        forwarded_for, proto = environ.pop(_FOR, ""), environ.pop(_PROTO, "")
        for name in _OTHERS:
            environ.pop(name, None)
        peer = _address(environ["REMOTE_ADDR"])
        if peer is None or not self._trusts(peer):
            if forwarded_for:
                self._warn(environ["REMOTE_ADDR"])
            return
        environ["REMOTE_ADDR"] = str(self._client(peer, forwarded_for))
        # The last value is the one that the trusted proxy added.
        scheme = proto.rpartition(",")[2].strip().lower()
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme

    def _client(
        self, peer: IPv4Address | IPv6Address, forwarded_for: str
    ) -> IPv4Address | IPv6Address:
        """Return the last address that a trusted proxy has seen and that is not one itself."""
        client = peer
        for text in reversed(forwarded_for.split(",")):
            address = _address(text.strip())
            if address is None:
                break
            client = address
            if not self._trusts(address):
                break
        return client

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self.networks)

    def _warn(self, peer: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            log.warning(
                "%s sends X-Forwarded-For, which is ignored: if that is your proxy, name it in "
                "web.trusted_proxies (BOT_TRUSTED_PROXIES)",
                peer,
            )


def client_key(address: str) -> str:
    """Return the name under which limits count a client: its address, or its IPv6 network."""
    parsed = _address(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, _IPV6_PREFIX), strict=False))
    return address


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A socket for both families shows IPv4 clients as ::ffff:192.0.2.1.
    return getattr(address, "ipv4_mapped", None) or address
