"""The simulated GitHub against GitHub's OpenAPI description and real payloads."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from luggage.fake_github import Answer, ChangedFile, FakeGithub, Request, faults
from tests.support import octokit, openapi
from tests.support.asker import REPO, Asker
from tests.support.registering import registered

ROOT = f"/repos/{REPO}"


@pytest.fixture
def github():
    """A world with one of everything."""
    fake = FakeGithub(app_slug="judge-me")
    fake.open_issue(REPO, "bob", "It fails", "Help")
    fake.open_pull_request(REPO, "alice", "Fix it")
    fake.comment(REPO, 1, "bob", "Anyone?")
    fake.label_issue(REPO, 1, "olga", "good first issue")
    fake.review(REPO, 2, "olga", "Fine", "approved")
    fake.review_comment(REPO, 2, "olga", "Why?")
    fake.merge_pull_request(REPO, "alice", number=2)
    fake.add_member("snakes", "olga", role="admin")
    fake.add_member("snakes", "ida", state="pending")
    fake.add_file(REPO, ".github/bot.toml", "a = 1\n")
    fake.add_file(REPO, ".github/bot.toml", "a = 2\n", commit="0" * 40)
    fake.world.repositories[REPO].check_runs[7] = {
        "id": 7,
        "head_sha": "0" * 40,
        "name": "bot.toml",
        "status": "completed",
        "conclusion": "success",
        "completed_at": 0.0,
    }
    fake.add_team("snakes", "Tamers", "tom")
    fake.open_pull_request(REPO, "alice", "And this", "It is for #1")
    fake.push_to_pull_request(REPO, 3, "alice", files=[ChangedFile("b.py", previous="a b.py")])
    fake.request_review(REPO, 3, "alice", "olga")
    fake.assign(REPO, 1, "olga", "bob")
    fake.miss(*fake.star(REPO, "bob"))
    return fake


@pytest.fixture
def judge(github):
    """A server that records what GitHub's description does not allow."""
    with openapi.CheckingServer(github) as server:
        yield server


@pytest.fixture
def ask(github, judge):
    """Send requests to the simulated GitHub through the judge."""
    asker = Asker(github, judge.url)
    asker.login("snakes")
    yield asker
    asker.close()


def _ids(github):
    (comment,) = github.comments(REPO, 1)
    (on_diff,) = github.world.review_comments.values()
    return {
        "root": ROOT,
        "comment": comment.id,
        "diff": on_diff.id,
        "installation": github.install("snakes").id,
        "delivery": github.hooks.sent[0].id,
        "check": 7,
        "sha": "0" * 40,
    }


@pytest.mark.parametrize(
    "path",
    [
        "/app",
        "/app/installations",
        "/app/installations/{installation}",
        "/orgs/snakes/installation",
        "{root}/installation",
        "/app/hook/config",
        "/app/hook/deliveries",
        "/app/hook/deliveries?status=failure&per_page=1",
        "/app/hook/deliveries/{delivery}",
    ],
)
def test_reads_of_the_app_match_the_description(github, judge, ask, path):
    """Each GET of the App gets a 200 that matches the description."""
    answer = ask.as_app("GET", path.format(**_ids(github)))
    assert (answer.status_code, judge.violations) == (200, [])


