"""Tests of Client: requests, redirects, pages, caching and limits."""

import json
import threading
from urllib.parse import parse_qs, urlsplit

import pytest

from luggage.github import Page, errors
from tests.luggage.github.scripted import (
    API,
    INSTALLATION,
    START_AT,
    TOKENS,
    Reply,
    Scripted,
    make_app,
)

ISSUES = "/repos/o/r/issues"


def urls(scripted: Scripted) -> list[str]:
    """Return the requested URLs, except for token requests."""
    return [str(r.url) for r in scripted.sent if "access_tokens" not in str(r.url)]


# Requests


def test_request_has_the_headers_github_asks_for(client, scripted) -> None:
    """Each request has Accept, the API version, a user agent and a bearer token."""
    scripted.on("GET", "/x", Reply(200, {}))
    client.get("/x")
    headers = scripted.sent[-1].headers
    assert headers["Accept"] == "application/vnd.github+json"
    assert headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert headers["User-Agent"] == "portmanteau-tests"
    assert headers["Authorization"] == "Bearer ghs_secret1"
    assert "Cookie" not in headers


@pytest.mark.parametrize("method", ["put", "post", "patch", "delete"])
def test_writes_send_json(client, scripted, method) -> None:
    """Each kind of write sends its body as JSON, including non-ASCII text."""
    scripted.on(method.upper(), "/x", Reply(200, {"done": True}))
    assert getattr(client, method)("/x", json={"body": "ünï 🎉"}) == {"done": True}
    assert json.loads(scripted.sent[-1].body) == {"body": "ünï 🎉"}
    assert scripted.sent[-1].headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("method", ["put", "post", "patch", "delete"])
def test_writes_without_a_body(client, scripted, method) -> None:
    """A write without a body sends none; an empty response is None."""
    scripted.on(method.upper(), "/x", Reply(204))
    assert getattr(client, method)("/x") is None
    assert scripted.sent[-1].body is None


def test_names_and_parameters_are_encoded(client, scripted) -> None:
    """Names and params are percent-encoded; None params are left out."""
    client_path = "/orgs/{org}/members/{username}"
    with pytest.raises(errors.NotFound):
        client.get(
            client_path, org="../x", username="é", params={"q": "a&b=c", "z": None, "t": True}
        )
    assert urls(scripted) == [f"{API}/orgs/..%2Fx/members/%C3%A9?q=a%26b%3Dc&t=true"]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("https://evil.example/x", {}),
        ("//evil.example", {"n": 1}),
        ("/orgs/{n}", {"n": ".."}),
        ("/orgs/{n}", {"n": ""}),
        ("/orgs/{n}", {"n": None}),
    ],
)
def test_bad_addresses_are_never_sent(client, scripted, path, names) -> None:
    """A path or name that could lead elsewhere is Invalid, and nothing is sent."""
    with pytest.raises((errors.Invalid, TypeError)):
        client.get(path, **names)
    assert scripted.sent == []


def test_lone_surrogate_in_a_parameter_is_invalid(client) -> None:
    """A lone surrogate in a parameter is Invalid."""
    with pytest.raises(errors.Invalid):
        client.get("/x", params={"q": "\ud800"})


def test_double_slash_does_not_change_the_host(client, scripted) -> None:
    """A path that begins with two slashes does not change the host."""
    with pytest.raises(errors.NotFound):
        client.get("//evil.example/x")
    assert urls(scripted) == [f"{API}//evil.example/x"]


# Answers


def test_failure_names_request_and_fields(client, scripted) -> None:
    """The error of a rejected write names the request, the reason and the field."""
    value = {"message": "Validation Failed", "errors": [{"field": "body", "code": "missing"}]}
    scripted.on("POST", ISSUES, Reply(422, value, {"X-GitHub-Request-Id": "A:1"}))
    with pytest.raises(errors.Invalid) as caught:
        client.post("/repos/{o}/{r}/issues", o="o", r="r", json={})
    error = caught.value
    assert (error.method, error.path, error.status) == ("POST", ISSUES, 422)
    assert (error.request_id, str(error.fields[0])) == ("A:1", "body missing")


