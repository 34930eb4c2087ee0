"""A person at the pages of the simulated GitHub who registers an App, without a browser."""

import json
from typing import Any
from urllib.parse import urlencode

from luggage.github.testing import Answer, FakeGithub, Request

MANIFEST = {
    "name": "Snake Charmer",
    "url": "https://snakes.example",
    "hook_attributes": {"url": "https://bot.example/webhook/github", "active": True},
    "redirect_url": "http://127.0.0.1:1/registered",
    "public": False,
    "default_permissions": {"issues": "write", "pull_requests": "write"},
    "default_events": ["issues", "pull_request"],
}


def submit(fake: FakeGithub, path: str, **fields: str) -> Answer:
    """Send a form to a page, as a browser does."""
    path, _, query = path.partition("?")
    request = Request(
        method="POST",
        path=path,
        query=dict(pair.split("=") for pair in query.split("&") if pair),
        headers={"user-agent": "a browser"},
        body=urlencode(fields).encode(),
    )
    return fake.handle(request).answer


def create(
    fake: FakeGithub, *, organization: str = "snakes", name: str = "", state: str = "", **more: Any
) -> Answer:
    """Confirm the name of an App; answered with the way back, or with the form and a complaint."""
    text = json.dumps(MANIFEST | more)
    path = f"/organizations/{organization}/settings/apps"
    return submit(fake, path, manifest=text, name=name or MANIFEST["name"], state=state)


def registered(fake: FakeGithub, **more: Any) -> str:
    """Where GitHub leads back to after an App was made, with the code in the query."""
    answer = create(fake, **more)
    assert answer.status == 302, answer.body
    return str(answer.headers["Location"])
