"""The way of one /ping, from the webhook to the comment."""

import hashlib
import hmac
import json

import pytest
from flask import Flask

from bot.web import app as web
from tests.support.walks import passed

SECRET = "it is raining"
# Up to the end of the reaction. Nothing serves the webhook here, and nothing shares limits.
MOST_FILES = 49


@pytest.fixture
def client(store, board, clock, queue):
    """A client of the web process."""
    dependencies = web.WebDependencies(
        name="test-bot", secrets=[SECRET], queue=queue, board=board, clock=clock, settle_seconds=0
    )
    app = Flask("bot", static_folder=None)
    app.register_blueprint(web.blueprint(dependencies))
    return app.test_client()


def test_a_ping_passes_few_files(client, github, settled):
    """A newcomer who follows a /ping opens few files; each further indirection is one more."""
    github.open_issue("snakes/trio", "bob")

    def ping(guid):
        event, payload = github.comment("snakes/trio", 1, "bob", "/ping")
        body = json.dumps(payload).encode()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": guid,
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        assert client.post("/webhook/github", data=body, headers=headers).status_code == 202
        settled()

    ping("first")  # asks for a token, and for settings files
    with passed() as files:
        ping("second")
    files = {file for file in files if not file.startswith("luggage/fake_github/")}
    assert {"bot/web/webhook.py", "bot/rules/ping.py", "luggage/github/transport.py"} <= files
    assert len(files) <= MOST_FILES, sorted(files)