@pytest.mark.parametrize("content", [b"<html>", b"{", b"\xff", b"[" * 100_000])
def test_unreadable_2xx_is_ambiguous(client, scripted, content) -> None:
    """A write with a 201 and an unreadable body is Ambiguous."""
    scripted.on("POST", "/x", Reply(201, content=content))
    with pytest.raises(errors.Ambiguous, match="not JSON"):
        client.post("/x")


def test_server_error_after_a_write_is_ambiguous(client, scripted) -> None:
    """A write with a 502 is Ambiguous."""
    scripted.on("POST", "/x", Reply(502))
    with pytest.raises(errors.Ambiguous):
        client.post("/x")
    assert len(scripted.requests_to("/x")) == 1


# Redirects


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("location", [f"{API}/repositories/1/issues", "/repositories/1/issues"])
def test_redirects_within_the_api_are_followed_verbatim(client, scripted, status, location) -> None:
    """A redirect within the API gets the same method, body and token."""
    scripted.on("POST", ISSUES, Reply(status, headers={"Location": location}))
    scripted.on("POST", "/repositories/1/issues", Reply(201, {"number": 7}))
    assert client.post(ISSUES, json={"title": "x"}) == {"number": 7}
    assert json.loads(scripted.sent[-1].body) == {"title": "x"}
    assert scripted.sent[-1].headers["Authorization"] == "Bearer ghs_secret1"


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/x",
        "//evil.example/x",
        "http://api.github.test/x",
        "https://api.github.test:8443/x",
        "https://api.github.test@evil.example/x",
        "https://evil.example\\@api.github.test/x",
        "https://api.github.test.evil.example/x",
        "",
        "mailto:x",
        "http://[",
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_redirects_to_other_hosts_get_nothing(client, scripted, location, method) -> None:
    """A redirect to another host is an error; neither token nor body is sent there."""
    scripted.on(method.upper(), "/x", Reply(307, headers={"Location": location}))
    with pytest.raises(errors.RequestFailed):
        getattr(client, method)("/x")
    assert urls(scripted) == [f"{API}/x"]


def test_redirect_loops_end(client, scripted) -> None:
    """A redirect loop ends after five redirects."""
    scripted.on("GET", "/x", Reply(302, headers={"Location": "/x"}))
    with pytest.raises(errors.Ambiguous, match="too many redirects"):
        client.get("/x")
    assert len(scripted.requests_to("/x")) == 6


# ETags


def test_unchanged_response_comes_from_the_cache(client, scripted) -> None:
    """A 304 returns the cached response; each caller gets its own value."""
    scripted.on("GET", "/x", Reply(200, {"a": [1]}, {"ETag": '"one"'}), Reply(304))
    client.get("/x")["a"].append(2)
    assert client.get("/x") == {"a": [1]}
    assert scripted.sent[-1].headers["If-None-Match"] == '"one"'


def test_the_links_of_a_304_are_newer_than_the_cached_ones(client, scripted) -> None:
    """A further item comes on a page of its own, and leaves the first page unchanged."""
    full = [{"id": number} for number in range(2)]
    link = {"Link": f'<{API}/x?per_page=2&page=2>; rel="next"'}
    third = Reply(200, [{"id": 2}])
    scripted.on("GET", "/x", Reply(200, full[:1], {"ETag": '"1"'}), Reply(304, None, link), third)
    assert len(list(client.pages("/x", params={"per_page": 2}))) == 1
    assert len(list(client.pages("/x", params={"per_page": 2}))) == 2
    scripted.on("GET", "/x", Reply(304), third)
    assert len(list(client.pages("/x", params={"per_page": 2}))) == 2


def test_a_full_last_page_is_asked_for_without_condition(client, scripted) -> None:
    """A 304 without links would hide the page that has come since."""
    full = Reply(200, [{"id": 0}, {"id": 1}], {"ETag": '"1"'})
    scripted.on("GET", "/x", full, full)
    for _ in range(2):
        assert len(list(client.pages("/x", params={"per_page": 2}))) == 2
    assert "If-None-Match" not in scripted.sent[-1].headers


def test_a_short_page_in_the_middle_is_not_the_last(client, scripted) -> None:
    """The links decide, not the number of items."""
    link = {"Link": f'<{API}/x?page=2>; rel="next"'}, {"Link": f'<{API}/x?page=3>; rel="next"'}
    pages = Reply(200, [1], link[0]), Reply(200, [], link[1]), Reply(200, [2])
    scripted.on("GET", "/x", *pages)
    assert list(client.pages("/x")) == [1, 2]


