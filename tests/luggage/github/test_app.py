"""Tests of GithubApp: settings, routes, commands and dispatch."""

import hashlib
import hmac
import json
import logging
import re
from typing import Any

import pytest
import requests

from luggage.github import (
    BadSignature,
    Client,
    ConfigurationError,
    Delivery,
    GithubApp,
    Malformed,
    Unsigned,
)
from luggage.github.conversations import reaction_url, reply_url
from luggage.github.event_table import check_restrictions
from tests.luggage.github.scripted import API, INSTALLATION, SECRET, Reply, Scripted, keys, make_app
from tests.support import event_table, octokit
from tests.support.odd import ODD


def signed(event: str, payload: Any, secret: str = SECRET) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a delivery."""
    body = json.dumps(payload).encode()
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": "d-1",
        "X-Hub-Signature-256": f"sha256={digest}",
    }
    return headers, body


def delivery(**changed: Any) -> dict[str, Any]:
    """Return the payload of an opened issue that contains a command."""
    return {
        "action": "opened",
        "installation": {"id": INSTALLATION},
        "repository": {"full_name": "o/r"},
        "sender": {"login": "alice", "type": "User"},
        "issue": {"number": 7, "body": "/ping"},
    } | changed


class Heard:
    """A handler that records its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __call__(self, *args: Any) -> None:
        self.calls.append(args)


@pytest.fixture
def heard() -> Heard:
    """Return a handler that records its calls."""
    return Heard()


# Settings


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"webhook_secrets": []}, "webhook secret is missing"),
        ({"webhook_secrets": [""]}, "webhook secret is missing"),
        ({"webhook_secrets": "hush"}, "sequence"),
        ({"app_id": ""}, "app_id"),
        ({"app_id": "1\n2"}, "app_id"),
        ({"private_key": "hush"}, "private key"),
        ({"user_agent": " "}, "user_agent"),
        ({"user_agent": "bot\r\nX-Evil: 1"}, "user_agent"),
        ({"user_agent": "bøt"}, "user_agent"),
        ({"api_url": "https://user:hush@api.github.com"}, "api_url"),
        ({"api_url": "api.github.com"}, "api_url"),
    ],
)
def test_bad_settings_raise_at_start(scripted, settings, words) -> None:
    """A bad setting raises at start; the error names the setting but not its value."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        make_app(scripted, **settings)
    assert "hush" not in str(caught.value)


def test_app_has_defaults() -> None:
    """Without session, clock and sleep the App uses defaults and api.github.com."""
    app = GithubApp(
        app_id="Iv1.abc", private_key=keys()[0], webhook_secrets=[SECRET], user_agent="bot"
    )
    assert repr(app) == "<GithubApp Iv1.abc at https://api.github.com>"


ENVIRON = {
    "GITHUB_APP_ID": "12",
    "GITHUB_PRIVATE_KEY": "",
    "GITHUB_WEBHOOK_SECRET": "one secret",
    "GITHUB_USER_AGENT": "bot",
    "GITHUB_API_URL": "https://ghes.example/api/v3",
}


def test_from_environ_reads_the_usual_variables(heard) -> None:
    """`from_environ` builds an App from the usual variables of a mapping."""
    app = GithubApp.from_environ(ENVIRON | {"GITHUB_PRIVATE_KEY": keys()[0]})
    assert repr(app) == "<GithubApp 12 at https://ghes.example/api/v3>"
    app.add(heard, "issues")
    app.dispatch_webhook(*signed("issues", delivery(), "one secret"))
    assert len(heard.calls) == 1


@pytest.mark.parametrize("secret", ODD.values(), ids=ODD)
def test_webhook_secret_may_be_any_text(secret) -> None:
    """Both webhook secrets are used unchanged except for a trailing line break."""
    secret = secret.rstrip("\r")
    environ = ENVIRON | {"GITHUB_PRIVATE_KEY": keys()[0]}
    for more in (
        {"GITHUB_WEBHOOK_SECRET": f"{secret}\n"},
        {"GITHUB_WEBHOOK_SECRET_OLD": f"{secret}\r\n"},
    ):
        app = GithubApp.from_environ(environ | more)
        app.dispatch_webhook(*signed("issues", delivery(), secret))


def test_error_for_a_bad_webhook_secret_does_not_contain_it() -> None:
    """The error for a non-text webhook secret does not contain it."""
    environ = ENVIRON | {"GITHUB_PRIVATE_KEY": keys()[0], "GITHUB_WEBHOOK_SECRET": "hush\udcff"}
    with pytest.raises(ConfigurationError, match="not UTF-8") as raised:
        GithubApp.from_environ(environ)
    assert raised.value.__context__ is None
    assert "hush" not in str(raised.value)


def test_settings_override_the_environment() -> None:
    """Explicit settings override the environment."""
    app = GithubApp.from_environ(ENVIRON, private_key=keys()[0], app_id=13)
    assert repr(app).startswith("<GithubApp 13 ")


def test_missing_variables_are_named() -> None:
    """The error names all missing or empty variables except the optional API URL."""
    with pytest.raises(ConfigurationError, match=r"^not set: GITHUB_PRIVATE_KEY$"):
        GithubApp.from_environ(ENVIRON)
    with pytest.raises(ConfigurationError, match=r"APP_ID, .*KEY, .*SECRET, GITHUB_USER_AGENT$"):
        GithubApp.from_environ({})


def test_client_repr_names_its_owner(app) -> None:
    """The repr of a client names its owner."""
    shown = [repr(c) for c in (app.app_client, app.client_for(7), app.client_for(7).read_only())]
    assert shown == [
        "<Client of the App>",
        "<Client of installation 7>",
        "<Client of installation 7, read-only>",
    ]


# Routes


def test_handler_gets_event_payload_and_client(app, heard) -> None:
    """A handler gets the event, the payload and the installation's client."""
    app.add(heard, "issues")
    app.dispatch_webhook(*signed("issues", delivery()))
    [(event, payload, client)] = heard.calls
    assert (event, payload) == ("issues", delivery())
    assert repr(client) == f"<Client of installation {INSTALLATION}>"
    assert isinstance(client, Client)


