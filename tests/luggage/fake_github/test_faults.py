"""Tests of faults, on the wire and in the recorded calls."""

import random

import pytest
import requests

from luggage.fake_github import Request, faults
from tests.support.asker import REPO

COMMENTS = f"/repos/{REPO}/issues/1/comments"


@pytest.fixture
def say(ask, github, issue):
    """Post a comment while a fault is planned; return the response."""

    def say(fault, **more):
        github.faults.append(faults.plan(fault, method="POST", path="*/comments", **more))
        return ask("POST", COMMENTS, json={"body": "Hi"})

    return say


@pytest.fixture
def said(github, issue):
    """Return the number of comments."""
    return lambda: len(github.comments(REPO, issue))


def test_dropped(say, said, github):
    """The connection ends without a response, and the request has no effect."""
    with pytest.raises(requests.ConnectionError, match="without response"):
        say(faults.dropped())
    assert (said(), github.calls[-1].status, github.calls[-1].fault) == (0, 0, "dropped")


@pytest.mark.parametrize("done", [False, True])
def test_reset(say, said, done):
    """The connection is reset before or after the request takes effect."""
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        say(faults.reset(done=done))
    assert said() == done


def test_cut_short(say, said):
    """The request takes effect, but the response is truncated."""
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        say(faults.cut_short())
    assert said() == 1


@pytest.mark.parametrize("done", [False, True])
def test_failed(say, said, github, done):
    """A 502 comes with or without an effect."""
    assert say(faults.failed(done=done)).status_code == 502
    assert (said(), github.calls[-1].status) == (done, 502)


def test_slow_is_a_timeout(ask, github, said):
    """The request takes effect, and the client times out."""
    github.faults.append(faults.plan(faults.slow(60)))
    with pytest.raises(requests.Timeout):
        ask.session.post(
            ask.url + COMMENTS,
            json={"body": "Hi"},
            headers={"Authorization": f"Bearer {ask.token}"},
            timeout=0.2,
        )
    assert said() == 1


def test_slow_with_a_patient_client(say, said):
    """A client that waits long enough gets the response."""
    assert say(faults.slow(0.01)).status_code == 201
    assert said() == 1


@pytest.mark.parametrize(
    ("fault", "status", "retry_after"),
    [
        (faults.too_many_requests(7), 429, "7"),
        (faults.secondary_limit(60), 403, "60"),
        (faults.secondary_limit(), 403, None),
    ],
)
def test_limits(say, said, fault, status, retry_after):
    """Rate limits come with or without Retry-After, and without an effect."""
    answer = say(fault)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, retry_after)
    assert "secondary rate limit" in answer.json()["message"]
    assert said() == 0


def test_refused(say, said):
    """`refused` returns any error in GitHub's format."""
    answer = say(faults.refused(451, "Repository access blocked"))
    assert (answer.status_code, answer.json()["message"]) == (451, "Repository access blocked")
    assert said() == 0


def test_plan_ends_after_its_times(say, said, ask):
    """A plan ends after its number of times."""
    statuses = [say(faults.failed(done=False), times=2).status_code]
    statuses += [ask("POST", COMMENTS, json={"body": "Hi"}).status_code for _ in range(2)]
    assert statuses == [502, 502, 201]


def test_plan_ignores_other_requests(say, ask):
    """A plan ignores other methods and paths."""
    say(faults.failed(done=False), times=None)
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
