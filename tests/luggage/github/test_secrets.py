"""Tests that secrets do not appear in reprs, logs, errors, tracebacks or local variables."""

import logging
import traceback
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

import pytest
import requests

from luggage.github import Client, GithubApp, GithubError
from luggage.github.secret import SecretText
from tests.luggage.github.scripted import INSTALLATION, SECRET, TOKENS, Reply, Scripted, keys
from tests.luggage.github.test_app import delivery, signed

FAILURES: list[Reply | Exception] = [
    Reply(401),
    Reply(403),
    Reply(422, {"message": "no"}),
    Reply(429),
    Reply(502),
    Reply(200, content=b"<html>"),
    Reply(307, headers={"Location": "https://evil.example/?hush"}),
    requests.ReadTimeout("hush"),
    requests.ConnectionError("hush"),
]


def frames(of: TracebackType | None) -> Iterator[Any]:
    while of is not None:
        yield of.tb_frame
        of = of.tb_next


def shown_by(error: BaseException) -> str:
    """Return what a crash report shows: the error, its causes and local variables."""
    texts = [repr(error), str(error), str(vars(error))]
    for part in (error, error.__cause__, error.__context__):
        for frame in frames(part.__traceback__ if part else None):
            if "luggage/github" in frame.f_code.co_filename.replace("tests/luggage", ""):
                texts += [repr(value) for value in frame.f_locals.values()]
    return "\n".join(texts)


def all_secrets(scripted: Scripted) -> list[str]:
    bearers = [str(r.headers["Authorization"]).removeprefix("Bearer ") for r in scripted.sent]
    return [*bearers, SECRET, keys()[0][40:80], "ghs_secret"]


def ask(client: Client) -> object:
    return client.post("/x", json={"body": "hi"})


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("path", ["/x", TOKENS])
def test_failures_show_no_secret(client, scripted, caplog, failure, path) -> None:
    """No failed request or renewal reveals a token or JWT."""
    scripted.on("POST", path, failure)
    with caplog.at_level(logging.DEBUG), pytest.raises(GithubError) as caught:
        ask(client)
    shown = shown_by(caught.value) + caplog.text
    assert [secret for secret in all_secrets(scripted) if secret in shown] == []


def test_redirect_and_network_errors_show_no_secret(client, scripted) -> None:
    """Errors do not repeat the text of redirects and network errors."""
    for failure in FAILURES[-3:]:
        scripted.on("POST", "/x", failure)
        with pytest.raises(GithubError) as caught:
            ask(client)
        assert "hush" not in str(caught.value) + repr(caught.value)


def test_success_logs_no_secret(app, client, scripted, caplog) -> None:
    """Successful requests and deliveries log neither secrets nor payloads."""
    scripted.on("POST", "/x", Reply(201, {}))
    with caplog.at_level(logging.DEBUG):
        ask(client)
        app.dispatch_webhook(*signed("issues", delivery()))
    assert "POST /x: 201" in caplog.text
    assert "delivery d-1: issues opened" in caplog.text
    hidden = [*all_secrets(scripted), "alice", "/ping"]
    assert [secret for secret in hidden if secret in caplog.text] == []


@pytest.mark.parametrize("show", [repr, str, lambda thing: repr(vars(thing))])
def test_reprs_show_no_secret(app: GithubApp, scripted, show: Callable[[object], str]) -> None:
    """The reprs of the App, its clients and their parts contain no secret."""
    client = app.client_for(INSTALLATION)
    app.token_for(INSTALLATION)
    exchange = client._exchange
    parts = [app, client, exchange, exchange._gate, app._tokens, app._wire, app._app]
    shown = "\n".join(show(part) for part in parts)
    assert [secret for secret in all_secrets(scripted) if secret in shown] == []


def test_token_has_a_hidden_repr(app) -> None:
    """A token works as a string but has a hidden repr."""
    token = app.token_for(INSTALLATION)
    assert (token, repr(token), repr([token])) == ("ghs_secret1", "'***'", "['***']")
    assert isinstance(token, SecretText)


def test_rejected_delivery_shows_no_secret(app) -> None:
    """The error of a wrong signature does not reveal the right one."""
    headers, body = signed("issues", delivery(), "wrong")
    right = signed("issues", delivery())[0]["X-Hub-Signature-256"]
    with pytest.raises(GithubError) as caught:
        app.dispatch_webhook(headers, body)
    text = "".join(traceback.format_exception(caught.value)) + shown_by(caught.value)
    assert (SECRET in text, right in text) == (False, False)