def test_changed_response_replaces_the_cached_one(client, scripted) -> None:
    """A 200 with a new ETag replaces the cached response."""
    first, second = Reply(200, {"a": 1}, {"ETag": '"1"'}), Reply(200, {"a": 2}, {"ETag": 'W/"2"'})
    scripted.on("GET", "/x", first, second, Reply(304))
    assert [client.get("/x") for _ in range(3)] == [{"a": 1}, {"a": 2}, {"a": 2}]
    assert scripted.sent[-1].headers["If-None-Match"] == 'W/"2"'


def test_cache_is_not_shared_between_installations(app, client, scripted) -> None:
    """Cached responses are not shared between installations."""
    scripted.on("GET", "/x", Reply(200, {"private": True}, {"ETag": '"1"'}))
    scripted.on(
        "POST",
        "/app/installations/8/access_tokens",
        Reply(201, {"token": "ghs_8", "expires_at": "2099-01-01T00:00:00Z"}),
    )
    client.get("/x")
    app.client_for(8).get("/x")
    assert "If-None-Match" not in scripted.sent[-1].headers


def test_params_are_part_of_the_cache_key(client, scripted) -> None:
    """Another query is cached separately."""
    scripted.on("GET", "/x", Reply(200, {}, {"ETag": '"1"'}))
    client.get("/x", params={"page": 1})
    client.get("/x", params={"page": 2})
    assert "If-None-Match" not in scripted.sent[-1].headers


def test_unexpected_304_is_an_error(client, scripted) -> None:
    """A 304 without a conditional request is an error."""
    scripted.on("GET", "/x", Reply(304))
    with pytest.raises(errors.Ambiguous):
        client.get("/x")


def test_writes_are_not_cached(client, scripted) -> None:
    """Responses to writes are not cached."""
    scripted.on("POST", "/x", Reply(201, {}, {"ETag": '"1"'}))
    scripted.on("GET", "/x", Reply(200, {}))
    client.post("/x")
    client.get("/x")
    assert "If-None-Match" not in scripted.sent[-1].headers


# Pages


def page(items: object, following: str | None = None) -> Reply:
    link = f'<{API}/last>; rel="last", <{following}>; rel="next"'
    return Reply(200, items, {"Link": link} if following else {})


def test_pages_yields_all_items(client, scripted) -> None:
    """`pages` yields all items in order and requests a hundred at a time."""
    scripted.on("GET", "/x", page([1, 2], f"{API}/y?page=2"))
    scripted.on("GET", "/y", page([3]))
    assert list(client.pages("/x", params={"state": "open"})) == [1, 2, 3]
    assert parse_qs(urlsplit(urls(scripted)[0]).query) == {"per_page": ["100"], "state": ["open"]}


def test_pages_are_fetched_when_reached(client, scripted) -> None:
    """A caller that stops early does not fetch the next page."""
    scripted.on("GET", "/x", page([1, 2], f"{API}/y"))
    assert next(client.pages("/x")) == 1
    assert len(urls(scripted)) == 1


@pytest.mark.parametrize("value", [{"total_count": 2, "items": [1, 2]}, {"check_runs": [1, 2]}])
def test_pages_accepts_objects_with_a_list(client, scripted, value) -> None:
    """`pages` accepts objects that wrap a list, such as search results."""
    scripted.on("GET", "/x", page(value))
    assert list(client.pages("/x")) == [1, 2]


@pytest.mark.parametrize("value", [7, {}, {"a": [], "b": []}])
def test_pages_rejects_other_responses(client, scripted, value) -> None:
    """A response without exactly one list is an error, not an empty page."""
    scripted.on("GET", "/x", page(value))
    with pytest.raises(errors.Ambiguous, match="not a page"):
        list(client.pages("/x"))


def test_an_answer_without_its_content_is_ambiguous(client, scripted) -> None:
    """An empty 200 says nothing: it is neither None nor an empty list."""
    scripted.on("GET", "/x", Reply(200))
    with pytest.raises(errors.Ambiguous, match="not JSON"):
        client.get("/x")


