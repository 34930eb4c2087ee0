"""Tests of docs/library.md: its code runs, and it covers every public name."""

import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

import luggage.github
from luggage.fake_github import FakeGithub
from tests.support.inbox import MemoryInbox

if TYPE_CHECKING:
    import flask

PAGE = (Path(__file__).parents[3] / "docs/library.md").read_text()
BOT, ONE_MORE, SIGNING_IN, REQUESTS, RECOVERY, BEHIND_A_PROXY = re.findall(
    r"```python\n(.*?)```", PAGE, re.DOTALL
)


@pytest.fixture
def github() -> Iterator[FakeGithub]:
    """Yield a simulated GitHub that serves its API, with one repository."""
    fake = FakeGithub()
    fake.add_repository("acme/widgets")
    fake.add_user("alice")
    with fake.serve():
        yield fake


@pytest.fixture
def bot(github: FakeGithub, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the namespace of the page's bot after running it."""
    monkeypatch.setenv("GITHUB_APP_ID", str(github.app_id))
    monkeypatch.setenv("GITHUB_PRIVATE_KEY", github.private_key)
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", github.webhook_secret)
    monkeypatch.setenv("GITHUB_USER_AGENT", "pong")
    monkeypatch.setenv("GITHUB_API_URL", github.world.api_url)
    names: dict[str, Any] = {"__name__": "pong"}
    exec(BOT, names)
    return names


def test_bot_has_ten_lines() -> None:
    """The bot has ten lines, as the page says."""
    assert len(BOT.splitlines()) == 10


def test_bot_answers_ping(github, bot) -> None:
    """The page's bot replies to a signed /ping delivery with a comment."""
    event, payload = github.open_issue("acme/widgets", "alice", "A title", "/ping")
    headers, body = github.signed(event, payload)
    answer = bot["web"].test_client().post("/webhook/github", headers=headers, data=body)
    assert answer.status_code == 202
    comments = github.comments("acme/widgets", payload["issue"]["number"])
    assert [comment.body for comment in comments] == ["pong!"]


def test_error_handler_answers_bad_deliveries(bot) -> None:
    """With the page's error handler, an unsigned delivery gets a 401."""
    exec(ONE_MORE, bot)
    web: flask.Flask = bot["web"]
    assert web.test_client().post("/webhook/github", data=b"{}").status_code == 401


def test_bot_without_the_error_handler_answers_500(bot) -> None:
    """Without the error handler, an unsigned delivery gets a 500 and reaches no handler."""
    assert bot["web"].test_client().post("/webhook/github", data=b"{}").status_code == 500


def test_requests_of_the_page_run(github, bot, capsys) -> None:
    """The page's requests work."""
    github.open_issue("acme/widgets", "alice", "A title", None)
    github.comment("acme/widgets", 1, "alice", "so it says")
    names = {
        "app": bot["github"],
        "installation_id": github.install("acme").id,
        "org": "acme",
        "login": "alice",
        "owner": "acme",
        "repo": "widgets",
    }
    exec(REQUESTS, names)
    assert github.membership("acme", "alice").state == "pending"
    assert capsys.readouterr().out.splitlines()[0] == "so it says"


def test_recovery_of_the_page_fetches_missed_deliveries(github, bot) -> None:
    """One run of the page's recovery puts a missed delivery into the inbox."""
    github.miss(*github.open_issue("acme/widgets", "alice", "A title", None))
    inbox = MemoryInbox()
    names = {"app": bot["github"], "inbox": inbox, "time": time}
    exec(RECOVERY, vars(luggage.github) | names)
    assert [event for event, _ in inbox.received.values()] == ["issues"]


def test_sign_in_of_the_page_returns_the_login() -> None:
    """The page's sign-in code returns the person's login."""
    github = FakeGithub(callback_urls=["http://bot.example/back"])
    github.set_browser_user("alice")
    app = github.world.app
    with github.serve() as server:
        names = {"client_id": app.client_id, "client_secret": app.client_secret, "time": time}
        names |= {"secrets": secrets, "server_url": server.url, "api_url": server.url}
        names |= vars(luggage.github)
        exec(SIGNING_IN, names)
        back = requests.get(names["address"], allow_redirects=False, timeout=5).headers["Location"]
        query = parse_qs(urlsplit(back).query)
        assert query["state"] == [names["state"]]
        assert names["came_back"](query["code"][0]) == "alice"
        names["oauth"].session.close()


def test_session_of_the_page_is_made() -> None:
    """The page's session has the given proxies and CA bundle."""
    names: dict[str, Any] = {"requests": luggage.github.transport.requests, **vars(luggage.github)}
    exec("\n".join(BEHIND_A_PROXY.splitlines()[:2]), names)
    assert names["session"].verify == "/etc/ssl/our-authority.pem"
    names["session"].close()


@pytest.mark.parametrize("name", luggage.github.__all__)
def test_public_names_are_on_the_page(name) -> None:
    """The page mentions every public name."""
    assert re.search(rf"\b{name}\b", PAGE)
