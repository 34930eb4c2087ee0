"""luggage.serving.proxies: who the client is."""

from ipaddress import ip_network

import pytest

from luggage.serving import TrustedProxies
from luggage.serving.proxies import client_key

PROXY, OTHER_PROXY, CLIENT = "10.0.0.1", "10.0.0.2", "192.0.2.7"
FORWARDED = {
    "HTTP_FORWARDED": "for=192.0.2.9;host=evil.example",
    "HTTP_X_FORWARDED_FOR": CLIENT,
    "HTTP_X_FORWARDED_HOST": "evil.example",
    "HTTP_X_FORWARDED_PORT": "1",
    "HTTP_X_FORWARDED_PREFIX": "/evil",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_SERVER": "evil.example",
    "HTTP_X_REAL_IP": "192.0.2.9",
}


def applied(peer, *networks, **headers):
    """Return the environ of a request after the trusted proxies were applied."""
    environ = {"REMOTE_ADDR": peer, "wsgi.url_scheme": "http", **(headers or FORWARDED)}
    TrustedProxies([ip_network(each) for each in networks]).apply(environ)
    return environ


@pytest.mark.parametrize("networks", [[], ["10.0.0.2"], ["192.0.2.0/24"], ["::/0"]])
def test_a_proxy_that_is_not_named_says_nothing(networks):
    """Client and scheme are the connection's, and the app sees none of the headers."""
    environ = applied(PROXY, *networks)
    assert environ == {"REMOTE_ADDR": PROXY, "wsgi.url_scheme": "http"}


@pytest.mark.parametrize("peer", [PROXY, f"::ffff:{PROXY}"])
def test_a_named_proxy_says_who_the_client_is(peer):
    """Client and scheme are those that the proxy names; it cannot name a host."""
    environ = applied(peer, "10.0.0.0/8")
    assert environ == {"REMOTE_ADDR": CLIENT, "wsgi.url_scheme": "https"}


@pytest.mark.parametrize(
    ("forwarded_for", "client"),
    [
        (f"198.51.100.1, {CLIENT}", CLIENT),
        (f"{CLIENT},{OTHER_PROXY}", CLIENT),
        (f"{OTHER_PROXY}", OTHER_PROXY),
        ("", PROXY),
        ("nonsense", PROXY),
        (f"nonsense, {OTHER_PROXY}", OTHER_PROXY),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_client_cannot_name_another(forwarded_for, client):
    """The last address counts that no trusted proxy has; what a client sent stands before it."""
    environ = applied(PROXY, "10.0.0.0/8", HTTP_X_FORWARDED_FOR=forwarded_for)
    assert environ["REMOTE_ADDR"] == client


@pytest.mark.parametrize(
    ("proto", "scheme"),
    [("https", "https"), ("http, https", "https"), ("https,http", "http"), ("ftp", "http")],
)
def test_the_scheme_is_the_last_proxy_s(proto, scheme):
    """A proxy that appends to the header stands last; other schemes are ignored."""
    environ = applied(PROXY, "10.0.0.0/8", HTTP_X_FORWARDED_PROTO=proto)
    assert environ["wsgi.url_scheme"] == scheme


def test_a_proxy_that_is_not_named_is_reported_once(caplog):
    """The log names the setting."""
    proxies = TrustedProxies()
    for _ in range(2):
        proxies.apply({"REMOTE_ADDR": PROXY, **FORWARDED})
    (record,) = caplog.records
    assert "BOT_TRUSTED_PROXIES" in record.getMessage()


@pytest.mark.parametrize(
    ("address", "key"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8::7", "2001:db8::/64"), ("", ""), ("unix:", "unix:")],
)
def test_limits_count_an_ipv6_network_as_one_client(address, key):
    """A client has a whole network of 64 bits; an IPv4 client has one address."""
    assert client_key(address) == key