def test_an_empty_answer_is_not_cached(client, scripted) -> None:
    """A body that a proxy emptied or cut must not come back with each 304."""
    scripted.on("GET", "/x", Reply(200, headers={"ETag": '"a"'}), Reply(200, {"a": 1}))
    with pytest.raises(errors.Ambiguous):
        client.get("/x")
    assert client.get("/x") == {"a": 1}
    assert "If-None-Match" not in scripted.sent[-1].headers


def test_a_missing_field_is_ambiguous_and_says_which(client, scripted) -> None:
    """A caller that needs a field tries again, and does not end with a KeyError."""
    scripted.on("GET", "/x", Reply(200, {"head": {"ref": "main"}}))
    answer = client.get("/x")
    assert answer["head"].get("sha") is None
    with pytest.raises(errors.Ambiguous, match="GET /x: 200 the response lacks 'sha'"):
        answer["head"]["sha"]


@pytest.mark.parametrize(
    "link", ["https://evil.example/x?page=2", "//evil.example/x", "http://api.github.test/x", "x"]
)
def test_hostile_link_is_not_followed(client, scripted, link) -> None:
    """A next link to another host is an error and does not receive the token."""
    scripted.on("GET", "/x", page([1], link))
    items = client.pages("/x")
    assert next(items) == 1
    with pytest.raises(errors.Invalid, match="not followed"):
        next(items)
    assert urls(scripted) == [f"{API}/x?per_page=100"]


def test_page_loops_end(client, scripted) -> None:
    """A loop of next links is an error."""
    scripted.on("GET", "/x", page([1], f"{API}/y"))
    scripted.on("GET", "/y", page([2], f"{API}/x?per_page=100"))
    with pytest.raises(errors.Invalid, match="loop"):
        list(client.pages("/x"))


def test_cached_page_keeps_its_next_link(client, scripted) -> None:
    """A cached page keeps its next link."""
    first = page([1], f"{API}/y")
    first.headers["ETag"] = '"1"'
    scripted.on("GET", "/x", first, Reply(304))
    scripted.on("GET", "/y", page([2]))
    assert [list(client.pages("/x")) for _ in range(2)] == [[1, 2], [1, 2]]


@pytest.mark.parametrize("link", ["nonsense", '<>; rel="next', ",,;;", "<x>; rel"])
def test_malformed_links_end_the_pages(client, scripted, link) -> None:
    """A malformed Link header ends the pages or is an error."""
    scripted.on("GET", "/x", Reply(200, [1], {"Link": link}))
    try:
        assert list(client.pages("/x")) == [1]
    except errors.Invalid:
        assert len(urls(scripted)) == 1


def test_page_returns_the_params_of_the_next(client, scripted) -> None:
    """`page` returns one page and the params of the next."""
    scripted.on("GET", "/x", page([1, 2], f"{API}/x?per_page=100&cursor=v1_7&odd=%2F"), page([3]))
    first = client.page("/x")
    assert first == Page([1, 2], {"per_page": "100", "cursor": "v1_7", "odd": "/"})
    assert client.page("/x", params=first.following) == Page([3], None)
    assert urls(scripted) == [f"{API}/x?per_page=100", f"{API}/x?per_page=100&cursor=v1_7&odd=%2F"]


def test_page_with_a_hostile_link_raises(client, scripted) -> None:
    """`page` raises for a next link to another host."""
    scripted.on("GET", "/x", page([1], "https://evil.example/x?cursor=v1_7"))
    with pytest.raises(errors.Invalid, match="not followed"):
        client.page("/x")


# GraphQL


def test_graphql_returns_the_data(client, scripted) -> None:
    """`graphql` sends values as variables and returns `data`."""
    scripted.on("POST", "/graphql", Reply(200, {"data": {"viewer": {"login": "x"}}}))
    assert client.graphql("query($n: Int) { x }", n=7) == {"viewer": {"login": "x"}}
    sent = {"query": "query($n: Int) { x }", "variables": {"n": 7}}
    assert json.loads(scripted.sent[-1].body) == sent


def test_graphql_url_on_enterprise_server(scripted) -> None:
    """On GitHub Enterprise Server, GraphQL is not below /api/v3."""
    app = make_app(scripted, api_url=f"{API}/api/v3")
    expires = "2099-01-01T00:00:00Z"
    scripted.on("POST", "/api/graphql", Reply(200, {"data": {}}))
    scripted.on(
        "POST",
        f"/api/v3/app/installations/{INSTALLATION}/access_tokens",
        Reply(201, {"token": "ghs_1", "expires_at": expires}),
    )
    assert app.client_for(INSTALLATION).graphql("{ x }") == {}


