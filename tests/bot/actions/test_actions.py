"""bot.actions: effects as data."""

import json

import pytest

from bot.actions import (
    Ask,
    CloseIssue,
    Comment,
    Invite,
    JoinTeam,
    OpenIssue,
    Planned,
    React,
    Rest,
)

ACTIONS = [
    Invite(organization="Snakes", person="Alice"),
    Comment(about="ping A/b/issues/7", repository="A/b", number=7, text="pong! ü", thread=56),
    React(repository="A/b", target="issues/7", content="heart"),
    JoinTeam(organization="Snakes", team="tamers", person="Alice"),
    OpenIssue(about="introduction Snakes/Alice", repository="A/b", title="Hello", text="Hi"),
    Ask(
        organization="Snakes",
        person="Alice",
        pull_request="A/b#7",
        repository="A/people",
        title="Alice?",
        text="May I?",
    ),
    CloseIssue(about="Snakes/Alice", repository="A/people", number=3),
    Rest(about="A/b/issues/1", organization="A", paused=True, ordered_at="2026-11-21T10:00:00Z"),
]


@pytest.mark.parametrize("action", ACTIONS)
def test_planned_comes_back_from_the_queue_as_it_went_in(action):
    """Decoding undoes encoding for each kind of action."""
    planned = Planned(action=action, installation=5, delivery="guid", rule="ping")
    assert Planned.decode(planned.encode()) == planned


def test_an_unknown_kind_says_that_the_version_does_not_know_it():
    """An action of a newer version is refused with its kind, not with a KeyError."""
    body = json.dumps({"kind": "sing", "action": {}, "installation": 5, "delivery": "", "rule": ""})
    with pytest.raises(ValueError, match="knows no action 'sing'"):
        Planned.decode(body.encode())


def test_keys_do_not_depend_on_case():
    """Logins and repositories are the same however they are written."""
    assert Invite(organization="Snakes", person="Alice").key == "invite:snakes/alice"


def test_invitations_of_one_organisation_wait_in_one_line():
    """So that the daily limit is kept by whoever counts, and holds up no conversation."""
    assert Invite(organization="Snakes", person="Alice").subject == "Snakes"


def test_the_key_of_a_comment_is_what_it_is_about_not_what_it_says():
    """A changed text does not make a second comment."""
    one = Comment(about="x", repository="a/b", number=7, text="one")
    two = Comment(about="x", repository="a/b", number=7, text="two")
    assert one.key == two.key


@pytest.mark.parametrize(
    ("action", "words"),
    list(
        zip(
            ACTIONS,
            [
                "invite Alice to Snakes",
                "comment on A/b#7",
                "react with heart in A/b",
                "put Alice into the team Snakes/tamers",
                "open an issue in A/b",
                "ask in A/people whether to invite Alice",
                "close A/people#3",
                "pause the work for A",
            ],
            strict=True,
        )
    ),
)
def test_actions_say_what_they_do(action, words):
    """Each action can be shown in words."""
    assert action.describe() == words