@pytest.mark.parametrize(
    "path",
    [
        "/users/alice",
        "/users/judge-me%5Bbot%5D",
        "/orgs/snakes",
        "/orgs/snakes/members",
        "/orgs/snakes/memberships/olga",
        "/orgs/snakes/memberships/ida",
        "/orgs/snakes/invitations",
        "/orgs/snakes/teams",
        "/orgs/snakes/teams/tamers/memberships/tom",
        "/rate_limit",
        "/installation/repositories",
        "{root}",
        "{root}/labels",
        "{root}/contents/.github%2Fbot.toml",
        "{root}/contents/.github%2Fbot.toml?ref={sha}",
        "{root}/commits/{sha}/check-runs?check_name=bot.toml&filter=all",
        "{root}/contents/.github/bot.toml",
        "{root}/collaborators/olga/permission",
        "{root}/issues?creator=bob&state=all&sort=created&direction=asc&per_page=1",
        "{root}/issues/1",
        "{root}/issues/2",
        "{root}/issues/1/labels",
        "{root}/issues/1/comments?per_page=100&page=1",
        "{root}/issues/comments/{comment}",
        "{root}/issues/1/reactions",
        "{root}/issues/comments/{comment}/reactions?content=heart",
        "{root}/issues?assignee=bob&state=all&sort=updated&direction=asc",
        "{root}/issues/1/timeline?per_page=100",
        "{root}/issues/2/timeline",
        "{root}/issues/3/timeline",
        "{root}/labels/Good%20First%20Issue",
        "{root}/pulls?state=open&base=main&per_page=100",
        "{root}/pulls/3",
        "{root}/pulls/3/files",
        "{root}/pulls/2",
        "{root}/pulls/2/reviews",
        "{root}/pulls/2/comments",
        "{root}/pulls/comments/{diff}",
        "{root}/pulls/comments/{diff}/reactions",
        "/search/issues?q=is:pr+is:merged+author:alice+org:snakes",
    ],
)
def test_reads_of_an_installation_match_the_description(github, judge, ask, path):
    """Each GET of an installation gets a 200 that matches the description."""
    answer = ask("GET", path.format(**_ids(github)))
    assert (answer.status_code, judge.violations) == (200, [])


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/orgs/snakes/memberships/alice", {"role": "member"}, 200),
        ("DELETE", "/orgs/snakes/memberships/olga", None, 204),
        ("GET", "/orgs/snakes/members/olga", None, 204),
        ("GET", "/orgs/snakes/members/ida", None, 404),
        ("GET", "/orgs/snakes/memberships/bob", None, 404),
        ("PUT", "/orgs/snakes/teams/tamers/memberships/alice", {"role": "maintainer"}, 200),
        ("PUT", "/orgs/snakes/teams/tamers/memberships/olga", None, 200),
        ("PUT", "/orgs/snakes/teams/tamers/memberships/judge-me%5Bbot%5D", None, 422),
        ("GET", "/orgs/snakes/teams/tamers/memberships/bob", None, 404),
        ("GET", "/orgs/snakes/teams/nobodies/memberships/bob", None, 404),
        ("DELETE", "/orgs/snakes/teams/tamers/memberships/tom", None, 204),
        ("POST", "{root}/issues", {"title": "Hi", "body": "There"}, 201),
        ("POST", "{root}/issues", {"title": " "}, 422),
        ("PATCH", "{root}/issues/1", {"state": "closed"}, 200),
        ("PATCH", "{root}/issues/1", {"title": "Ho", "body": None, "state": "open"}, 200),
        ("POST", "{root}/labels", {"name": "bug"}, 201),
        ("POST", "{root}/issues/1/labels", {"labels": ["bug"]}, 200),
        ("DELETE", "{root}/issues/1/labels/good%20first%20issue", None, 200),
        ("GET", "{root}/issues/1/assignees/olga", None, 204),
        ("GET", "{root}/issues/1/assignees/ida", None, 404),
        ("GET", "{root}/labels/nothing", None, 404),
        ("POST", "{root}/issues/1/assignees", {"assignees": ["olga"]}, 201),
        ("DELETE", "{root}/issues/1/assignees", {"assignees": ["bob"]}, 200),
        ("PATCH", "{root}/issues/1", {"state": "closed", "state_reason": "not_planned"}, 200),
        ("PATCH", "{root}/issues/2", {"state": "open"}, 422),
        ("POST", "{root}/issues/1/comments", {"body": "Hi"}, 201),
        ("POST", "{root}/issues/1/comments", {"body": " "}, 422),
        ("POST", "{root}/issues/99/comments", {"body": "Hi"}, 404),
        ("PATCH", "{root}/issues/comments/{comment}", {"body": "Hello"}, 200),
        ("DELETE", "{root}/issues/comments/{comment}", None, 204),
        ("POST", "{root}/issues/1/reactions", {"content": "heart"}, 201),
        ("POST", "{root}/issues/comments/{comment}/reactions", {"content": "+1"}, 201),
        ("POST", "{root}/pulls/comments/{diff}/reactions", {"content": "eyes"}, 201),
        ("POST", "{root}/pulls/2/comments/{diff}/replies", {"body": "Because"}, 201),
        ("PATCH", "{root}/pulls/comments/{diff}", {"body": "How?"}, 200),
        (
            "POST",
            "{root}/check-runs",
            {
                "name": "bot.toml",
                "head_sha": "0" * 40,
                "external_id": "x",
                "status": "completed",
                "conclusion": "success",
                "output": {"title": "Fine", "summary": "Nothing", "text": "| |"},
            },
            201,
        ),
        ("PATCH", "{root}/check-runs/{check}", {"output": {"title": "Ho", "summary": "x"}}, 200),
        ("PATCH", "{root}/check-runs/1", {"name": "x"}, 404),
    ],
)
def test_writes_of_an_installation_match_the_description(
    github, judge, ask, method, path, body, status
):
    """Each write gets a response that matches the description, refusals included."""
    answer = ask(method, path.format(**_ids(github)), json=body)
    assert (answer.status_code, judge.violations) == (status, [])