@pytest.mark.parametrize(
    ("restrictions", "calls"),
    [
        ({}, 1),
        ({"action": "opened"}, 1),
        ({"action": "closed"}, 0),
        ({"action": "opened", "repository": {"full_name": "o/r"}}, 1),
        ({"action": "opened", "repository": {"full_name": "o/x"}}, 0),
        ({"changes": None}, 0),
    ],
)
def test_restrictions_filter_deliveries(app, heard, restrictions, calls) -> None:
    """Each restriction requires a value of a top-level field."""
    app.add(heard, "issues", **restrictions)
    app.dispatch_webhook(*signed("issues", delivery()))
    assert len(heard.calls) == calls


@pytest.mark.parametrize(
    ("event", "restrictions", "told"),
    [
        ("pull_requests", {}, "no event 'pull_requests'; did you mean 'pull_request'?"),
        ("issues.opened", {}, "use 'issues', action='opened'"),
        ("Issues", {}, "did you mean 'issues'?"),
        ("", {}, "GitHub has no event ''"),
        ("issues", {"action": "open"}, "no action 'open'; did you mean 'opened'?"),
        ("issues", {"action": "synchronize"}, "no action 'synchronize': it has assigned, closed"),
        ("issues", {"action": None}, "no action None"),
        ("issues", {"actoin": "opened"}, "no field 'actoin'; did you mean 'action'?"),
        ("push", {"action": "opened"}, "push has no field 'action'"),
    ],
)
def test_what_github_never_sends_cannot_be_added(app, heard, event, restrictions, told) -> None:
    """A misspelt route would never fire; the error has the name that was meant."""
    with pytest.raises(ValueError, match=re.escape(told)):
        app.add(heard, event, **restrictions)


@pytest.mark.parametrize("values", [["opened", "closed"], ("opened",), {"opened"}])
def test_a_list_of_values_cannot_be_added(app, heard, values) -> None:
    """No field equals it; the error says to add the handler once for each."""
    with pytest.raises(TypeError, match="once for each"):
        app.add(heard, "issues", action=values)


async def _later(*_: object) -> None: ...


class _Later:
    async def __call__(self, *_: object) -> None: ...


@pytest.mark.parametrize("fn", [_later, _Later()], ids=["function", "object"])
def test_an_async_handler_is_refused(app, fn) -> None:
    """Nobody would await it."""
    with pytest.raises(TypeError, match="handlers are plain functions"):
        app.route("issues")(fn)
    with pytest.raises(TypeError, match="handlers are plain functions"):
        app.route_command("/ping")(fn)


def test_events_without_actions_of_their_own_take_any(app, heard) -> None:
    """The sender of a repository_dispatch invents its action."""
    app.add(heard, "repository_dispatch", action="on-demand-test")


def test_the_table_is_githubs() -> None:
    """It has the events, actions and fields of GitHub's description."""
    text = event_table.MODULE.read_text()
    assert event_table.written(text) == text


def test_the_table_fits_githubs_examples() -> None:
    """Each example's event, action and fields are known."""
    for example in octokit.examples():
        action = {"action": example.payload["action"]} if "action" in example.payload else {}
        check_restrictions(example.event, dict.fromkeys(example.payload) | action)


