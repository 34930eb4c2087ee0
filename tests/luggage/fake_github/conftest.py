"""A simulated GitHub with one repository, served, and somebody who asks it."""

import pytest

from luggage.fake_github import FakeGithub
from tests.support.asker import REPO, Asker


@pytest.fixture
def github(clock):
    """A simulated GitHub with one repository, by the clock of the test."""
    fake = FakeGithub(clock=clock)
    fake.add_repository(REPO)
    return fake


@pytest.fixture
def ask(github):
    """Asks as the installation on the organization `snakes`."""
    with github.serve() as server:
        asker = Asker(github, server.url)
        asker.login("snakes")
        github._calls.clear()
        yield asker
        asker.close()


@pytest.fixture
def pull(github):
    """The number of an open pull request of alice."""
    return github.open_pull_request(REPO, "alice", "Fix it").payload["number"]


@pytest.fixture
def issue(github):
    """The number of an open issue of bob."""
    return github.open_issue(REPO, "bob", "It fails").payload["issue"]["number"]
