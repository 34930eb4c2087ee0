"""Tests over HTTP against the simulated GitHub, checked with GitHub's OpenAPI description."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from luggage.fake_github import FakeGithub, faults
from luggage.github import Ambiguous, Client, GithubApp, GithubError, RateLimited, make_session
from tests.support.clock import FakeClock
from tests.support.openapi import CheckingServer

COMMENTS = "/repos/acme/widgets/issues/1/comments"


@dataclass
class Scene:
    """A simulated GitHub with one issue, and a client of its installation."""

    fake: FakeGithub
    app: GithubApp
    client: Client

    def comments(self) -> list[str]:
        return [comment.body for comment in self.fake.comments("acme/widgets", 1)]


def scene_at(fake: FakeGithub, url: str, clock: FakeClock) -> Iterator[Scene]:
    """Yield a scene, and close its connections at the end."""
    installation = fake.install("acme")
    fake.open_issue("acme/widgets", "alice", "A title", None)
    with make_session() as session:
        app = GithubApp(
            app_id=fake.app_id,
            private_key=fake.private_key,
            webhook_secrets=[fake.webhook_secret],
            user_agent="portmanteau-tests",
            api_url=url,
            session=session,
            clock=clock,
            sleep=clock.advance,
            wait=clock.advance,
        )
        yield Scene(fake, app, app.client_for(installation.id))


@pytest.fixture
def fake() -> FakeGithub:
    """Return a simulated GitHub with an organization, a repository and a person."""
    fake = FakeGithub()
    fake.add_repository("acme/widgets")
    fake.add_user("alice")
    return fake


@pytest.fixture
def scene(fake: FakeGithub, clock: FakeClock) -> Iterator[Scene]:
    """Yield a scene over HTTP; our clock differs from GitHub's by months."""
    with fake.serve() as server:
        yield from scene_at(fake, server.url, clock)


def test_requests_conform_to_githubs_description(fake, clock) -> None:
    """Each kind of request conforms to GitHub's OpenAPI description."""
    with CheckingServer(fake) as server:
        for scene in scene_at(fake, server.url, clock):
            client = scene.client
            client.put("/orgs/{org}/memberships/{username}", org="acme", username="alice")
            client.post(COMMENTS, json={"body": "Welcome! ünï 🎉"})
            client.post("/repos/acme/widgets/issues/1/reactions", json={"content": "heart"})
            assert [one["body"] for one in client.pages(COMMENTS)] == ["Welcome! ünï 🎉"]
            assert scene.app.app_client.get("/app")["id"] == fake.app_id
        assert server.violations == []


def test_wrong_clock_is_corrected(scene) -> None:
    """After GitHub rejects a JWT, the App corrects its dates by GitHub's clock and gets a token."""
    assert scene.client.get("/repos/acme/widgets")["full_name"] == "acme/widgets"


@pytest.mark.parametrize(
    "fault",
    [faults.reset(done=True), faults.cut_short(), faults.failed(502, done=True)],
    ids=lambda fault: fault.name,
)
def test_writes_without_a_response_are_ambiguous(scene, fault) -> None:
    """A write that took effect without a response is Ambiguous."""
    scene.fake.faults = [faults.plan(fault, method="POST", path=COMMENTS)]
    with pytest.raises(Ambiguous):
        scene.client.post(COMMENTS, json={"body": "once"})
    assert scene.comments() == ["once"]


@pytest.mark.parametrize(
    "fault",
    [faults.dropped(), faults.reset(done=False), faults.failed(503, done=False)],
    ids=lambda fault: fault.name,
)
def test_failed_writes_without_a_response_are_ambiguous(scene, fault) -> None:
    """A write that failed without a response is Ambiguous too, never Unreachable."""
    scene.fake.faults = [faults.plan(fault, method="POST", path=COMMENTS)]
    with pytest.raises(Ambiguous):
        scene.client.post(COMMENTS, json={"body": "never"})
    assert scene.comments() == []


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (faults.too_many_requests(30), 30),
        (faults.secondary_limit(45), 45),
        (faults.secondary_limit(), 60),
    ],
)
def test_rate_limits_are_respected(scene, clock, fault, seconds) -> None:
    """Nothing is sent while a rate limit lasts; then the same write succeeds."""
    scene.fake.faults = [faults.plan(fault, method="POST", path=COMMENTS)]
    for _ in range(2):
        with pytest.raises(RateLimited) as caught:
            scene.client.post(COMMENTS, json={"body": "later"})
    assert len(scene.fake.calls_to("POST", COMMENTS)) == 1
    assert caught.value.retry_at - clock() == pytest.approx(seconds, abs=2.0)
    clock.now = caught.value.retry_at
    scene.client.post(COMMENTS, json={"body": "later"})
    assert scene.comments() == ["later"]


def test_unchanged_answer_costs_no_limit(scene) -> None:
    """A repeated read gets a 304, which GitHub does not count."""
    first = scene.client.get("/repos/acme/widgets")
    remaining = scene.client.rate_limit.remaining
    assert scene.client.get("/repos/acme/widgets") == first
    assert scene.fake.calls[-1].status == 304
    assert scene.client.rate_limit.remaining == remaining


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: c.get("/repos/{o}/{r}", o="acme", r="../../orgs/acme"),
        lambda c: c.get("/repos/{o}/{r}", o="acme", r="wid%67ets"),
        lambda c: c.get("/users/{u}", u="ünï"),
    ],
)
def test_hostile_names_are_not_found(scene, ask: Callable[[Client], object]) -> None:
    """A name that looks like a path reaches GitHub as one unknown name."""
    with pytest.raises(GithubError):
        ask(scene.client)
    assert scene.fake.calls[-1].status == 404


def test_all_pages_are_read(scene, clock) -> None:
    """All comments come in order, along GitHub's own links."""
    for number in range(5):
        scene.client.post(COMMENTS, json={"body": str(number)})
    comments = scene.client.pages(COMMENTS, params={"per_page": 2})
    assert [one["body"] for one in comments] == ["0", "1", "2", "3", "4"]
    assert len(scene.fake.calls_to("GET", COMMENTS)) == 3