def test_a_redelivery_is_as_described(github, judge, ask):
    """The response to a redelivery request matches the description."""
    path = f"/app/hook/deliveries/{_ids(github)['delivery']}/attempts"
    assert (ask.as_app("POST", path).status_code, judge.violations) == (202, [])


def test_an_app_from_a_manifest_is_as_described(github, judge, ask):
    """A registered App's secrets match the description, and come only once."""
    location = registered(github)
    code = dict(parse_qsl(urlsplit(location).query))["code"]
    path = f"/app-manifests/{code}/conversions"
    answers = [ask.ask("POST", path, None) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 404]
    assert ask.as_app("GET", "/app").json()["id"] == answers[0].json()["id"]
    assert judge.violations == []


def test_a_repeated_reaction_is_as_described(judge, ask):
    """A 200 for the repetition matches the description."""
    path = f"{ROOT}/issues/1/reactions"
    statuses = [ask("POST", path, json={"content": "heart"}).status_code for _ in range(2)]
    assert (statuses, judge.violations) == ([201, 200], [])


def test_nothing_new_is_as_described(judge, ask):
    """A 304 has no body."""
    tag = ask("GET", f"{ROOT}/issues/1").headers["ETag"]
    again = ask("GET", f"{ROOT}/issues/1", headers={"If-None-Match": tag})
    assert (again.status_code, judge.violations) == (304, [])


def test_refusals_have_githubs_form(judge, ask):
    """A 401, and a 403 for another installation's organisation, have GitHub's error format."""
    ask.fake.add_organization("lions", installed=False)
    wrong = ask.ask("GET", "/orgs/snakes", "Bearer nonsense")
    elsewhere = ask("GET", "/orgs/lions/members/alice")
    assert (wrong.status_code, elsewhere.status_code, judge.violations) == (401, 403, [])


# The judge detects faults


