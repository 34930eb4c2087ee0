"""Tests of faults, on the wire and in the recorded calls."""

import random

import pytest
import requests

from luggage.fake_github import Request, faults
from tests.support.asker import REPO

COMMENTS = f"/repos/{REPO}/issues/1/comments"


@pytest.fixture
def post_comment(ask, github, issue):
    """Post a comment while a fault is planned; return the response."""

    def post_comment(fault, **more):
        github.faults.append(faults.plan(fault, method="POST", path="*/comments", **more))
        return ask("POST", COMMENTS, json={"body": "Hi"})

    return post_comment


@pytest.fixture
def comment_count(github, issue):
    """Return the number of comments."""
    return lambda: len(github.comments(REPO, issue))


def test_dropped(post_comment, comment_count, github):
    """The connection ends without a response, and the request has no effect."""
    with pytest.raises(requests.ConnectionError, match="without response"):
        post_comment(faults.dropped())
    assert (comment_count(), github.calls[-1].status, github.calls[-1].fault) == (0, 0, "dropped")


@pytest.mark.parametrize("done", [False, True])
def test_reset(post_comment, comment_count, done):
    """The connection is reset before or after the request takes effect."""
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        post_comment(faults.reset(done=done))
    assert comment_count() == done


def test_cut_short(post_comment, comment_count):
    """The request takes effect, but the response is truncated."""
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        post_comment(faults.cut_short())
    assert comment_count() == 1


@pytest.mark.parametrize("done", [False, True])
def test_failed(post_comment, comment_count, github, done):
    """A 502 comes with or without an effect."""
    assert post_comment(faults.failed(done=done)).status_code == 502
    assert (comment_count(), github.calls[-1].status) == (done, 502)


def test_slow_is_a_timeout(ask, github, comment_count):
    """The request takes effect, and the client times out."""
    github.faults.append(faults.plan(faults.slow(60)))
    with pytest.raises(requests.Timeout):
        ask.session.post(
            ask.url + COMMENTS,
            json={"body": "Hi"},
            headers={"Authorization": f"Bearer {ask.token}"},
            timeout=0.2,
        )
    assert comment_count() == 1


def test_slow_with_a_patient_client(post_comment, comment_count):
    """A client that waits long enough gets the response."""
    assert post_comment(faults.slow(0.01)).status_code == 201
    assert comment_count() == 1


@pytest.mark.parametrize(
    ("fault", "status", "retry_after"),
    [
        (faults.too_many_requests(7), 429, "7"),
        (faults.secondary_limit(60), 403, "60"),
        (faults.secondary_limit(), 403, None),
    ],
)
def test_limits(post_comment, comment_count, fault, status, retry_after):
    """Rate limits come with or without Retry-After, and without an effect."""
    answer = post_comment(fault)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, retry_after)
    assert "secondary rate limit" in answer.json()["message"]
    assert comment_count() == 0


def test_refused(post_comment, comment_count):
    """`refused` returns any error in GitHub's format."""
    answer = post_comment(faults.refused(451, "Repository access blocked"))
    assert (answer.status_code, answer.json()["message"]) == (451, "Repository access blocked")
    assert comment_count() == 0


def test_plan_ends_after_its_times(post_comment, comment_count, ask):
    """A plan ends after its number of times."""
    statuses = [post_comment(faults.failed(done=False), times=2).status_code]
    statuses += [ask("POST", COMMENTS, json={"body": "Hi"}).status_code for _ in range(2)]
    assert statuses == [502, 502, 201]


def test_plan_ignores_other_requests(post_comment, ask):
    """A plan ignores other methods and paths."""
    post_comment(faults.failed(done=False), times=None)
    assert ask("GET", COMMENTS).status_code == 200
    assert ask("POST", f"/repos/{REPO}/labels", json={"name": "bug"}).status_code == 201


def test_the_first_plan_wins(github, ask):
    """Plans are tried in order; a finished one lets the next apply."""
    for status in (500, 503):
        github.faults.append(faults.plan(faults.failed(status, done=False)))
    statuses = [ask("GET", "/orgs/snakes").status_code for _ in range(3)]
    assert statuses == [500, 503, 200]


def test_a_share_is_repeatable():
    """The same seed hits the same requests, and about the requested share."""

    def struck(seed):
        fault = faults.dropped()
        plan = faults.plan(fault, times=None, share=0.1, rng=random.Random(seed))
        request = Request(method="GET", path="/")
        return [plan(request) is fault for _ in range(1000)]

    assert struck(7) == struck(7) != struck(8)
    assert 60 < sum(struck(7)) < 140


def test_a_share_needs_a_seed():
    """A share without a random number generator is an error."""
    with pytest.raises(ValueError, match="SEED"):
        faults.plan(faults.dropped(), share=0.5)
