"""Fixtures: a served simulated GitHub with one repository, and a client."""

import pytest

from luggage.fake_github import FakeGithub
from tests.support.asker import REPO, Asker


@pytest.fixture
def github(clock):
    """A simulated GitHub with one repository and a test clock."""
    fake = FakeGithub(clock=clock)
    fake.add_repository(REPO)
    return fake


@pytest.fixture
def ask(github):
    """A client for the installation on the organization `snakes`."""
    with github.serve() as server:
        asker = Asker(github, server.url)
        asker.login("snakes")
        github._calls.clear()
        yield asker
        asker.close()


@pytest.fixture
def pull(github):
    """The number of an open pull request by alice."""
    return github.open_pull_request(REPO, "alice", "Fix it").payload["number"]


@pytest.fixture
def issue(github):
    """The number of an open issue by bob."""
    return github.open_issue(REPO, "bob", "It fails").payload["issue"]["number"]