def _request(method: str, path: str, body: bytes = b"", **headers: str) -> Request:
    usual = {
        "accept": "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
        "user-agent": "judge",
        "authorization": "Bearer x",
        "content-type": "application/json",
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path, _, query = path.partition("?")
    pairs = dict(pair.split("=") for pair in query.split("&") if pair)
    return Request(method=method, path=path, query=pairs, headers=usual | named, body=body)


COMMENT = "/repos/a/b/issues/1/comments"


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (_request("GET", "/no/such/thing"), "no such operation"),
        (_request("PUT", COMMENT), "no such operation"),
        (_request("POST", "/graphql", user_agent=""), "no User-Agent"),
        (_request("GET", COMMENT, user_agent=""), "no User-Agent"),
        (_request("GET", COMMENT, accept="*/*"), "Accept is '*/*'"),
        (_request("GET", COMMENT, x_github_api_version="1"), "X-GitHub-Api-Version is '1'"),
        (_request("GET", COMMENT, authorization="Basic x"), "no Authorization"),
        (_request("GET", COMMENT, b"{}"), "a body where none is documented"),
        (_request("GET", f"{COMMENT}?sort=up"), "an unknown parameter 'sort'"),
        (_request("GET", f"{COMMENT}?page=x"), "'x' is not of type 'integer'"),
        (_request("GET", f"{COMMENT}?since=today"), "'today' is not a 'date-time'"),
        (_request("GET", "/repos/a/b/issues/x/comments"), "'x' is not of type 'integer'"),
        (_request("GET", "/search/issues"), "the parameter 'q' is missing"),
        (_request("POST", COMMENT), "the body is missing"),
        (_request("POST", COMMENT, b"{"), "the body is no JSON"),
        (_request("POST", COMMENT, b"{}"), "'body' is a required property"),
        (_request("POST", COMMENT, b'{"body": null}'), "None is not of type 'string'"),
        (_request("POST", COMMENT, b'{"body": "x", "bod": 1}'), "an unknown field 'bod'"),
        (_request("POST", COMMENT, b"{}", content_type="text/plain"), "of the type 'text/plain'"),
        (
            _request("POST", "/repos/a/b/issues/1/reactions", b'{"content": "shrug"}'),
            "'shrug' is not one of",
        ),
    ],
)
def test_the_judge_notes_a_wrong_request(request_, problem):
    """The judge records each deviation of a request from the description."""
    found = openapi.description().problems_of_request(request_)
    assert problem in "\n".join(found)


@pytest.mark.parametrize(
    "request_",
    [
        _request("GET", f"{COMMENT}?per_page=100&page=2&since=2026-11-21T10:00:00Z"),
        _request("POST", COMMENT, b'{"body": "Hi"}'),
        _request("PUT", "/orgs/a/memberships/b"),
        _request("GET", "/app/installations?outdated=x"),
        _request("POST", "/graphql", b'{"query": "{ viewer { login } }"}'),
    ],
)
def test_the_judge_lets_good_requests_pass(request_):
    """The judge does not record what the description allows."""
    assert openapi.description().problems_of_request(request_) == []


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Answer(200, [{"id": 1}]), "is a required property"),
        (Answer(200, None), "None is not of type 'array'"),
        (Answer(202, []), "a status that is not documented"),
        (Answer(500, {"message": 7}), "7 is not of type 'string'"),
        (Answer(404, {"message": 7}), "7 is not of type 'string'"),
    ],
)
def test_the_judge_notes_a_wrong_answer(answer, problem):
    """The judge records each deviation of a response from the description."""
    found = openapi.description().problems_of_answer(_request("GET", COMMENT), answer)
    assert problem in "\n".join(found)


def test_the_judge_notes_a_body_where_none_belongs():
    """The judge records a 204 with a body."""
    request = _request("DELETE", "/orgs/a/memberships/b")
    found = openapi.description().problems_of_answer(request, Answer(204, {}))
    assert "a body where none is documented" in found[0]


def test_the_judge_does_not_mind_faults(github, judge, ask):
    """The judge ignores a response that a test has spoiled on purpose."""
    github.faults.append(faults.plan(faults.failed(502, done=True)))
    ask("GET", "/orgs/snakes")
    assert judge.violations == []


# Webhooks


