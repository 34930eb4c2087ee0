"""Fixtures: a scripted GitHub, and an App and a client connected to it."""

import pytest

from luggage.github import Client, GithubApp
from tests.luggage.github.scripted import INSTALLATION, Clock, Scripted, make_app


@pytest.fixture
def standing_clock() -> Clock:
    """Return a clock that moves only when code sleeps."""
    return Clock()


@pytest.fixture
def scripted(standing_clock: Clock) -> Scripted:
    """Return a GitHub with scripted responses."""
    return Scripted(standing_clock)


@pytest.fixture
def app(scripted: Scripted) -> GithubApp:
    """Return an App connected to the scripted GitHub."""
    return make_app(scripted)


@pytest.fixture
def client(app: GithubApp) -> Client:
    """Return a client of one installation."""
    return app.client_for(INSTALLATION)
