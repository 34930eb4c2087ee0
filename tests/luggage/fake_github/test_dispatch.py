"""Tests of what all responses share: pages, ETags, limits, read lag, and recorded calls."""

import pytest

from luggage.fake_github import FakeGithub
from tests.support.asker import REPO, Asker

COMMENTS = f"/repos/{REPO}/issues/1/comments"


@pytest.fixture
def talk(github, issue):
    """Post five comments on the first issue."""
    for number in range(5):
        github.comment(REPO, issue, "bob", f"comment {number}")


def _links(answer):
    return {name: link["url"] for name, link in answer.links.items()}


# Pages


def test_link_header_leads_through_all_pages(ask, talk):
    """Following rel=next yields all items once, in order."""
    answer = ask("GET", COMMENTS, params={"per_page": 2})
    bodies = [one["body"] for one in answer.json()]
    while "next" in answer.links:
        answer = ask("GET", answer.links["next"]["url"].removeprefix(ask.url))
        bodies += [one["body"] for one in answer.json()]
    assert bodies == [f"comment {number}" for number in range(5)]


def test_the_links_name_all_neighbours(ask, talk):
    """A middle page has first, prev, next and last links, on the requested host."""
    answer = ask("GET", COMMENTS, params={"per_page": 2, "page": 2})
    page = f"{ask.url}{COMMENTS}?per_page=2&page="
    assert _links(answer) == {
        "prev": f"{page}1",
        "next": f"{page}3",
        "last": f"{page}3",
        "first": f"{page}1",
    }


def test_one_page_has_no_links(ask, talk):
    """A single page has no Link header."""
    assert "Link" not in ask("GET", COMMENTS).headers


def test_a_page_holds_a_hundred_at_most(ask, github, issue):
    """per_page is limited to 100; a value that is not a number means the default of 30."""
    for number in range(101):
        github.comment(REPO, issue, "bob", str(number))
    sizes = [len(ask("GET", COMMENTS, params={"per_page": size}).json()) for size in ("500", "x")]
    assert sizes == [100, 30]


def test_page_after_the_last_is_empty(ask, talk):
    """A page after the last is empty and links back."""
    answer = ask("GET", COMMENTS, params={"page": 9})
    assert answer.json() == []
    assert _links(answer)["prev"].endswith("page=1")


# ETags


def test_matching_etag_gives_304(ask, talk):
    """A matching ETag gives an uncounted 304 without a body."""
    first = ask("GET", COMMENTS)
    again = ask("GET", COMMENTS, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["X-RateLimit-Used"] == first.headers["X-RateLimit-Used"]


def test_changed_resource_is_sent(ask, github, talk):
    """An old ETag does not match after a change."""
    first = ask("GET", COMMENTS)
    github.comment(REPO, 1, "bob", "one more")
    again = ask("GET", COMMENTS, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 200


def test_etag_is_valid_for_one_token(ask, talk):
    """An ETag does not match with another token."""
    first = ask("GET", COMMENTS)
    ask.login("snakes")
    again = ask("GET", COMMENTS, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (200, first.content)


# Limits


def test_rate_limit_headers_count_down(ask):
    """The x-ratelimit headers count down."""
    left = [ask("GET", "/orgs/snakes").headers["X-RateLimit-Remaining"] for _ in range(2)]
    assert left == ["4999", "4998"]


def test_the_primary_limit_ends_with_its_window(ask, github, clock):
    """Beyond the limit an installation gets 403 until the reset; others continue."""
    github.limits.requests_per_hour = 1
    ask("GET", "/orgs/snakes")
    answer = ask("GET", "/orgs/snakes")
    assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (403, "0")
    assert "rate limit exceeded" in answer.json()["message"]
    clock.advance(int(answer.headers["X-RateLimit-Reset"]) + 1 - clock())
    ask.login("snakes")
    assert ask("GET", "/orgs/snakes").status_code == 200


def test_installations_have_their_own_limits(ask, github):
    """Each installation has its own budget."""
    github.add_organization("lions")
    github.limits.requests_per_hour = 2
    for _ in range(3):
        ask("GET", "/orgs/snakes")
    ask.login("lions")
    assert ask("GET", "/orgs/lions").status_code == 200


def test_searches_have_their_own_budget(ask):
    """Searches are limited to thirty a minute; other requests continue."""
    searches = [ask("GET", "/search/issues", params={"q": "x"}) for _ in range(31)]
    assert [one.status_code for one in searches].count(403) == 1
    assert searches[-1].headers["X-RateLimit-Resource"] == "search"
    assert ask("GET", "/orgs/snakes").status_code == 200


@pytest.fixture
def strict(clock):
    """A GitHub that accepts two comments a minute and three an hour."""
    fake = FakeGithub(clock=clock, content_per_minute=2, content_per_hour=3)
    fake.open_issue(REPO, "bob")
    with fake.serve() as server:
        asker = Asker(fake, server.url)
        asker.login("snakes")
        yield asker
        asker.close()


def test_too_much_content_meets_the_secondary_limit(strict, clock):
    """With content limits set, too many comments get 403 with Retry-After."""
    statuses = []
    for wait in (0, 0, 0, 60, 60, 3600):
        clock.advance(wait)
        strict.login("snakes")
        answer = strict("POST", COMMENTS, json={"body": "Hi"})
        statuses.append((answer.status_code, answer.headers.get("Retry-After")))
    refused = (403, "60")
    assert statuses == [(201, None), (201, None), refused, (201, None), refused, (201, None)]


# Read lag


def test_lists_lag_behind(clock):
    """Lists show new items after the read lag; reads by id show them at once."""
    fake = FakeGithub(clock=clock, read_lag_seconds=5)
    fake.open_issue(REPO, "bob")
    with fake.serve() as server:
        ask = Asker(fake, server.url)
        ask.login("snakes")
        made = ask("POST", COMMENTS, json={"body": "Hi"}).json()
        sizes = [len(ask("GET", COMMENTS).json())]
        assert ask("GET", f"/repos/{REPO}/issues/comments/{made['id']}").status_code == 200
        clock.advance(5)
        sizes.append(len(ask("GET", COMMENTS).json()))
        ask.close()
    assert sizes == [0, 1]


# Recorded calls and the journal


def test_calls_are_recorded(ask, github, issue):
    """Each request is recorded with body, status and installation."""
    ask("POST", COMMENTS, json={"body": "Hi"}, params={"x": "1"})
    (call,) = github.calls_to("POST", "*/comments")
    assert (call.body, call.query, call.status) == ({"body": "Hi"}, {"x": "1"}, 201)
    assert call.installation_id == github.install("snakes").id


def test_rejected_calls_are_recorded(ask, github):
    """A rejected request is recorded; a body that is not JSON is recorded as text."""
    ask.ask("POST", COMMENTS, None, data=b"\xffnonsense")
    (call,) = github.calls
    assert (call.status, call.body, call.installation_id) == (401, "\ufffdnonsense", None)


def test_journal_has_a_line_per_action(ask, github, pull):
    """The journal and its listeners get one line per action."""
    heard = []
    end = github.journal.subscribe(heard.append)
    ask("PUT", "/orgs/snakes/memberships/alice")
    ask("POST", f"/repos/{REPO}/issues/{pull}/comments", json={"body": "Welcome,\n\nalice!"})
    end()
    end()
    ask("DELETE", "/orgs/snakes/memberships/alice")
    assert heard == [
        "test-bot[bot] invites alice to snakes (pending)",
        "test-bot[bot] comments on snakes/trio#1: Welcome, alice!",
    ]
    assert github.journal.lines[-1] == "test-bot[bot] removes alice from snakes"