def test_graphql_errors_with_status_200_are_raised(client, scripted) -> None:
    """GraphQL errors with status 200 are raised."""
    value = {"data": None, "errors": [{"type": "NOT_FOUND", "message": "no such repository"}]}
    scripted.on("POST", "/graphql", Reply(200, value))
    with pytest.raises(errors.NotFound, match="no such repository"):
        client.graphql("{ x }")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 60),
        (
            {
                "X-RateLimit-Limit": "5000",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": str(int(START_AT) + 900),
                "X-RateLimit-Resource": "graphql",
            },
            900,
        ),
    ],
)
def test_graphql_limit_closes_graphql(client, scripted, headers, seconds) -> None:
    """A GraphQL rate limit with status 200 blocks queries until its reset."""
    value = {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}
    scripted.on("POST", "/graphql", Reply(200, value, headers))
    for _ in range(2):
        with pytest.raises(errors.RateLimited) as caught:
            client.graphql("{ x }")
        assert caught.value.retry_at == pytest.approx(START_AT + seconds, abs=1.0)
    assert len(scripted.requests_to("/graphql")) == 1


@pytest.mark.parametrize("value", [[], "x"])
def test_graphql_response_of_another_kind_raises(client, scripted, value) -> None:
    """A GraphQL response that is no object is an error."""
    scripted.on("POST", "/graphql", Reply(200, value))
    with pytest.raises(errors.Invalid):
        client.graphql("{ x }")


@pytest.mark.parametrize("value", [None, {}])
def test_graphql_response_without_data_is_ambiguous(client, scripted, value) -> None:
    """Neither data nor errors: nothing must be counted from it, and the next try may know more."""
    scripted.on("POST", "/graphql", Reply(200, value))
    with pytest.raises(errors.Ambiguous):
        client.graphql("{ x }")


# Read-only


@pytest.mark.parametrize(
    "write",
    [
        lambda c: c.put("/x"),
        lambda c: c.post("/x"),
        lambda c: c.patch("/x"),
        lambda c: c.delete("/x"),
        lambda c: c.graphql("mutation { x }"),
        lambda c: c.graphql("# comment\n  mutation M { x }"),
        lambda c: c.graphql("{ x }\nsubscription { y }"),
    ],
)
def test_read_only_client_refuses_to_write(client, scripted, write) -> None:
    """A read-only client refuses writes and mutations, and sends nothing."""
    with pytest.raises(errors.WriteRefused):
        write(client.read_only())
    assert scripted.sent == []


def test_read_only_client_never_writes(client, scripted) -> None:
    """Every method of a read-only client sends a GET, a query, or nothing."""
    scripted.on("GET", "/x", Reply(200, []))
    scripted.on("POST", "/graphql", Reply(200, {"data": 1}))
    refused, asking = set(), {name for name in dir(client) if not name.startswith("_")}
    for name in asking - {"rate_limit", "read_only"}:
        try:
            answer = getattr(client.read_only(), name)("/x")
            list(answer if name == "pages" else [])
        except errors.WriteRefused:
            refused.add(name)
    sent = {(r.method, urlsplit(r.url).path) for r in scripted.sent} - {("POST", TOKENS)}
    assert refused == {"post", "put", "patch", "delete"}
    assert sent == {("GET", "/x"), ("POST", "/graphql")}


@pytest.mark.parametrize(
    "text",
    [
        "mutation M($id: ID!) { addComment(input: {subjectId: $id}) { clientMutationId } }",
        "query Q { viewer { login } } mutation M { x }",
        "fragment F on Query { x }\nmutation{x}",
        '{ x } # "\nmutation{x}',
        "\ufeffmutation,{x}",
        "query mutation { x }",
    ],
)
def test_read_only_client_finds_a_mutation_anywhere(client, scripted, text) -> None:
    """A mutation is refused anywhere in the text, even at the cost of false refusals."""
    with pytest.raises(errors.WriteRefused):
        client.read_only().graphql(text)
    assert scripted.sent == []


def test_read_only_stays_read_only(client, scripted) -> None:
    """A read-only client cannot become writable again."""
    with pytest.raises(errors.WriteRefused):
        client.read_only().read_only().post("/x")
    assert scripted.sent == []


