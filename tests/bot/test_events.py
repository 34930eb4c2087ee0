"""bot.events: payloads become frozen views."""

import pytest

from bot.events import Event, Person, PullRequest, Repository, subject, view

ALICE = {"login": "alice", "type": "User"}
REPOSITORY = {"full_name": "snakes/trio", "private": False}


def test_view_names_who_merged_what_where():
    """The view of a closed pull request holds what the invitation rule asks for."""
    payload = {
        "action": "closed",
        "installation": {"id": 5},
        "organization": {"login": "snakes"},
        "repository": REPOSITORY,
        "pull_request": {"number": 7, "merged": True, "user": ALICE},
    }
    assert view("pull_request", payload) == Event(
        name="pull_request",
        action="closed",
        installation=5,
        organization="snakes",
        repository=Repository("snakes/trio"),
        pull_request=PullRequest(7, Person("alice"), merged=True),
    )


def test_view_of_an_empty_payload_knows_nothing():
    """A payload without any of the parts is no error: they are None."""
    assert view("meta", {}) == Event(name="meta", action=None)


@pytest.mark.parametrize("user", [None, {}, {"login": None}])
def test_view_of_a_deleted_account_has_no_author(user):
    """GitHub sends null for the author of a deleted account."""
    event = view("pull_request", {"pull_request": {"number": 7, "user": user}})
    assert event.pull_request == PullRequest(7, None)


@pytest.mark.parametrize(
    "user",
    [
        {"login": "dependabot[bot]", "type": "Bot"},
        {"login": "x[bot]"},
        {"login": "x", "type": "Bot"},
    ],
)
def test_view_knows_a_program_by_its_type_or_its_login(user):
    """Programs are told from people."""
    event = view("pull_request", {"pull_request": {"number": 7, "user": user}})
    assert event.pull_request.author.is_bot


WRITTEN = [
    (
        "issues",
        "opened",
        {"issue": {"number": 7, "body": "/ping", "user": ALICE}},
        "issues/7",
        None,
    ),
    (
        "pull_request",
        "opened",
        {"pull_request": {"number": 7, "body": "/ping", "user": ALICE}},
        "issues/7",
        None,
    ),
    (
        "issue_comment",
        "created",
        {"issue": {"number": 7}, "comment": {"id": 55, "body": "/ping", "user": ALICE}},
        "issues/comments/55",
        None,
    ),
    (
        "pull_request_review_comment",
        "created",
        {"pull_request": {"number": 7}, "comment": {"id": 56, "body": "/ping", "user": ALICE}},
        "pulls/comments/56",
        56,
    ),
    (
        "pull_request_review_comment",
        "created",
        {
            "pull_request": {"number": 7},
            "comment": {"id": 57, "in_reply_to_id": 56, "body": "/ping", "user": ALICE},
        },
        "pulls/comments/57",
        56,
    ),
    (
        "pull_request_review",
        "submitted",
        {"pull_request": {"number": 7}, "review": {"id": 9, "body": "/ping", "user": ALICE}},
        None,
        None,
    ),
]


@pytest.mark.parametrize(("name", "action", "parts", "target", "thread"), WRITTEN)
def test_view_finds_the_message_in_each_kind_of_text(name, action, parts, target, thread):
    """Each of the five places to write gives a message with its reaction target and thread."""
    message = view(name, {"action": action, **parts}).message
    assert (message.target, message.thread) == (target, thread)
    assert message.commands() == [["/ping"]]


@pytest.mark.parametrize(("name", "action", "parts", "target", "thread"), WRITTEN)
def test_view_has_no_message_for_an_edited_text(name, action, parts, target, thread):
    """An edited text is no new message."""
    assert view(name, {"action": "edited", **parts}).message is None


def test_commands_of_programs_do_not_count():
    """A bot that quotes a command does not give one, or two bots could talk for ever."""
    user = {"login": "other[bot]", "type": "Bot"}
    payload = {"action": "opened", "issue": {"number": 7, "body": "/ping", "user": user}}
    assert view("issues", payload).message.commands() == []


def test_a_message_without_text_has_no_commands():
    """GitHub sends null for an empty body."""
    payload = {"action": "opened", "issue": {"number": 7, "body": None, "user": ALICE}}
    assert view("issues", payload).message.commands() == []


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"repository": REPOSITORY, "pull_request": {"number": 7}}, "snakes/trio#7"),
        ({"repository": REPOSITORY, "issue": {"number": 8}}, "snakes/trio#8"),
        ({"repository": REPOSITORY}, "snakes/trio"),
        ({"organization": {"login": "snakes"}}, "snakes"),
        ({}, ""),
    ],
)
def test_subject_is_what_the_delivery_is_about(payload, expected):
    """The subject is as narrow as the payload allows."""
    assert subject(payload) == expected
