"""Tests of all of GitHub's example payloads."""

import hashlib
import hmac
import json
import re

from luggage.github.conversations import get_comment_body, reaction_url, reply_url
from luggage.github.routes import commands_in
from luggage.github.webhooks import Delivery, read
from tests.support.octokit import examples

CONVERSATIONS = {
    "issues",
    "pull_request",
    "issue_comment",
    "pull_request_review_comment",
    "pull_request_review",
}
PATH = re.compile(r"/repos/[\w.-]+/[\w.-]+/(issues|pulls)(/[\w-]+)+")


def deliveries() -> list[Delivery]:
    """Return all examples as deliveries; skip if they are not available."""
    read_ones = []
    for example in examples():
        body = json.dumps(example.payload).encode()
        signature = "sha256=" + hmac.new(b"secret", body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": signature, "X-GitHub-Delivery": "1"}
        read_ones.append(read(headers | {"X-GitHub-Event": example.event}, body, ["secret"]))
    return read_ones


def test_every_example_is_a_delivery() -> None:
    """All 329 examples decode unchanged."""
    assert [(d.event, d.payload) for d in deliveries()] == [
        (example.event, example.payload) for example in examples()
    ]


def test_every_example_can_be_parsed_for_commands() -> None:
    """Command parsing works for every example."""
    assert all(isinstance(commands_in(delivery), list) for delivery in deliveries())


def test_every_conversation_can_be_answered() -> None:
    """Each example of the five kinds has a text and valid paths."""
    talks = [d for d in deliveries() if d.event in CONVERSATIONS]
    assert {d.event for d in talks} == CONVERSATIONS
    for talk in talks:
        assert isinstance(get_comment_body(talk.event, talk.payload), str)
        assert PATH.fullmatch(reply_url(talk.event, talk.payload))
        assert PATH.fullmatch(reaction_url(talk.event, talk.payload) or "/repos/o/r/issues/1")