def test_read_only_client_reads(client, scripted) -> None:
    """A read-only client reads objects, pages and queries."""
    scripted.on("GET", "/x", Reply(200, [1]))
    scripted.on("POST", "/graphql", Reply(200, {"data": 1}))
    reader = client.read_only()
    assert (reader.get("/x"), list(reader.pages("/x")), reader.graphql("{ x }")) == ([1], [1], 1)


# Limits


def test_secondary_limit_stops_the_installation(client, scripted) -> None:
    """A secondary limit blocks all requests of the installation until it ends."""
    limited = Reply(403, {"message": "secondary rate limit"}, {"Retry-After": "30"})
    scripted.on("GET", "/x", limited, Reply(200, {}))
    for _ in range(2):
        with pytest.raises(errors.RateLimited) as caught:
            client.get("/x")
        assert caught.value.retry_at == START_AT + 30
    assert len(scripted.requests_to("/x")) == 1
    scripted.clock.now += 30
    assert client.get("/x") == {}


def test_rate_limit_does_not_affect_other_installations(app, scripted) -> None:
    """A rate limit of one installation does not affect others."""
    scripted.on("GET", "/x", Reply(429, headers={"Retry-After": "30"}), Reply(200, {}))
    scripted.on(
        "POST",
        "/app/installations/8/access_tokens",
        Reply(201, {"token": "ghs_8", "expires_at": "2099-01-01T00:00:00Z"}),
    )
    with pytest.raises(errors.RateLimited):
        app.client_for(INSTALLATION).get("/x")
    assert app.client_for(8).get("/x") == {}


def test_clients_of_one_installation_share_its_limits(app, scripted) -> None:
    """A rate limit blocks all clients of the installation, including readers."""
    scripted.on("GET", "/x", Reply(429))
    with pytest.raises(errors.RateLimited):
        app.client_for(INSTALLATION).get("/x")
    with pytest.raises(errors.RateLimited):
        app.client_for(INSTALLATION).read_only().get("/y")
    assert scripted.requests_to("/y") == []


def test_rate_limit_is_the_one_last_seen(client, scripted) -> None:
    """`rate_limit` is the primary limit last seen."""
    assert client.rate_limit is None
    headers = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4999"}
    scripted.on("GET", "/x", Reply(200, {}, headers | {"X-RateLimit-Reset": "1800003600"}))
    client.get("/x")
    assert (client.rate_limit.limit, client.rate_limit.remaining) == (5000, 4999)
    assert client.rate_limit.reset_at == pytest.approx(1_800_003_600, abs=1.0)


def test_writes_are_a_second_apart(client, scripted) -> None:
    """Writes of one installation wait for their slots; reads and token renewals do not."""
    scripted.on("POST", "/x", Reply(201, {}))
    scripted.on("GET", "/x", Reply(200, {}))
    for _ in range(3):
        client.get("/x")
        client.post("/x")
    assert scripted.clock.slept == [1.0, 1.0]


def test_early_write_raises_without_waiting(scripted) -> None:
    """With wait=None an early write raises RateLimited with the time of its slot."""
    client = make_app(scripted, wait=None).client_for(INSTALLATION)
    scripted.on("POST", "/x", Reply(201, {}))
    client.post("/x")
    with pytest.raises(errors.RateLimited) as caught:
        client.post("/x")
    assert caught.value.retry_at == START_AT + 1
    assert len(scripted.requests_to("/x")) == 1


def test_mutations_use_write_slots(client, scripted) -> None:
    """Mutations use write slots, and queries do not."""
    scripted.on("POST", "/graphql", Reply(200, {"data": {}}))
    for query in ("{ x }", "mutation { x }", "{ x }", "mutation { x }"):
        client.graphql(query)
    assert scripted.clock.slept == [1.0]


# Threads


def test_threads_share_one_client(client, scripted) -> None:
    """Twenty concurrent threads get twenty responses with one token."""
    scripted.on("GET", "/x", Reply(200, {"n": 1}, {"ETag": '"1"'}))
    barrier = threading.Barrier(20)
    answers = []

    def ask() -> None:
        barrier.wait()
        answers.append(client.get("/x"))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [{"n": 1}] * 20
    assert scripted.minted == 1