def test_a_stored_delivery_is_dispatched_again(app, heard) -> None:
    """A queue or a replay has no signed body any more."""
    app.add(heard, "issues", action="opened")
    stored = app.dispatch_webhook(*signed("issues", delivery()))
    assert app.dispatch(Delivery("other", stored.event, stored.payload)).id == "other"
    assert len(heard.calls) == 2


def test_handlers_ignore_other_events(app, heard) -> None:
    """A handler only receives its own event."""
    app.add(heard, "pull_request")
    app.dispatch_webhook(*signed("issues", delivery()))
    assert heard.calls == []


def test_decorators_return_the_function(app) -> None:
    """A decorator returns the function unchanged, so it can have several routes."""

    def fn(*_: object) -> None: ...

    assert app.route("issues")(app.route("pull_request", action="opened")(fn)) is fn
    assert app.route_command("/ping")(fn) is fn


def test_handlers_run_in_order(app) -> None:
    """Matching handlers run in the order they were added, commands last."""
    order: list[int] = []
    app.add_command(lambda *_: order.append(3), "/ping")
    app.add(lambda *_: order.append(1), "issues")
    app.add(lambda *_: order.append(2), "issues", action="opened")
    app.dispatch_webhook(*signed("issues", delivery()))
    assert order == [1, 2, 3]


def test_one_failing_handler_does_not_stop_the_others(app, heard) -> None:
    """All handlers run; their failures are raised as a group at the end."""

    def fail(*_: object) -> None:
        raise ValueError("first")

    def fail_too(*_: object) -> None:
        raise KeyError("second")

    for fn in (fail, heard, fail_too, heard):
        app.add(fn, "issues")
    with pytest.raises(ExceptionGroup, match=r"2 handler\(s\) of delivery d-1 failed") as caught:
        app.dispatch_webhook(*signed("issues", delivery()))
    assert [type(error) for error in caught.value.exceptions] == [ValueError, KeyError]
    assert len(heard.calls) == 2


def test_dispatch_returns_the_delivery(app) -> None:
    """`dispatch_webhook` returns the delivery."""
    got = app.dispatch_webhook(*signed("issues", delivery()))
    assert (got.id, got.event, got.action) == ("d-1", "issues", "opened")


def test_without_installation_nothing_is_dispatched(app, heard, caplog) -> None:
    """A delivery without an installation is logged and not dispatched."""
    app.add(heard, "issues")
    with caplog.at_level(logging.INFO):
        app.dispatch_webhook(*signed("issues", delivery(installation=None)))
    assert heard.calls == []
    assert "no installation, not dispatched" in caplog.text


@pytest.mark.parametrize(
    ("headers", "body", "kind"),
    [
        ({}, b"{}", Unsigned),
        (signed("issues", {}, "wrong")[0], b"{}", BadSignature),
        ({k: v for k, v in signed("x", {})[0].items() if k != "X-GitHub-Event"}, b"{}", Malformed),
    ],
)
def test_bad_deliveries_are_rejected(app, heard, headers, body, kind) -> None:
    """A delivery that fails verification reaches no handler."""
    app.add(heard, "issues")
    with pytest.raises(kind):
        app.dispatch_webhook(headers, body)
    assert heard.calls == []


def test_both_secrets_are_valid_during_rotation(scripted) -> None:
    """During a rotation, deliveries signed with either secret are dispatched."""
    app = make_app(scripted, webhook_secrets=["old", "new"])
    for secret in ("old", "new"):
        assert app.dispatch_webhook(*signed("issues", delivery(), secret)).id == "d-1"


# Commands

PULL = {"pull_request": {"number": 7, "body": "/ping"}}
COMMENT = {"comment": {"id": 9, "body": "/ping"}}


@pytest.mark.parametrize(
    ("event", "changed"),
    [
        ("issues", {}),
        ("pull_request", PULL),
        ("issue_comment", {"action": "created", **COMMENT}),
        ("pull_request_review_comment", {"action": "created", **PULL, **COMMENT}),
        ("pull_request_review", {"action": "submitted", **PULL, "review": {"body": "/ping"}}),
    ],
)
def test_commands_come_from_five_kinds_of_comment(app, heard, event, changed) -> None:
    """Each of the five kinds of comment can contain a command."""
    app.add_command(heard, "/ping")
    app.dispatch_webhook(*signed(event, delivery(**changed)))
    assert [call[:2] for call in heard.calls] == [(["/ping"], event)]


