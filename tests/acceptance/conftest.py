"""The simulated GitHub of the acceptance tests."""

import pytest

from luggage.fake_github import FakeGithub
from tests.support.openapi import CheckingServer


@pytest.fixture
def github():
    """A simulated GitHub, with an organisation that has one repository."""
    fake = FakeGithub()
    fake.add_repository("snakes/trio")
    return fake


@pytest.fixture
def judge(github):
    """GitHub's own OpenAPI description between the bot and the simulated GitHub."""
    with CheckingServer(github) as server:
        yield server
