"""Tests of path templates and links."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luggage.github.transport import BadAddress, Origin, expand

API = Origin("https://api.github.com")
ENTERPRISE = Origin("https://ghes.example:8443/api/v3/")


def test_names_are_filled_in() -> None:
    """Names and numbers replace their fields in the path."""
    path = expand("/repos/{owner}/{repo}/issues/{n}", {"owner": "o", "repo": "r.x", "n": 7})
    assert path == "/repos/o/r.x/issues/7"


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("../x", "..%2Fx"),
        ("a/b", "a%2Fb"),
        ("a b", "a%20b"),
        ("a?b#c", "a%3Fb%23c"),
        ("%2e%2e", "%252e%252e"),
        ("ünï", "%C3%BCn%C3%AF"),
        ("日本", "%E6%97%A5%E6%9C%AC"),
        ("{org}", "%7Borg%7D"),
        ("a\r\nHost: evil", "a%0D%0AHost%3A%20evil"),
        ("...", "..."),
    ],
)
def test_hostile_names_stay_one_name(name, encoded) -> None:
    """Slashes, dots, queries, line breaks and other scripts stay in their segment."""
    assert expand("/orgs/{org}/members", {"org": name}) == f"/orgs/{encoded}/members"


@pytest.mark.parametrize("value", ["", ".", "..", "\ud800", None, True, 1.5, b"x", ["x"]])
def test_invalid_names(value) -> None:
    """An invalid name, or one that would vanish from the path, is an error that names its field."""
    with pytest.raises(BadAddress, match=r"^org (is|contains) "):
        expand("/orgs/{org}", {"org": value})


@pytest.mark.parametrize("names", [{}, {"org": "o", "more": "m"}, {"other": "o"}])
def test_names_must_match_the_template(names) -> None:
    """A missing or misspelled name is a TypeError."""
    with pytest.raises(TypeError, match="needs the names"):
        expand("/orgs/{org}", names)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "orgs",
        "https://evil.example/x",
        "/a?b=c",
        "/a#b",
        "/a/../b",
        "/a/%2E%2e/b",
        "/a/.",
        "/a b",
        "/a\\b",
        "/ä",
        "/a\n",
        "/{a.b}",
    ],
)
def test_paths_are_plain(path) -> None:
    """A template that is not a plain path is an error."""
    with pytest.raises(BadAddress):
        expand(path, {})


@given(st.text(min_size=1))
def test_any_name_round_trips(name) -> None:
    """Any name is rejected, or becomes one segment that decodes to it."""
    try:
        path = expand("/orgs/{org}/members", {"org": name})
    except BadAddress:
        return
    _, orgs, segment, members = path.split("/")
    assert (orgs, unquote(segment), members) == ("orgs", name, "members")


@pytest.mark.parametrize(
    ("origin", "url", "graphql"),
    [
        (API, "https://api.github.com", "https://api.github.com/graphql"),
        (ENTERPRISE, "https://ghes.example:8443/api/v3", "https://ghes.example:8443/api/graphql"),
        (Origin("http://127.0.0.1:80"), "http://127.0.0.1:80", "http://127.0.0.1:80/graphql"),
    ],
)
def test_origin_has_both_urls(origin, url, graphql) -> None:
    """GraphQL is next to REST on Enterprise Server, and below it elsewhere."""
    assert (origin.url, origin.graphql_url) == (url, graphql)


@pytest.mark.parametrize(
    "url",
    [
        *["", "api.github.com", "ftp://x", "https://", "https://u:p@x", "https://x?y"],
        *["https://x:y", "https://x#y", "https://[x", "https://x:0", "file:///etc"],
    ],
)
def test_bad_origin_raises(url) -> None:
    """The error for a bad API address does not repeat it, because it may contain a password."""
    with pytest.raises(BadAddress, match=r"must look like https://api.github.com"):
        Origin(url)


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("https://api.github.com/x?page=2", "https://api.github.com/x?page=2"),
        ("https://API.github.com:443/x", "https://api.github.com/x"),
        ("/repositories/1/x?a=b%20c", "https://api.github.com/repositories/1/x?a=b%20c"),
        ("https://api.github.com/x?q=a b\u00fc#f", "https://api.github.com/x?q=a%20b%C3%BC"),
    ],
)
def test_links_within_the_api_are_rebuilt(link, address) -> None:
    """A link of our own host is rebuilt from its parts."""
    assert API.within(link) == address


@pytest.mark.parametrize(
    "link",
    [
        "",
        "https://evil.example/x",
        "http://api.github.com/x",
        "https://api.github.com:8443/x",
        "https://api.github.com.evil.example/x",
        "https://api.github.com@evil.example/x",
        "https://token@api.github.com/x",
        "//evil.example/x",
        "https://evil.example\\@api.github.com/x",
        "https://api.github.com\\@evil.example/x",
        "https://[x/",
        "https://api.github.com:port/x",
        "mailto:x@api.github.com",
        "x",
        "https://api.github.com",
        "https://api.github.com/../x",
        "https://api.github.com/%2e%2E/x",
    ],
)
def test_links_elsewhere_are_not_followed(link) -> None:
    """A link to another host, scheme or port, or a malformed one, is an error."""
    with pytest.raises(BadAddress):
        API.within(link)


@pytest.mark.parametrize(
    "link", ["https://ghes.example:8443/api/v4/x", "/x", "/api/v3/../v4/x", "/api/v3"]
)
def test_links_stay_below_the_prefix(link) -> None:
    """On Enterprise Server a link must stay below the API's prefix."""
    with pytest.raises(BadAddress):
        ENTERPRISE.within(link)


def test_error_for_a_link_names_only_the_host() -> None:
    """The error names only the host, because a link may contain a signature."""
    with pytest.raises(BadAddress) as caught:
        API.within("https://codeload.example/x?token=hush")
    assert ("codeload.example" in str(caught.value), "hush" in str(caught.value)) == (True, False)