def _story(fake: FakeGithub) -> Iterator[Any]:
    yield fake.open_issue(REPO, "bob", "It fails", "Help")
    yield fake.label_issue(REPO, 1, "olga", "bug")
    yield fake.comment(REPO, 1, "bob", "/ping")
    yield fake.close_issue(REPO, 1, "olga")
    yield fake.open_pull_request(REPO, "alice", "Fix it")
    yield fake.comment(REPO, 2, "alice", "Ready")
    yield fake.review(REPO, 2, "olga", None)
    yield fake.review(REPO, 2, "olga", "Good", "approved")
    first = fake.review_comment(REPO, 2, "olga", "Why?")
    yield first
    yield fake.review_comment(
        REPO, 2, "alice", "Because", in_reply_to=first.payload["comment"]["id"]
    )
    yield fake.merge_pull_request(REPO, "alice", number=2)
    yield fake.open_pull_request(REPO, "eve")
    yield fake.push_to_pull_request(REPO, 3, "eve")
    yield fake.rename_pull_request(REPO, 3, "eve", "Better")
    yield fake.request_review(REPO, 3, "eve", "olga")
    yield fake.assign(REPO, 1, "olga", "bob")
    yield fake.close_pull_request(REPO, 3, "olga")
    yield fake.reopen_pull_request(REPO, 3, "eve")
    yield fake.star(REPO, "bob")
    yield fake.push(REPO, "olga")
    yield fake.ping()
    fake.add_member("snakes", "alice", state="pending")
    yield fake.accept_invitation("snakes", "alice")
    yield fake.leave("snakes", "alice")
    yield fake.invite_by_hand("snakes", "bob")


STORY = tuple(_story(FakeGithub()))
_names = [f"{event}-{payload.get('action')}" for event, payload in STORY]


@pytest.mark.parametrize("happening", STORY, ids=_names)
def test_a_payload_is_as_described(happening):
    """Each scenario's payload is valid by the description of its webhook."""
    assert openapi.description().problems_of_payload(*happening) == []


def _paths(value: Any, at: str = "") -> Iterator[str]:
    """Return the path of every key of an object, with [] for the items of arrays."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{at}.{name}"
            yield from _paths(inner, f"{at}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, f"{at}[]")


def _empty(value: Any, at: str = "") -> Iterator[str]:
    """Return the paths that end in null or an empty array."""
    if value is None or value == []:
        yield at
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _empty(inner, f"{at}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _empty(inner, f"{at}[]")


def _lacking(example: Any, ours: Any) -> set[str]:
    ends = tuple(_empty(ours))
    lacking = set(_paths(example)) - set(_paths(ours))
    return {path for path in lacking if not path.startswith(tuple(f"{end}." for end in ends))
            and not path.startswith(tuple(f"{end}[" for end in ends))}  # fmt: skip


@pytest.mark.parametrize(
    "happening",
    # All real pings are of repositories' and organizations' hooks; an App's has no sender.
    [each for each in STORY if each.event != "ping"],
    ids=lambda each: f"{each.event}-{each.payload.get('action')}",
)
def test_a_payload_has_what_real_ones_have(happening):
    """Our payloads have every key that all real payloads of the event and action have."""
    event, payload = happening
    real = [
        example.payload
        for example in octokit.examples()
        if example.event == event and example.payload.get("action") == payload.get("action")
    ]
    # GitHub's examples show only some actions; what there is none of is held to the description.
    lacking = [_lacking(example, payload) for example in real] or [set()]
    assert set.intersection(*lacking) == set()


def test_the_comparison_sees_what_is_missing():
    """It finds a missing key at any depth, but not below null or an empty array."""
    example = {"a": {"b": 1, "c": [{"d": 1}]}, "e": {"f": 1}, "g": [{"h": 1}]}
    ours = {"a": {"c": [{}]}, "e": None, "g": []}
    assert _lacking(example, ours) == {".a.b", ".a.c[].d"}


def test_there_are_329_examples():
    """The project has all 329 example payloads."""
    assert len(octokit.examples()) == 329
