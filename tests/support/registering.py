"""A person who registers an App at the simulated GitHub, without a browser."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any
from urllib.parse import urlencode, urljoin

import requests

from luggage.fake_github import Answer, FakeGithub, Request

MANIFEST = {
    "name": "Snake Charmer",
    "url": "https://snakes.example",
    "hook_attributes": {"url": "https://bot.example/webhook/github", "active": True},
    "redirect_url": "http://127.0.0.1:1/registered",
    "public": False,
    "default_permissions": {"issues": "write", "pull_requests": "write"},
    "default_events": ["issues", "pull_request"],
}


@contextmanager
def enterprise_server() -> Iterator[FakeGithub]:
    """A GitHub with pages and API at one address, and an organisation without our App."""
    fake = FakeGithub()
    fake.add_organization("snakes", installed=False)
    with fake.serve() as server:
        fake.world.server_url = server.url
        yield fake


def submit(fake: FakeGithub, path: str, **fields: str) -> Answer:
    """Submit a form to a page, as a browser does."""
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
    """Confirm the name of an App; returns the redirect, or the form with an error."""
    text = json.dumps(MANIFEST | more)
    path = f"/organizations/{organization}/settings/apps"
    return submit(fake, path, manifest=text, name=name or MANIFEST["name"], state=state)


def registered(fake: FakeGithub, **more: Any) -> str:
    """GitHub's redirect after an App was created, with the code in the query."""
    answer = create(fake, **more)
    assert answer.status == 302, answer.body
    return str(answer.headers["Location"])


class Person(threading.Thread):
    """A person who presses each button of a page, starting at an address.

    `pages` are the texts of the visited pages. `change(fields)` edits a form, `lead(url)` its
    target, and the last page is reloaded `reloads` times.
    """

    def __init__(
        self,
        address: str,
        *,
        change: Callable[[dict[str, str]], object] = bool,
        lead: Callable[[str], str] = str,
        reloads: int = 0,
    ) -> None:
        super().__init__(name="person")
        self._address = address
        self._change = change
        self._lead = lead
        self._reloads = reloads
        self.pages: list[str] = []

    def run(self) -> None:
        """Continue until a page has no button."""
        with requests.Session() as session:
            session.trust_env = False
            page = session.get(self._address, timeout=20)
            self.pages.append(page.text)
            while form := re.search(r'<form method="post" action="([^"]+)">', page.text):
                page = self._press(session, page, unescape(form[1]))
            for _ in range(self._reloads):
                self.pages.append(session.get(page.url, timeout=20).text)

    def _press(
        self, session: requests.Session, page: requests.Response, action: str
    ) -> requests.Response:
        inputs = re.findall(r'name="(\w+)" value="([^"]*)"', page.text)
        fields = {name: unescape(value) for name, value in inputs}
        self._change(fields)
        target = self._lead(urljoin(page.url, action))
        page = session.post(target, data=fields, timeout=20)
        self.pages.append(page.text)
        return page