@pytest.mark.parametrize(
    ("event", "changed"),
    [
        ("issues", {"action": "edited"}),
        ("issue_comment", {"action": "deleted", **COMMENT}),
        ("pull_request_review", {"action": "dismissed", **PULL, "review": {"body": "/ping"}}),
        ("commit_comment", {"action": "created", **COMMENT}),
        ("issues", {"sender": {"login": "some-app[bot]", "type": "Bot"}}),
        ("issues", {"issue": {"number": 7, "body": "> /ping"}}),
        ("issues", {"issue": {"number": 7, "body": None}}),
        ("issues", {"issue": None}),
    ],
)
def test_other_deliveries_give_no_commands(app, heard, event, changed) -> None:
    """Edits, other events, quotes, empty texts and bots give no commands."""
    app.add_command(heard, "/ping")
    app.dispatch_webhook(*signed(event, delivery(**changed)))
    assert heard.calls == []


def test_commands_have_words(app, heard) -> None:
    """Handlers receive the words of their command; unknown commands are ignored."""
    app.add_command(heard, "/label")
    issue = {"number": 7, "body": "/label bug\n/unknown\n/label help wanted\n/labels x"}
    app.dispatch_webhook(*signed("issues", delivery(issue=issue)))
    assert [call[0] for call in heard.calls] == [["/label", "bug"], ["/label", "help", "wanted"]]


def test_handlers_do_not_share_words(app, heard) -> None:
    """Each handler gets its own list of words."""

    def greedy(words: list[str], *_: object) -> None:
        words.clear()

    app.add_command(greedy, "/ping")
    app.add_command(heard, "/ping")
    app.dispatch_webhook(*signed("issues", delivery()))
    assert heard.calls[0][0] == ["/ping"]


def test_sender_may_be_missing(app, heard) -> None:
    """A delivery without a sender can contain a command."""
    app.add_command(heard, "/ping")
    app.dispatch_webhook(*signed("issues", delivery(sender=None)))
    assert len(heard.calls) == 1


@pytest.mark.parametrize("command", ["/Ping", "/ping!", "/PING"])
def test_a_command_is_registered_as_it_is_parsed(app, heard, command) -> None:
    """Its word is in lower case, without punctuation behind it."""
    app.add_command(heard, command)
    app.dispatch_webhook(*signed("issues", delivery()))
    assert len(heard.calls) == 1


@pytest.mark.parametrize("origin", ["old_issue", "old_repository"])
def test_a_transferred_issue_contains_no_command(app, heard, origin) -> None:
    """It was written in another repository, and answered there."""
    app.add_command(heard, "/ping")
    app.dispatch_webhook(*signed("issues", delivery(changes={origin: {"id": 1}})))
    assert heard.calls == []


@pytest.mark.parametrize("command", ["ping", "/", "/ping pong", "/1", "", "/ ping", "//ping"])
def test_malformed_commands_raise(app, heard, command) -> None:
    """`add_command` rejects a command that could never match."""
    with pytest.raises(ValueError, match=r"is not a command; use a slash and a word"):
        app.add_command(heard, command)


# A forged payload

EVIL = "https://evil.example/collect"


def poisoned(value: Any) -> Any:
    """Return the payload with every URL replaced by one of ours."""
    addresses = dict.fromkeys(
        ["url", "html_url", "comments_url", "issues_url", "pulls_url", "reviews_url", "href"], EVIL
    )
    if isinstance(value, dict):
        return addresses | {name: poisoned(inner) for name, inner in value.items()}
    return value


def test_forged_urls_are_never_requested(app, scripted) -> None:
    """Nothing is sent to the URLs of a forged payload."""

    def answer(event: str, payload: dict[str, Any], client: Client) -> None:
        client.post(reply_url(event, payload), json={"body": "pong!"})
        client.post(str(reaction_url(event, payload)), json={"content": "heart"})

    scripted.on("POST", "/repos/o/r/issues/7/comments", Reply(201, {"url": EVIL}))
    scripted.on("POST", "/repos/o/r/issues/7/reactions", Reply(201, {"url": EVIL}))
    app.add(answer, "issues")
    app.dispatch_webhook(*signed("issues", poisoned(delivery())))
    assert len(scripted.sent) == 3
    assert all(str(request.url).startswith(f"{API}/") for request in scripted.sent)


def test_url_as_a_path_raises(app, scripted) -> None:
    """A handler that uses a URL of the payload as a path gets an error."""

    def careless(_event: str, payload: dict[str, Any], client: Client) -> None:
        client.post(payload["issue"]["comments_url"], json={"body": "pong!"})

    app.add(careless, "issues")
    with pytest.raises(ExceptionGroup):
        app.dispatch_webhook(*signed("issues", poisoned(delivery())))
    assert scripted.sent == []


def test_session_can_be_passed(scripted: Scripted) -> None:
    """A session passed by the caller is used unchanged, with its proxies and CA bundle."""
    with requests.Session() as session:
        session.mount("https://", scripted)
        app = make_app(scripted, session=session)
        scripted.on("GET", "/app", Reply(200, {"id": 123}))
        assert app.app_client.get("/app") == {"id": 123}
