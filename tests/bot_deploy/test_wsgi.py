"""The web process, wired: with and without signing in by GitHub."""

import pytest

from bot_deploy.config import ConfigError, load
from bot_deploy.migrate import migrate
from bot_deploy.wsgi import make_app

APP = {"GITHUB_APP_ID": "1", "GITHUB_PRIVATE_KEY": "-", "GITHUB_WEBHOOK_SECRET": "s"}
CLIENT = {"GITHUB_CLIENT_ID": "Iv1.1", "GITHUB_CLIENT_SECRET": "c"}


@pytest.fixture
def client_of(tmp_path):
    """Makes a browser at a bot with these settings."""

    def make(environ):
        config = load({**environ, "BOT_DATA": str(tmp_path)}, {})
        migrate(config)
        return make_app(config).test_client()

    return make


def test_with_a_client_id_github_is_offered(client_of):
    """And the browser is sent to the server that is configured."""
    client = client_of({**APP, **CLIENT, "GITHUB_SERVER_URL": "https://github.example"})
    assert "Sign in with GitHub" in client.get("/console/sign-in").text
    there = client.get("/console/sign-in/github").headers["Location"]
    assert there.startswith("https://github.example/login/oauth/authorize?client_id=Iv1.1&")


def test_without_one_there_are_links(client_of):
    """A bot whose App has no client secret has a console all the same."""
    client = client_of(APP)
    assert "Sign in with GitHub" not in client.get("/console/sign-in").text
    assert client.get("/").status_code == 200


def test_a_client_id_without_its_secret_is_an_error(client_of):
    """It is told at the start, with the remedy."""
    with pytest.raises(ConfigError, match="GITHUB_CLIENT_SECRET is missing"):
        client_of({**APP, "GITHUB_CLIENT_ID": "Iv1.1"})


def test_whatever_is_answered_is_protected(client_of):
    """Errors that no page answers too."""
    answer = client_of(APP).get("/nothing/here")
    assert answer.status_code == 404
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
